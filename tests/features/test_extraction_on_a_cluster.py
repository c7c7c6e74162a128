"""Extraction by the processes of a Dask cluster on this machine: the same files, also where a worker dies."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from vqa.cluster import Cluster, dask_cluster
from vqa.data.image_sources import find_sources
from vqa.errors import ConfigError, VqaError
from vqa.features.encoders import ImageEncoder
from vqa.features.extraction import extract

pytest.importorskip("dask.distributed", reason="Dask is not installed: pip install 'vqa[dask]'")
# Dask opens and closes sockets and event loops in threads of its own.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve images, of which two cannot be used."""
    folder = tmp_path_factory.mktemp("images")
    random = np.random.default_rng(3)
    for number in range(12):
        Image.fromarray(random.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{number:02}.png")
    (folder / "05.png").write_bytes(b"not an image")
    (folder / "11.png").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def encoder() -> ImageEncoder:
    return ImageEncoder("resnet18_v1", weights="random", size=32, seed=4)


@pytest.fixture(scope="module")
def cluster() -> Any:
    with dask_cluster(2, None) as cluster:
        yield cluster


def content(path: Path) -> list[bytes]:
    return [file.read_bytes() for file in (path, path.with_suffix(".ids.txt"), path.with_suffix(".json"))]


@pytest.fixture(scope="module")
def whole(folder: Path, encoder: ImageEncoder, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """What one process writes."""
    path = tmp_path_factory.mktemp("whole") / "f.npy"
    extract(find_sources(folder), path, encoder, batch_size=2)
    return content(path)


def test_the_files_are_those_of_one_process(
    folder: Path, encoder: ImageEncoder, whole: list[bytes], cluster: Cluster, tmp_path: Path
) -> None:
    result = extract(find_sources(folder), tmp_path / "f.npy", encoder, batch_size=2, cluster=cluster)
    assert content(tmp_path / "f.npy") == whole
    assert sorted(result.failures) == ["05.png", "11.png"]


def test_an_interrupted_extraction_computes_only_what_is_missing(
    folder: Path, encoder: ImageEncoder, whole: list[bytes], cluster: Cluster, tmp_path: Path
) -> None:
    class Stopped(Cluster):
        """Ends after two pieces, and notes all that it was given."""

        def __init__(self, pieces: int) -> None:
            super().__init__(cluster.client, cluster.num_workers)
            self.pieces, self.given = pieces, []

        def in_order(self, function: Any, pieces: Any) -> Any:
            pieces = list(pieces)
            self.given = [piece[0] for piece in pieces]
            for number, result in enumerate(super().in_order(function, pieces)):
                if number == self.pieces:
                    raise KeyboardInterrupt
                yield result

    with pytest.raises(KeyboardInterrupt):
        extract(find_sources(folder), tmp_path / "f.npy", encoder, batch_size=2, cluster=Stopped(2))
    rest = Stopped(100)
    extract(find_sources(folder), tmp_path / "f.npy", encoder, batch_size=2, cluster=rest)
    assert content(tmp_path / "f.npy") == whole
    assert [name for names in rest.given for name in names] == [f"{number:02}.png" for number in range(4, 12)]


def _die_once(flag: str, number: int) -> tuple[int, int]:
    """End the process that computes piece 3, the first time."""
    if number == 3 and not Path(flag).exists():
        Path(flag).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number, os.getpid()


def test_the_pieces_of_a_worker_that_dies_are_computed_again(cluster: Cluster, tmp_path: Path) -> None:
    results = list(cluster.in_order(_die_once, ((str(tmp_path / "died"), number) for number in range(40))))
    assert (tmp_path / "died").exists()
    assert [number for number, _ in results] == list(range(40))
    assert os.getpid() not in {process for _, process in results}


def _die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_piece_that_ends_workers_is_an_error(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster.client.cluster.scheduler, "allowed_failures", 1)
    with pytest.raises(VqaError, match=r"a piece of the work ended 2 workers one after another"):
        list(cluster.in_order(_die, [(1,)]))


def test_a_scheduler_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.cluster.SECONDS_TO_CONNECT", 1)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at tcp://127.0.0.1:9: expected"):
        dask_cluster(None, "tcp://127.0.0.1:9").__enter__()
    with pytest.raises(ConfigError, match="got both"):
        dask_cluster(2, "tcp://127.0.0.1:9").__enter__()
    with dask_cluster(None, None) as nothing:
        assert nothing is None
