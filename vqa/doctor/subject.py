"""Subject: a network as the doctor sees it, arrays in and answers out, and how exact its answers are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.state import Array, changed_parameters, is_whole, with_signs
from vqa.errors import VqaError

Logits = npt.NDArray[np.float64]

# Rounding is provoked by changing every weight and input by this many units in the last place ...
JITTER = 4
# ... and this many times its effect still counts as rounding: other block sizes in a matrix product stay under one.
MARGIN = 16
# No leak worth the name moves a logit by less than this part of its range over the rows.
LEAST_EFFECT = 1e-4


class Subject:
    """A network and the inputs that it is examined on.

    Attributes
    ----------
    net : any Gluon block
    arrays : the inputs as NumPy arrays

    Raises
    ------
    VqaError
        An input is no NDArray.
    """

    def __init__(self, net: mx.gluon.Block, inputs: Any) -> None:
        given = list(inputs) if isinstance(inputs, (tuple, list)) else [inputs]
        for position, value in enumerate(given):
            if not isinstance(value, mx.nd.NDArray):
                raise VqaError(
                    f"expected inputs as a tuple of NDArrays, got {type(value).__name__} at position {position}; "
                    "wrap it in mx.nd.array"
                )
        self.net = net
        self.arrays: list[Array] = [value.asnumpy() for value in given]
        self._makers = [mx.np.array if isinstance(value, mx.np.ndarray) else mx.nd.array for value in given]
        self._contexts = [value.context for value in given]

    def answer(self, arrays: Sequence[Array]) -> Logits:
        """Return the first output of one pass in predict mode, float64 (N, C).

        Raises
        ------
        VqaError
            The output has not two dimensions.
        """
        inputs = [
            make(values, ctx=context, dtype=values.dtype)
            for make, context, values in zip(self._makers, self._contexts, arrays)
        ]
        with mx.autograd.pause(train_mode=False):
            output = self.net(*inputs)
        first = output[0] if isinstance(output, (tuple, list)) else output
        values = first.asnumpy()
        if values.ndim != 2:
            raise VqaError(f"expected an output of shape (questions, classes), got {values.shape}")
        # Kept for the tolerances: logits of float16 are a thousand times coarser.
        self.epsilon = float(np.finfo(values.dtype if values.dtype.kind == "f" else np.float32).eps)
        return values.astype(np.float64)


@dataclass(frozen=True)
class Tolerance:
    """How far two right answers to one question may lie apart, and what that is measured against.

    Attributes
    ----------
    bound : differences up to this are rounding
    spread : the widest range of one class's logit over the rows
    scale : the largest absolute logit
    """

    bound: float
    spread: float
    scale: float

    def __str__(self) -> str:
        return (
            f"tolerance {self.bound:.1e}; the logits range over {self.spread:.1e} from row to row, "
            f"the largest is {self.scale:.1e}"
        )


def plain_tolerance(subject: Subject, base: Logits) -> Tolerance:
    """Return the tolerance of two passes over the same arrays, where even the order of the sums is the same."""
    spread, scale = float(np.ptp(base, axis=0).max()), float(np.abs(base).max())
    return Tolerance(max(MARGIN * subject.epsilon * scale, LEAST_EFFECT * spread), spread, scale)


def measured_tolerance(subject: Subject, base: Logits, random: np.random.RandomState) -> Tolerance:
    """Return the tolerance of two passes over the same rows in another arrangement.

    Other batch sizes and other places in the batch add the same numbers in another order. What that does to a logit
    is found by changing weights and real-valued inputs in their last places, so that a network which enlarges
    rounding (a root near zero, a division by a small norm) is measured on itself.
    """
    epsilon = subject.epsilon

    def jitter(values: Array) -> Array:
        return with_signs(values, lambda signs: 1 + JITTER * epsilon * signs, random)

    noise = 0.0
    for _ in range(2):
        arrays = [values if is_whole(values) else jitter(values) for values in subject.arrays]
        with changed_parameters(subject.net, jitter):
            noise = max(noise, deviation(subject.answer(arrays), base))
    plain = plain_tolerance(subject, base)
    return Tolerance(max(plain.bound, MARGIN * noise), plain.spread, plain.scale)


def deviation(one: Logits, other: Logits) -> float:
    """Return the largest difference; infinite where only one of the two is finite, or where the shapes differ."""
    if one.shape != other.shape:
        return float("inf")
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    with np.errstate(invalid="ignore"):
        difference = np.where(same, 0.0, np.abs(one - other))
    return float(np.nan_to_num(difference, nan=np.inf, posinf=np.inf).max(initial=0.0))
