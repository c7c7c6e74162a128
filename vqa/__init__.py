"""Visual question answering on MXNet 1.9.1 / Gluon with evaluation that can be trusted.

Names load on first use, so that ``import vqa`` is light and ``vqa.scoring`` never needs MXNet. After ``import vqa``,
``import mxnet`` works with NumPy 1.24 and later.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from vqa import _mxnet_import

if TYPE_CHECKING:
    from vqa._mxnet import mx as mx
    from vqa.data.dataset import load_dataset as load_dataset
    from vqa.data.loader import Batch as Batch
    from vqa.data.loader import GroupedLoader as GroupedLoader
    from vqa.data.table import QuestionTable as QuestionTable
    from vqa.doctor import examine as examine
    from vqa.errors import VqaError as VqaError
    from vqa.evaluation.fit import fit as fit
    from vqa.evaluation.run import load_run as load_run
    from vqa.export.model import load_model as load_model
    from vqa.metrics import MultiAnswerAccuracy as MultiAnswerAccuracy
    from vqa.nn.losses import AnyAnswerLoss as AnyAnswerLoss
    from vqa.nn.losses import BinaryLoss as BinaryLoss
    from vqa.nn.losses import MultiAnswerSoftmaxLoss as MultiAnswerSoftmaxLoss
    from vqa.nn.losses import SoftScoreLoss as SoftScoreLoss
    from vqa.nn.network import build_network as build_network
    from vqa.scoring.normalize import normalize_answer as normalize_answer
    from vqa.training.config import TrainConfig as TrainConfig

# What type checkers read above is loaded from here.
_HOME = {
    "AnyAnswerLoss": "vqa.nn.losses",
    "Batch": "vqa.data.loader",
    "BinaryLoss": "vqa.nn.losses",
    "GroupedLoader": "vqa.data.loader",
    "MultiAnswerAccuracy": "vqa.metrics",
    "MultiAnswerSoftmaxLoss": "vqa.nn.losses",
    "QuestionTable": "vqa.data.table",
    "SoftScoreLoss": "vqa.nn.losses",
    "TrainConfig": "vqa.training.config",
    "VqaError": "vqa.errors",
    "build_network": "vqa.nn.network",
    "examine": "vqa.doctor",
    "fit": "vqa.evaluation.fit",
    "load_dataset": "vqa.data.dataset",
    "load_model": "vqa.export.model",
    "load_run": "vqa.evaluation.run",
    "mx": "vqa._mxnet",
    "normalize_answer": "vqa.scoring.normalize",
}

__all__ = sorted(_HOME)

_mxnet_import.install()


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib import metadata  # slow to import, and seldom asked for

        return metadata.version("vqa")
    if name not in _HOME:
        raise AttributeError(f"module 'vqa' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, "__version__"})
