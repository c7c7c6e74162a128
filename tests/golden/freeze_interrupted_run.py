"""Make the run folder of a training that died in its third epoch, and what it was when it had been resumed.

Only when a format changes on purpose, or with the word "resumed" the second folder alone: when the batches change.
Usage, with one thread since sums depend on their order:
OMP_NUM_THREADS=1 python tests/golden/freeze_interrupted_run.py [resumed]
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import vqa

HERE = Path(__file__).resolve().parent
INTERRUPTED, RESUMED = HERE / "interrupted", HERE / "resumed"
# An epoch is 6 steps and one call of the loss for validation: the third epoch has begun.
CALLS_BEFORE_THE_END = 17


class PowerCut(Exception):
    """Training ends without saving."""


def train(folder: Path, calls: int = 0, resume: bool = False) -> Any:
    """Train a small network with dropout on the golden data; at call number `calls` of the loss, end it."""
    dataset = vqa.load_dataset("card.toml")
    network = vqa.build_network("cnn-gru", dataset, seed=1, embedding_size=4, hidden_size=8, channels=2, dropout=0.2)
    loss = vqa.MultiAnswerSoftmaxLoss()
    left = [calls]

    def stop(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            raise PowerCut

    loss.register_forward_pre_hook(stop)
    options = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02, "seed": 1}
    return vqa.fit(network, dataset, loss, run_dir=folder, resume=resume, **options)


def keep(folder: Path, *names: str) -> None:
    """Remove everything else from a folder."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def freeze_interrupted() -> None:
    """Write the run that ends early, and what it evaluates to."""
    shutil.rmtree(INTERRUPTED, ignore_errors=True)
    try:
        train(INTERRUPTED, CALLS_BEFORE_THE_END)
    except PowerCut:
        print("ended")
    run = vqa.load_run(INTERRUPTED)
    report = run.report("test").to_json()
    columns = ["question_id", "prediction", "probability", "loss"]
    evaluated = {
        "any_of": report["any_of"],
        "per_split": report["per_split"],
        "predictions": run.predict("test")[columns].to_numpy().tolist(),
    }
    keep(
        INTERRUPTED, "config.json", "vocab.json", "run.json", "loop.json", "history.csv",
        "best.params", "last.params", "trainer.states",
    )  # fmt: skip
    lines = json.dumps(evaluated, indent=1)
    (INTERRUPTED / "evaluated.json").write_text(lines + "\n", encoding="utf-8")


def freeze_resumed() -> None:
    """Write what becomes of the run when it is resumed."""
    shutil.rmtree(RESUMED, ignore_errors=True)
    shutil.copytree(INTERRUPTED, RESUMED)
    train(RESUMED, resume=True)
    keep(RESUMED, "history.csv", "last.params", "best.params", "trainer.states")


def main() -> None:
    """Write both folders, or the second alone."""
    os.chdir(HERE)  # so that no folder of this machine is recorded
    if "resumed" not in sys.argv[1:]:
        freeze_interrupted()
    freeze_resumed()


if __name__ == "__main__":
    main()
