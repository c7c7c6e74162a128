"""examine: find the mistakes that make the accuracy of a Gluon network misleading."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from vqa._mxnet import mx
from vqa.doctor.findings import Finding, Findings
from vqa.doctor.input_layout import InputLayout, find_input_layout
from vqa.doctor.leaks import MORE_REPEATS, REPEATS, find_leaks, find_randomness
from vqa.doctor.losses import Labels, LossProbe, find_below_entropy, find_label_range
from vqa.doctor.outputs import find_non_finite, find_output_activation
from vqa.doctor.state import changed_parameters, preserved_state, with_signs
from vqa.doctor.subject import Logits, Subject, measured_tolerance, plain_tolerance
from vqa.errors import VqaError

# A network whose logits range over no more than this part of their size gives every question the same answer.
SAME_ANSWER = 1e-5
# Rounding that is enlarged this much is looked at twice.
UNLIKELY = 100


def examine(
    net: mx.gluon.Block,
    inputs: Any,
    *,
    labels: Any = None,
    loss: Callable[..., Any] | None = None,
) -> Findings:
    """Return what is wrong with a network, its loss and its labels; nothing for a healthy network.

    The network is called in predict mode on arrangements of the given rows: twice the same, permuted, beside other
    rows, alone and in other batch sizes. Differences count only where rounding cannot explain them; how much it
    explains is measured on the network itself.

    Parameters
    ----------
    net : any initialised Gluon block, hybridized or not; ``net(*inputs)`` is an array (N, C), or a tuple or list that
        begins with it
    inputs : NDArray or tuple of NDArrays, questions along the first axis. Two questions show most mistakes, 8 to 64
        show them clearly. Inputs that the questions share (images (M, ...) with an index (N,) into them, a table of
        classes) are recognised by what the network does with them; one that has N rows by chance, and could be the
        questions' own, is taken for theirs: examine with another number of questions. Rows with equal inputs are
        copies of one question.
    labels : whole numbers (N,) or (N, A), -1 for an unknown answer or an empty slot
    loss : called as ``loss(logits, labels)``, gives one value per question or their mean

    The network's parameters, running statistics, hybridization and training mode, and the states of ``random`` and
    ``numpy.random``, are left as they were. MXNet's own random state cannot be read; it moves only where the network
    draws from it in predict mode. Parameters with deferred initialization are initialised, as by any pass.

    Raises
    ------
    VqaError
        The inputs are no NDArrays or have not the output's rows, the output is not (N, C), or the labels are no whole
        numbers of N rows. What the network itself raises on the given inputs is passed on.

    >>> import mxnet as mx
    >>> net = mx.gluon.nn.Dense(3)
    >>> net.initialize()
    >>> examine(net, mx.nd.random.normal(shape=(4, 5)))
    []
    >>> spoilt = mx.gluon.nn.HybridLambda(lambda F, x: F.softmax(x))
    >>> [finding.code for finding in examine(spoilt, mx.nd.random.normal(shape=(4, 5)))]
    ['not-logits']
    """
    random = np.random.RandomState(0)
    with preserved_state(net):
        subject = Subject(net, inputs)
        base = subject.answer(subject.arrays)
        ids = None if labels is None else _ids(labels, len(base))
        probe = None if loss is None else LossProbe(loss, ids, base, random)
        findings = _behaviour(subject, base, probe, ids, random)
    if ids is not None:
        findings += find_label_range(ids, base.shape[1], probe)
    return Findings(findings)


def _behaviour(
    subject: Subject, base: Logits, probe: LossProbe | None, ids: Labels | None, random: np.random.RandomState
) -> list[Finding]:
    """Return what the network's answers show; answers that are not finite cannot be compared."""
    findings = find_non_finite(base)
    if findings:
        return findings
    layout, findings = _arrangements(subject, base, random)
    if not findings and np.ptp(base, axis=0).max() <= SAME_ANSWER * np.abs(base).max():
        # A network whose logits do not depend on the question (all units dead) hides its leaks: give it other weights.
        with changed_parameters(subject.net, lambda values: with_signs(values, np.copy, random)):
            revived = subject.answer(subject.arrays)
            if np.isfinite(revived).all():
                findings = _arrangements(subject, revived, random)[1]
    findings += find_output_activation(subject, base, probe, random)
    if probe is not None and ids is not None and layout is not None:
        findings += find_below_entropy(base, ids, layout.copies(subject.arrays, len(base)), probe)
    return findings


def _arrangements(
    subject: Subject, base: Logits, random: np.random.RandomState
) -> tuple[InputLayout | None, list[Finding]]:
    """Return how the inputs are read, and what other arrangements of them show; nothing where passes differ anyway."""
    findings = find_randomness(subject, base, REPEATS)
    if findings:
        return None, findings
    tolerance = measured_tolerance(subject, base, random)
    if tolerance.bound > UNLIKELY * plain_tolerance(subject, base).bound:
        # So much rounding may be a draw that the first passes did not show: dropout of few units repeats itself.
        findings = find_randomness(subject, base, MORE_REPEATS)
        if findings:
            return None, findings
    layout = find_input_layout(subject, base, tolerance)
    return layout, find_leaks(subject, base, layout, tolerance)


def _ids(labels: Any, num_rows: int) -> Labels:
    """Return the labels as an array (N,) or (N, A), in the type that they came in."""
    ids = labels.asnumpy() if isinstance(labels, mx.nd.NDArray) else np.asarray(labels)
    if ids.ndim not in (1, 2) or len(ids) != num_rows:
        raise VqaError(f"expected labels of shape ({num_rows},) or ({num_rows}, answers), got {ids.shape}")
    if ids.dtype.kind not in "iuf" or not np.all(np.mod(ids, 1) == 0):
        raise VqaError("expected labels that are whole numbers (answer ids, -1 for unknown)")
    return ids
