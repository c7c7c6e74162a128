"""What a network's outputs are: finite or not, logits or probabilities."""

from __future__ import annotations

import math
from functools import partial
from typing import Literal

import numpy as np

from vqa.doctor.findings import Finding
from vqa.doctor.judgement import revived
from vqa.doctor.losses import LossProbe
from vqa.doctor.state import changed_parameters, is_whole, learned_parameters, with_signs
from vqa.doctor.subject import Logits, Subject

OutputActivation = Literal["softmax", "sigmoid"]

# How much larger the weights and inputs are drawn, to see whether outputs in [0, 1] can leave it ...
FACTORS = (3.0, 30.0, 300.0, 3000.0)
# ... and how many logits take a sign of their own: that all of them stay on one side by chance must be incredible.
SIGNS = 20


def find_non_finite(subject: Subject) -> list[Finding]:
    """Return the finding that outputs or weights are NaN or infinite, if some are."""
    base = subject.base
    bad = ~np.isfinite(base)
    if not bad.any():
        return _non_finite_weights(subject)
    message = (
        f"{int(bad.sum())} of {base.size} outputs are NaN or infinite, the first in row {int(np.argwhere(bad)[0][0])}; "
        "look for log, sqrt or a division near zero, exp of large numbers, or weights that a too large learning rate "
        "has spoilt; mask answers with a large finite number, -1e9, not with -inf"
    )
    return [Finding("non-finite", "error", message)]


def _non_finite_weights(subject: Subject) -> list[Finding]:
    """Return the finding that weights are NaN or infinite though the outputs are not."""
    for name, parameter in learned_parameters(subject.net):
        bad = ~np.isfinite(parameter._data[0].asnumpy())
        if bad.any():
            message = (
                f"{int(bad.sum())} of {bad.size} weights of {name} are NaN or infinite, and the outputs hide it (relu "
                "of NaN is 0 in MXNet): a gradient was not finite, of sqrt or a norm at 0, say; keep that operator "
                "away from 0 and start again from an earlier checkpoint"
            )
            return [Finding("non-finite", "error", message)]
    return []


def output_activation(subject: Subject, random: np.random.RandomState) -> OutputActivation | None:
    """Tell whether the network ends in softmax or in sigmoid; None for logits.

    Few or small logits may lie in [0, 1] by chance, so the network is asked again with other weights and inputs: a
    softmax or a sigmoid holds its range whatever comes before it.
    """
    kinds: list[OutputActivation] = ["softmax", "sigmoid"]
    # Outputs that are all 0 are those of a network whose last layer is still zero.
    kinds = [kind for kind in kinds if subject.base.any() and _has_range_of(subject.base, subject.shape, kind)]
    draws = max(len(FACTORS), -(-SIGNS // subject.base.shape[1]))
    for draw in range(draws):
        if not kinds:
            return None
        factor = FACTORS[draw % len(FACTORS)]
        arrays = [
            values if is_whole(values) else (factor * with_signs(values, np.copy, random)).astype(values.dtype)
            for values in subject.arrays
        ]
        with changed_parameters(subject.net, partial(revived, gain=factor, random=random)):
            outputs = subject.answer(arrays)
        if not np.isnan(outputs).any():
            kinds = [kind for kind in kinds if _has_range_of(outputs, subject.shape, kind)]
    return kinds[0] if kinds else None


def _has_range_of(outputs: Logits, shape: tuple[int, ...], kind: OutputActivation) -> bool:
    """Tell whether all outputs are what softmax over the last axis or the second one, or sigmoid, can give."""
    rounding = 1e-3
    if outputs.min() < 0 or outputs.max() > 1 + rounding:
        return False
    if kind == "sigmoid":
        return True
    values = outputs.reshape(len(outputs), *shape[1:])
    return any(
        values.shape[axis] > 1 and bool(np.all(np.abs(values.sum(axis=axis) - 1) <= rounding))
        for axis in {values.ndim - 1, 1}
        if values.ndim > 1
    )


def find_output_activation(subject: Subject, loss: LossProbe | None, random: np.random.RandomState) -> list[Finding]:
    """Return the findings not-logits and double-softmax."""
    kind = output_activation(subject, random)
    if kind is None:
        return []
    base = subject.base
    if kind == "softmax":
        seen = f"outputs are not negative and each row sums to 1 (largest output {base.max():.4g}): softmax"
    else:
        seen = f"outputs all lie in [0, 1] (from {base.min():.4g} to {base.max():.4g}), whatever the weights: a sigmoid"
    # Training is right with a loss that takes probabilities; only a later display may apply the activation once more.
    wanted = loss is not None and loss.takes_probabilities()
    fix = (
        "the given loss takes probabilities; logits and a loss that owns the activation are safer"
        if wanted
        else "return the raw logits and leave the activation to the loss"
    )
    findings = [Finding("not-logits", "warning" if wanted else "error", f"{seen} is inside the network; {fix}")]
    if kind == "softmax" and loss is not None and loss.normalises():
        classes = subject.shape[-1]
        least_loss = np.log(classes - 1 + math.e) - 1
        message = (
            f"the loss applies softmax to outputs that softmax has normalised already: for {classes} classes it "
            f"cannot fall under ln({classes} - 1 + e) - 1 = {least_loss:.4g} nats and its gradients shrink; "
            "take the softmax out of the network"
        )
        findings.append(Finding("double-softmax", "error", message))
    return findings
