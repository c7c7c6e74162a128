"""The lab: seeded reproductions of mistakes that make an accuracy misleading. A new one goes into REPRODUCTIONS."""

from __future__ import annotations

from typing import Callable

from vqa.doctor.lab.activations import double_softmax, overflow, rounded_to_one, softmax_or_sigmoid
from vqa.doctor.lab.fashion import fashion_mnist
from vqa.doctor.lab.forum import forum
from vqa.doctor.lab.metrics import multi_hot, never_reset
from vqa.doctor.lab.reproduction import Reproduction, Row

REPRODUCTIONS: dict[str, Callable[[int], Reproduction]] = {
    "forum": forum,
    "multi-hot": multi_hot,
    "never-reset": never_reset,
    "double-softmax": double_softmax,
    "softmax-or-sigmoid": softmax_or_sigmoid,
    "rounded-to-one": rounded_to_one,
    "overflow": overflow,
    "fashion-mnist": fashion_mnist,
}

__all__ = ["REPRODUCTIONS", "Reproduction", "Row"]
