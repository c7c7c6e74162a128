"""Trains a small network in each worker that mpiexec starts: CARD RUN OPTIONS [RANK CALLS WHAT].

In worker RANK, the CALLS-th call of the loss does WHAT: "fail" or the number of a signal that the worker sends itself.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

# One thread for every part, as a run with several parts wants it.
os.environ["OMP_NUM_THREADS"] = "1"

import vqa
from vqa.errors import DataError, Interrupted, OtherWorkerError, VqaError
from vqa.training.workers import current_workers


class TroubledLoss(vqa.MultiAnswerSoftmaxLoss):
    name = "softmax"  # so that its runs can be loaded

    def __init__(self, rank: str = "", calls: str = "0", what: str = "") -> None:
        super().__init__()
        self._calls = int(calls) if rank == str(current_workers().rank) else 0
        self._what = what

    def forward(self, *arguments: Any) -> Any:
        self._calls -= 1
        if self._calls == 0:
            if self._what == "fail":
                raise DataError("the test wants it so")
            os.kill(os.getpid(), int(self._what))
        return super().forward(*arguments)


def main(card: str, run: str, options: str, *trouble: str) -> None:
    dataset = vqa.load_dataset(Path(card))
    chosen = json.loads(options)
    network = vqa.build_network(chosen.pop("model"), dataset, seed=3, embedding_size=8, hidden_size=16)
    vqa.fit(network, dataset, TroubledLoss(*trouble), run_dir=run, seed=3, **chosen)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OtherWorkerError:
        sys.exit(1)
    except VqaError as error:
        sys.exit(f"{type(error).__name__}: {error}")
    except Interrupted as interrupted:
        if current_workers().is_first:
            print(interrupted, file=sys.stderr)
        sys.exit(128 + interrupted.signal_number)
