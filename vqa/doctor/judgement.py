"""judge: whether a network answers each question by itself, with the weights it has and, where they hide it, others."""

from __future__ import annotations

import copy
from functools import partial
from typing import NamedTuple

import numpy as np

from vqa.doctor.findings import Finding
from vqa.doctor.input_layout import InputLayout, compare
from vqa.doctor.layout_search import find_layout
from vqa.doctor.leaks import compare_all, diagnose, smaller_batches
from vqa.doctor.state import Array, changed_parameters, is_whole, learned_parameters, with_signs
from vqa.doctor.subject import Subject
from vqa.doctor.tolerance import (
    NO_DEVIATION,
    Deviation,
    Tolerance,
    plain_tolerance,
    rounding_noise,
    tolerance,
)

# Networks with more weights than this are asked fewer times: each pass takes long, and no draw repeats itself.
LARGE = 1_000_000
# Rounding that is enlarged this much is looked at twice.
UNLIKELY = 100
# Logits that range over fewer tolerances than this may hide a leak; over fewer than the second, they do.
CLEAR, BLIND = 30, 3
# How large weights are drawn, in units of a usual start, to see through a network that answers all questions alike.
GAINS = (1.0, 3.0, 10.0)


class Judgement(NamedTuple):
    """What the answers to arranged questions show.

    Attributes
    ----------
    findings : nondeterministic, position-leak, neighbour-leak and batch-size
    layout : how the inputs are related; None where passes differ anyway
    visibility : how many tolerances the logits range over
    """

    findings: list[Finding]
    layout: InputLayout | None
    visibility: float


def judge(subject: Subject, random: np.random.RandomState) -> Judgement:
    """Return the findings about the rows, with other weights as well where these hide something."""
    judgement = _judged(subject, random)
    own = judgement.findings
    # A batch size that does not run shows with any weights; what else is wrong may still be hidden.
    if judgement.layout is None or any(finding.code != "batch-size" for finding in own):
        return judgement
    one_question = not np.any(judgement.layout.copies(subject.arrays, len(subject.base)))
    unclear = judgement.visibility < CLEAR and not one_question
    clearest = judgement.visibility
    gains: list[float | None] = [None] if _has_zeros(subject) else []
    if unclear:
        gains += GAINS
    elif not gains and not _is_large(subject):
        # Weights can hide a leak in other ways, a softmax over rows that is certain for one: other weights cost little.
        gains += GAINS[:1]
    for gain in gains:
        with changed_parameters(subject.net, partial(revived, gain=gain, random=random)):
            other = copy.copy(subject)
            other.base = subject.answer(subject.arrays)
            if not np.isfinite(other.base).all():
                continue
            again = _judged(other, random)
        clearest = max(clearest, again.visibility)
        if again.findings or again.visibility >= CLEAR or (one_question and gain is None):
            known = {finding.code for finding in own}
            more = [_with_other_weights(finding) for finding in again.findings if finding.code not in known]
            return judgement._replace(findings=own + more)
    # Equal answers to all questions prove nothing: the network may not use the input in which the questions differ.
    if clearest < BLIND <= plain_tolerance(subject, subject.base).visibility():
        return judgement._replace(findings=[*own, _cannot_tell(subject, judgement.visibility)])
    return judgement


def _is_large(subject: Subject) -> bool:
    return sum(int(np.prod(parameter.shape)) for _, parameter in learned_parameters(subject.net)) > LARGE


def _has_zeros(subject: Subject) -> bool:
    """Tell whether weights that are all zero may hide what comes before them: a last layer, or a branch."""
    return any(
        not parameter._data[0].asnumpy().any()
        for name, parameter in learned_parameters(subject.net)
        if not name.endswith(("bias", "beta"))
    )


def revived(name: str, values: Array, gain: float | None, random: np.random.RandomState) -> Array | None:
    """Return weights that hide nothing: zeros are drawn anew, and with a gain all others too, in the size of a start.

    Biases and other vectors get random signs. Weights that are whole numbers stay, as tables of hash signs are.
    """
    empty = not values.any()
    if not empty and (gain is None or is_whole(values)):
        return None
    if gain is None and name.endswith(("bias", "beta")):
        return None
    if not empty and values.ndim < 2:
        return with_signs(values, lambda signs: gain * signs, random)
    fan_in = values.size // len(values) if values.ndim > 1 else 1
    # Numbers that repeat after a prime number of values are as good as independent ones, and fast for large tables.
    drawn = random.normal(0.0, (gain or 1.0) / np.sqrt(fan_in), size=min(values.size, 9973))
    return np.resize(drawn.astype(values.dtype), values.shape)


def _with_other_weights(finding: Finding) -> Finding:
    return Finding(
        finding.code,
        finding.severity,
        f"{finding.message} (seen with other weights: with its own the network hides it, as weights of zero or answers "
        "that are nearly the same for every question do)",
    )


def _cannot_tell(subject: Subject, visibility: float) -> Finding:
    num_rows = len(subject.base)
    return Finding(
        "cannot-tell",
        "warning",
        f"whether the {num_rows} rows are answered independently cannot be told: the logits range over only "
        f"{visibility:.2g} times what rounding can change in them, with the network's weights and with others; give "
        "more or more different questions (16 to 64), weights after some training, or inputs of the usual size",
    )


def _judged(subject: Subject, random: np.random.RandomState) -> Judgement:
    """Return the judgement with the weights as they are."""
    large = _is_large(subject)
    findings = find_randomness(subject, 1 if large else 4)
    if findings:
        return Judgement(findings, None, 0.0)
    plain = plain_tolerance(subject, subject.base)
    noise = rounding_noise(subject, subject.base, random, 2 if large else 4)
    measured = tolerance(subject.base, noise, subject.epsilon)
    repeats = 4 if large else 16
    if np.median(measured.bound) > UNLIKELY * np.median(plain.bound):
        # So much rounding may be a draw that the first passes did not show: dropout of few units repeats itself.
        findings = find_randomness(subject, repeats)
    if findings:
        return Judgement(findings, None, 0.0)
    findings, layout = _independence(subject, measured, random)
    if findings:
        # What looks like a leak may be a draw, or a step (argmax, sign) that rounding takes in some passes only.
        again = find_randomness(subject, repeats)
        if again:
            return Judgement(again, None, 0.0)
        noise = np.maximum(noise, rounding_noise(subject, subject.base, random, 6))
        measured = tolerance(subject.base, noise, subject.epsilon)
        findings, layout = _independence(subject, measured, random)
    return Judgement(findings, layout, measured.visibility())


def _independence(
    subject: Subject, measured: Tolerance, random: np.random.RandomState
) -> tuple[list[Finding], InputLayout]:
    """Return what shows that rows depend on one another, and how the inputs are related."""
    layout, mixes = find_layout(subject, measured, random)
    smaller = compare_all(subject, smaller_batches(subject, layout, random), measured)
    if mixes and not smaller.exceeds:
        return [], layout
    findings = diagnose(subject, layout, measured, smaller, random)
    if not findings:
        mixed = layout.mixed(subject.arrays, len(subject.base), random, strange=True)
        deviation, broken = compare(subject, mixed, measured)
        if deviation.exceeds:
            seen = f"mixing the rows among as many others changes their answers {broken or deviation}"
            findings = [Finding("neighbour-leak", "error", f"{seen}; look for operators that join rows")]
    return findings, layout


def find_randomness(subject: Subject, repeats: int) -> list[Finding]:
    """Return the finding that passes over the same inputs differ, if they do."""
    plain, rows = plain_tolerance(subject, subject.base), np.arange(len(subject.base))
    moved: Deviation = NO_DEVIATION
    for _ in range(repeats):
        moved = max(moved, plain.worst(subject.answer(subject.arrays), subject.base, rows))
    if not moved.exceeds:
        return []
    message = (
        f"passes over the same inputs in predict mode differ {moved}; look for dropout with mode='always', or for "
        "random numbers drawn in forward: draw them once, in the constructor, and keep them as a Constant parameter"
    )
    return [Finding("nondeterministic", "error", message)]
