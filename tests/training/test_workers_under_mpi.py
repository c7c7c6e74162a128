"""Real workers, two and three of them, on this machine: the same parameters, whoever computes them and whoever dies."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_training_data import write_card

HERE = Path(__file__).parent
LEARNED = ("last.params", "best.params", "trainer.states")
OPTIONS: dict[str, Any] = {"model": "mlp", "epochs": 2, "batch_size": 16, "learning_rate": 0.02, "parts": 3}
# 108 training questions in batches of 16 are 8 steps, and every worker computes 1 or more parts in each.
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")

pytestmark = pytest.mark.skipif(
    MPIEXEC is None or importlib.util.find_spec("mpi4py") is None,
    reason="no MPI on this machine: pip install 'vqa[mpi]'",
)


def run(num_workers: int, *arguments: object) -> tuple[int, str]:
    """Run a Python program in some workers (0: by itself), and return its exit code and what it wrote to stderr."""
    launcher = [str(MPIEXEC), "-n", str(num_workers)] if num_workers else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE.parents[1]), str(HERE)])}
    command = [*launcher, sys.executable, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
    return process.returncode, process.stderr


def train(num_workers: int, card: Path, run_dir: Path, *trouble: object, **options: Any) -> tuple[int, str]:
    return run(num_workers, HERE / "train_in_workers.py", card, run_dir, json.dumps({**OPTIONS, **options}), *trouble)


def learned(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in LEARNED}


@pytest.fixture(scope="module")
def card(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Questions about features of images; some batches have fewer images than parts with a known answer."""
    folder = tmp_path_factory.mktemp("card")
    card = write_card(folder)
    random = np.random.default_rng(2)
    np.save(folder / "images.npy", random.normal(size=(40, 12)).astype(np.float32))
    (folder / "images.ids.txt").write_text("".join(f"image{number}\n" for number in range(40)))
    for split in ("train", "test"):
        header, *lines = (folder / f"{split}.csv").read_text().splitlines()
        about = [f"image{int(40 * random.random() ** 2)},{line}" for line in lines]
        (folder / f"{split}.csv").write_text("\n".join([f"image_id,{header}", *about]) + "\n")
    card.write_text(card.read_text() + '[images]\nkind = "features"\npath = "images.npy"\n')
    return card


@pytest.fixture(scope="module")
def whole(card: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What one process by itself learns, whose batches have three parts."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert train(0, card, folder)[0] == 0
    return learned(folder)


@pytest.mark.slow
@pytest.mark.parametrize("num_workers", [2, 3])
def test_the_parameters_do_not_depend_on_the_number_of_workers(
    card: Path, whole: dict[str, bytes], tmp_path: Path, num_workers: int
) -> None:
    code, errors = train(num_workers, card, tmp_path / "run")
    assert code == 0
    assert learned(tmp_path / "run") == whole
    assert errors.count("epoch   1/2") == 1  # the first worker alone shows progress
    assert json.loads((tmp_path / "run" / "config.json").read_text())["parts"] == 3


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trouble", "code", "step", "says"),
    [
        ((1, 4, "fail"), 1, 3, "DataError: the test wants it so"),
        ((0, 4, "fail"), 1, 3, "DataError: the test wants it so"),
        ((1, 5, int(signal.SIGTERM)), 143, 5, "interrupted: saved epoch 1, step 5 of 8; resume with: "),
    ],
)
def test_what_stops_one_worker_stops_all_with_one_line_and_a_saved_run(
    card: Path, whole: dict[str, bytes], tmp_path: Path, trouble: tuple[object, ...], code: int, step: int, says: str
) -> None:
    ended, errors = train(3, card, tmp_path / "run", *trouble)
    assert (ended, len(errors.splitlines())) == (code, 1), errors
    assert errors.startswith(says)
    assert json.loads((tmp_path / "run" / "loop.json").read_text())["step"] == step
    assert train(2, card, tmp_path / "run", resume=True)[0] == 0
    assert learned(tmp_path / "run") == whole


@pytest.mark.slow
def test_a_killed_worker_ends_the_others_and_the_run_goes_on_from_its_last_saved_steps(
    card: Path, whole: dict[str, bytes], tmp_path: Path
) -> None:
    assert train(3, card, tmp_path / "run", 1, 5, int(signal.SIGKILL), save_every=2)[0] != 0
    assert json.loads((tmp_path / "run" / "loop.json").read_text())["step"] == 4
    assert train(2, card, tmp_path / "run", resume=True)[0] == 0
    assert learned(tmp_path / "run") == whole
