"""Visual question answering on MXNet 1.9.1 / Gluon with evaluation that can be trusted.

Names load on first use, so that ``import vqa`` is light and ``vqa.scoring`` never needs MXNet.
"""

from __future__ import annotations

import importlib
from typing import Any

_HOME = {
    "Batch": "vqa.data.loader",
    "GroupedLoader": "vqa.data.loader",
    "MultiAnswerAccuracy": "vqa.metrics",
    "MultiAnswerSoftmaxLoss": "vqa.nn.losses",
    "QuestionTable": "vqa.data.table",
    "VqaError": "vqa.errors",
    "build_network": "vqa.nn.network",
    "examine": "vqa.doctor",
    "fit": "vqa.evaluation.fit",
    "load_dataset": "vqa.data.dataset",
    "load_run": "vqa.evaluation.run",
    "normalize_answer": "vqa.scoring.normalize",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'vqa' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
