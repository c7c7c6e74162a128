"""Make the run folder that was stopped in the middle of an epoch, and what it was when it had been resumed.

Only when a format changes on purpose. Usage, with one thread since sums depend on their order:
OMP_NUM_THREADS=1 python tests/golden/freeze_interrupted_run.py
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import vqa
from vqa.errors import Interrupted

HERE = Path(__file__).resolve().parent
INTERRUPTED, RESUMED = HERE / "interrupted", HERE / "resumed"
# An epoch is 6 steps and one call of the loss for validation: stopped at step 3 of epoch 3.
CALLS_BEFORE_THE_STOP = 17


def train(folder: Path, calls: int = 0, resume: bool = False) -> Any:
    """Train a small network with dropout on the golden data; at call number `calls` of the loss, press Ctrl-C."""
    dataset = vqa.load_dataset("card.toml")
    network = vqa.build_network("cnn-gru", dataset, seed=1, embedding_size=4, hidden_size=8, channels=2, dropout=0.2)
    loss = vqa.MultiAnswerSoftmaxLoss()
    left = [calls]

    def stop(*_: Any) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGINT)

    loss.register_forward_pre_hook(stop)
    options = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02, "seed": 1}
    return vqa.fit(network, dataset, loss, run_dir=folder, resume=resume, **options)


def keep(folder: Path, *names: str) -> None:
    """Remove everything else from a folder."""
    for path in folder.iterdir():
        if path.name not in names:
            path.unlink()


def main() -> None:
    """Write both folders, and into the first what it evaluates to."""
    os.chdir(HERE)  # so that no folder of this machine is recorded
    for folder in (INTERRUPTED, RESUMED):
        shutil.rmtree(folder, ignore_errors=True)
    try:
        train(INTERRUPTED, CALLS_BEFORE_THE_STOP)
    except Interrupted as interruption:
        print(interruption)
    shutil.copytree(INTERRUPTED, RESUMED)
    run = vqa.load_run(INTERRUPTED)
    report = run.report("test").to_json()
    columns = ["question_id", "prediction", "probability", "loss"]
    evaluated = {
        "any_of": report["any_of"],
        "per_split": report["per_split"],
        "predictions": run.predict("test")[columns].to_numpy().tolist(),
    }
    train(RESUMED, resume=True)
    keep(
        INTERRUPTED, "config.json", "vocab.json", "run.json", "loop.json", "history.csv",
        "best.params", "last.params", "trainer.states",
    )  # fmt: skip
    keep(RESUMED, "history.csv", "last.params", "best.params", "trainer.states")
    lines = json.dumps(evaluated, indent=1)
    (INTERRUPTED / "evaluated.json").write_text(lines + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
