"""Run folders that somebody else prepared: one line, nothing outside is read or written, nothing large is allocated."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_training_data import train, write_card

import vqa
from vqa.errors import ConfigError, RunError, VqaError
from vqa.files import replacing, sha256_of_file
from vqa.inspection.plots import save_training_plots
from vqa.training.run_folder import locked


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    train(write_card(folder), folder / "run", epochs=1)
    return folder


@pytest.fixture
def run(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "copy")
    return tmp_path / "copy" / "run"


def array_header(shape: list[int], number_type: int = 0) -> bytes:
    axes = struct.pack(f"<i{len(shape)}q", len(shape), *shape)
    return struct.pack("<Ii", 0xF993FAC9, 0) + axes + struct.pack("<iii", 1, 0, number_type)


ONE = struct.pack("<QQQ", 0x112, 0, 1)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        # Each kills MXNet's own reader, or makes it take gigabytes: a sparse array, a name of 2**32 letters.
        (ONE + struct.pack("<Ii", 0xF993FAC9, 1) + b"\xff" * 64, "sparse"),
        (ONE + array_header([1]) + b"abcd" + struct.pack("<QQ", 1, 2**32), "name 1 of 1"),
        (ONE + array_header([2**40]), "array 1 of 1"),
        (ONE + array_header([2**62, 4]), "array 1 of 1"),
        (struct.pack("<QQQ", 0x112, 0, 2**60), "claims to hold"),
        (ONE + array_header([4], 99) + bytes(64), "unknown type"),
    ],
)
@pytest.mark.parametrize("name", ["best.params", "last.params", "trainer.states"])
def test_parameter_files_are_checked_before_mxnet_reads_them(run: Path, name: str, data: bytes, message: str) -> None:
    (run / name).write_bytes(data)
    record = "run.json" if name == "best.params" else "loop.json"
    change(run / record, lambda values: values["sha256"].update({name: sha256_of_file(run / name)}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(RunError, match=message) as caught:
        vqa.load_run(run) if name == "best.params" else resumed(run)
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


def change(path: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    values = json.loads(path.read_text())
    how(values)
    path.write_text(json.dumps(values))


def resumed(run: Path) -> None:
    train(run.parent / "card.toml", run, epochs=1, resume=True)


@pytest.mark.parametrize(
    "how",
    [
        lambda record: record["sha256"].update({"../card.toml": "0"}),
        lambda record: record["sha256"].update({"/etc/passwd": "0"}),
        lambda record: record["sha256"].update({"vocab.json": 7}),
        lambda record: record.update(sha256=[]),
        lambda record: record.update(best_epoch="1"),
        lambda record: record.update(loss=["softmax"]),
        lambda record: record.update(seed="one"),
        lambda record: record.update(seed=2**70),
        lambda record: record.update(card=7),
        lambda record: record.update(card="\0", card_from_here="\0"),
        lambda record: record.update(best=[]),
        lambda record: record.update(network=[]),
        lambda record: record["network"].update(preset=["mlp"]),
        lambda record: record["network"].update(image_shape=[10**6, 10**6]),
        lambda record: record["network"].update(image_shape=[-1]),
        lambda record: record["network"]["options"].update(hidden_size=10**9),
        lambda record: record["network"]["options"].update(embedding_size=10**30),
        lambda record: record["network"]["options"].update(hidden_size="x"),
    ],
)
def test_what_run_json_says_is_checked(run: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    change(run / "run.json", how)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(VqaError) as caught:
        vqa.load_run(run).predict("test")
    assert "\n" not in str(caught.value)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize(
    "how",
    [
        lambda record: record.update(epoch="1"),
        lambda record: record.update(step=-1),
        lambda record: record.update(optimizer={}),
        lambda record: record["optimizer"].update(index_update_count={"x": 1}),
        lambda record: record.update(best=7),
        lambda record: record["sha256"].update({"../card.toml": "0"}),
        lambda record: record.pop("seconds"),
    ],
)
def test_what_loop_json_says_is_checked(run: Path, how: Callable[[dict[str, Any]], Any]) -> None:
    change(run / "loop.json", how)
    with pytest.raises(VqaError) as caught:
        resumed(run)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["last.params.next", "train.log", ".lock", "loop.json.next"])
def test_links_in_a_run_folder_are_not_written_through(run: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (run / name).unlink(missing_ok=True)
    (run / name).symlink_to(victim)
    change(run / "config.json", lambda values: values.update(epochs=2))
    with contextlib.suppress(VqaError, OSError):  # refused, or written beside the link
        train(run.parent / "card.toml", run, epochs=2, resume=True)
    assert victim.read_text() == "mine"


def test_a_link_in_place_of_the_event_files_folder_is_not_followed(
    run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    theirs = tmp_path / "theirs" / "events.out.tfevents.1.host"
    theirs.parent.mkdir()
    theirs.write_text("mine")
    (run / "tensorboard").symlink_to(theirs.parent)
    (run / "learning_curves.svg").symlink_to(theirs)
    save_training_plots(run)
    assert list(theirs.parent.iterdir()) == [theirs]
    assert theirs.read_text() == "mine"
    assert "tensorboard is a link" in caplog.text
    assert not (run / "learning_curves.svg").is_symlink()


@pytest.mark.parametrize("name", ["history.csv", "train.log", "vocab.json", "commit.json"])
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_read(run: Path, name: str, kind: str) -> None:
    """A pipe would be waited for, and /dev/zero has no end."""
    (run / name).unlink(missing_ok=True)
    os.mkfifo(run / name) if kind == "pipe" else (run / name).symlink_to("/dev/zero")
    with pytest.raises(RunError, match=f"{name} is not a regular file"):
        resumed(run)


def test_a_link_where_a_temporary_file_will_be_is_not_followed(tmp_path: Path) -> None:
    victim, report = tmp_path / "victim", tmp_path / "report"
    victim.write_text("mine")
    (tmp_path / f".report.{os.getpid()}.tmp").symlink_to(victim)
    with replacing(report) as file:
        file.write("new")
    assert victim.read_text() == "mine"
    assert report.read_text() == "new"
    assert not report.is_symlink()


def test_a_run_that_lacks_its_last_state_is_not_begun_anew(run: Path) -> None:
    best = (run / "best.params").read_bytes()
    for name in ("loop.json", "last.params", "trainer.states"):
        (run / name).unlink()
    with pytest.raises(RunError, match=r"loop\.json"):
        resumed(run)
    assert (run / "best.params").read_bytes() == best


def test_a_folder_whose_lock_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunError, match="is a link"), locked(tmp_path):
        pass
    assert not (tmp_path / "elsewhere").exists()


def test_options_of_a_new_network_may_still_be_large(made: Path) -> None:
    dataset = vqa.load_dataset(made / "card.toml")
    with pytest.raises(ConfigError):
        vqa.build_network("question-only", dataset, hidden_size=-1)
    assert vqa.build_network("question-only", dataset, hidden_size=500).spec.options["hidden_size"] == 500
