"""What a network's outputs are: finite or not, logits or probabilities."""

from __future__ import annotations

from typing import Literal

import numpy as np

from vqa.doctor.findings import Finding
from vqa.doctor.losses import LossProbe
from vqa.doctor.state import Array, changed_parameters, is_whole, with_signs
from vqa.doctor.subject import Logits, Subject

OutputActivation = Literal["softmax", "sigmoid"]

# How much larger the weights and inputs are drawn, to see whether outputs in [0, 1] can leave it.
DRAWS = (3.0, 30.0, 300.0, 3000.0)


def find_non_finite(base: Logits) -> list[Finding]:
    """Return the finding that outputs are NaN or infinite, if some are."""
    bad = ~np.isfinite(base)
    if not bad.any():
        return []
    message = (
        f"{int(bad.sum())} of {base.size} outputs are NaN or infinite, the first in row {int(np.argwhere(bad)[0][0])}; "
        "look for log, sqrt or a division near zero, exp of large numbers, or weights that a too large learning rate "
        "has spoilt"
    )
    return [Finding("non-finite", "error", message)]


def output_activation(subject: Subject, base: Logits, random: np.random.RandomState) -> OutputActivation | None:
    """Tell whether the network ends in softmax or in sigmoid; None for logits.

    Few or small logits may lie in [0, 1] by chance, so the network is asked again with other weights and inputs: a
    softmax or a sigmoid holds its range whatever comes before it.
    """
    kinds: list[OutputActivation] = ["softmax", "sigmoid"]
    # Outputs that are all 0 are those of a network whose last layer is still zero.
    kinds = [kind for kind in kinds if base.any() and _has_range_of(base, kind)]

    for factor in DRAWS if kinds else ():

        def redraw(values: Array, factor: float = factor) -> Array:
            return with_signs(values, lambda signs: factor * signs, random)

        arrays = [values if is_whole(values) else redraw(values) for values in subject.arrays]
        with changed_parameters(subject.net, redraw):
            outputs = subject.answer(arrays)
        if np.isfinite(outputs).all():
            kinds = [kind for kind in kinds if _has_range_of(outputs, kind)]
    return kinds[0] if kinds else None


def _has_range_of(outputs: Logits, kind: OutputActivation) -> bool:
    """Tell whether all outputs are what softmax or sigmoid can give."""
    rounding = 1e-3
    if outputs.min() < 0 or outputs.max() > 1 + rounding:
        return False
    if kind == "softmax":
        return outputs.shape[1] > 1 and bool(np.all(np.abs(outputs.sum(axis=1) - 1) <= rounding))
    return True


def find_output_activation(
    subject: Subject, base: Logits, loss: LossProbe | None, random: np.random.RandomState
) -> list[Finding]:
    """Return the findings not-logits and double-softmax."""
    kind = output_activation(subject, base, random)
    if kind is None:
        return []
    if kind == "softmax":
        seen = f"outputs are not negative and each row sums to 1 (largest output {base.max():.4g}): softmax"
    else:
        seen = f"outputs all lie in [0, 1] (from {base.min():.4g} to {base.max():.4g}), whatever the weights: a sigmoid"
    # A loss that takes probabilities trains rightly; what is shown for a probability later may still be squashed twice.
    wanted = loss is not None and loss.takes_probabilities()
    fix = (
        "the given loss takes probabilities; logits and a loss that owns the activation are safer"
        if wanted
        else ("return the raw logits and leave the activation to the loss")
    )
    findings = [Finding("not-logits", "warning" if wanted else "error", f"{seen} is inside the network; {fix}")]
    if kind == "softmax" and loss is not None and loss.normalises():
        classes = base.shape[1]
        floor = np.log(classes - 1 + np.e) - 1
        message = (
            f"the loss applies softmax to outputs that softmax has normalised already: for {classes} classes it "
            f"cannot fall under ln({classes} - 1 + e) - 1 = {floor:.4g} nats and its gradients shrink; "
            "take the softmax out of the network"
        )
        findings.append(Finding("double-softmax", "error", message))
    return findings
