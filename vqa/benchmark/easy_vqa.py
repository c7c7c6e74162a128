"""``easy-vqa`` and ``memory``: the whole training command, watched from outside."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

from vqa.benchmark.figures import Figure, Result
from vqa.benchmark.sizes import CARDS
from vqa.benchmark.worker import Alternative, Job, facts_of, peak_bytes
from vqa.errors import TrainingError

CARD = CARDS / "easy_vqa.toml"
BAR = 0.99
POLL_SECONDS = 0.02
GB = 1e9


class WatchedTraining(NamedTuple):
    """A training command as seen from outside.

    Attributes
    ----------
    epoch_ends : seconds from the command's start to each epoch's checkpoint, the start of Python included
    test_any_of : any-of accuracy of each checkpoint on the test split
    final_any_of : the same of the checkpoint that training chose on its held-out part, as ``vqa evaluate`` has it
    seconds : from start to exit
    peak_bytes : the most memory that the process held resident
    """

    epoch_ends: list[float]
    test_any_of: list[float]
    final_any_of: float
    seconds: float
    peak_bytes: int


@functools.lru_cache(maxsize=1)
def train_and_watch(card: Path, options: tuple[str, ...] = ()) -> WatchedTraining:
    """Run ``vqa train`` with nothing decoded beforehand, keep every epoch's checkpoint, and test them afterwards.

    Raises
    ------
    TrainingError
        The command failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        run, kept = Path(folder) / "run", Path(folder) / "kept"
        kept.mkdir()
        command = [sys.executable, "-m", "vqa.cli", "train", str(card), "--run", str(run), *options]
        started = time.perf_counter()
        # What the command prints goes to stderr: stdout is for the results.
        process = subprocess.Popen(command, stdout=2, env={**os.environ, "VQA_CACHE": str(Path(folder) / "cache")})
        epoch_ends: list[float] = []
        peak = 0
        while True:
            peak = max(peak, peak_bytes(process.pid))
            finished = process.poll() is not None
            if _epochs_done(run) > len(epoch_ends):
                epoch_ends.append(time.perf_counter() - started)
                shutil.copy(run / "last.params", kept / f"{len(epoch_ends)}.params")
            elif finished:
                break
            time.sleep(POLL_SECONDS)
        seconds = time.perf_counter() - started
        if process.returncode:
            raise TrainingError(f"`{' '.join(command)}` failed with exit code {process.returncode}; see above")
        checkpoints = [str(kept / f"{epoch}.params") for epoch in range(1, len(epoch_ends) + 1)]
        checkpoints.append(str(run / "best.params"))
        arguments = {"run_dir": str(run), "checkpoints": checkpoints}
        *by_epoch, final = facts_of(Alternative("test", f"{__name__}:accuracies", arguments))["any_of"]
        return WatchedTraining(epoch_ends, by_epoch, final, seconds, peak)


def _epochs_done(run: Path) -> int:
    """Return how many epochs a run folder's history holds; it is replaced as a whole after each."""
    history = run / "history.csv"
    return max(0, len(history.read_text().splitlines()) - 1) if history.exists() else 0


def accuracies(run_dir: str, checkpoints: list[str]) -> Job:
    """Return, as facts, the any-of accuracy of some checkpoints of a run on its test split."""
    from vqa.evaluation.run import load_run
    from vqa.training.parameters import load_network

    run = load_run(run_dir)
    values = []
    for checkpoint in checkpoints:
        load_network(run.network, Path(checkpoint))
        values.append(float(run.predict("test")["hit"].mean()))
    return Job(lambda: None, lambda: None, {"any_of": values})


def _details(card: Path, training: WatchedTraining) -> dict[str, Any]:
    return {"card": card.name, **training._asdict()}


def easy_vqa(*, card: Path = CARD, options: tuple[str, ...] = ()) -> Result:
    """Wall time and epochs until the test split is answered at 0.99, and the final accuracy; everything included."""
    training = train_and_watch(card, options)
    there = [epoch for epoch, value in enumerate(training.test_any_of) if value >= BAR]
    reached = training.epoch_ends[there[0]] if there else float("inf")
    figures = [
        Figure(f"wall time until test any-of {BAR}", reached, "s", at_most=18),
        Figure(f"epochs until test any-of {BAR}", there[0] + 1 if there else float("inf"), ""),
        Figure("final test any-of", training.final_any_of, "", "best published", 0.995, at_least=0.999),
        Figure("wall time of the whole training", training.seconds, "s"),
    ]
    return Result(figures, _details(card, training))


def memory(*, card: Path = CARD, options: tuple[str, ...] = ()) -> Result:
    """Peak resident memory of that training."""
    training = train_and_watch(card, options)
    figure = Figure("peak resident memory", training.peak_bytes / GB, "GB", "usual Keras example", 6.9, at_most=0.6)
    return Result([figure], _details(card, training))
