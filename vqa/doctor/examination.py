"""examine: find the mistakes that make the accuracy of a Gluon network misleading."""

from __future__ import annotations

from typing import Any, Callable

import numpy as np

from vqa._mxnet import mx
from vqa.doctor.findings import Finding, Findings
from vqa.doctor.judgement import judge
from vqa.doctor.labels import find_below_entropy, find_label_range, find_raw_logits, label_array
from vqa.doctor.losses import Labels, LossProbe
from vqa.doctor.outputs import find_non_finite, find_output_activation
from vqa.doctor.state import preserved_state
from vqa.doctor.structure import Output
from vqa.doctor.subject import Subject, check_block


def examine(
    net: mx.gluon.Block,
    inputs: Any,
    *,
    labels: Any = None,
    loss: Callable[..., Any] | None = None,
    output: Output = None,
) -> Findings:
    """Return what is wrong with a network, its loss and its labels; nothing for a healthy network.

    The network is called in predict mode on arrangements of the given rows: twice the same, mixed among others, alone
    and in other batch sizes. Differences count only where rounding cannot explain them; how much it explains is
    measured on the network itself, for each logit.

    Parameters
    ----------
    net : any initialised Gluon block, hybridized or not; its output is an array with the questions along the first
        axis: (N, C), (N,), (N, T, C) and so on
    inputs : NDArray, or a tuple of them for ``net(*inputs)``, questions along the first axis. Lists, tuples and dicts
        may be nested and hold None and numbers: ``([images, questions],)`` for a network that takes one list, a dict
        for arguments by name. Two questions show most mistakes, 8 to 64 show them clearly. Inputs that the questions
        share (images (M, ...) with an index (N,) into them, a table of classes) are recognised by what the network
        does with them. A shared input that happens to have N rows may be taken for one row per question: examine with
        another number of questions. Rows with equal inputs are copies of one question.
    labels : whole numbers (N,) or (N, A), -1 for an unknown answer or an empty slot; with a loss, whatever it takes
    loss : called as ``loss(logits, labels)``, gives one value per question or their mean
    output : which part of the output to look at, where the network returns several: a key, a place, or a sequence of
        them for nested outputs; the first array by default

    The network's parameters, running statistics, hybridization and training mode, and the states of ``random`` and
    ``numpy.random``, are left as they were. MXNet's own random state cannot be read; it moves only where the network
    draws from it in predict mode. Parameters with deferred initialization are initialised, as by any pass.

    Raises
    ------
    VqaError
        The network is not a block or fails on the inputs, the inputs are not NDArrays or do not have the output's
        rows, the output is not one array, or the loss does not take the labels.

    >>> import mxnet as mx
    >>> net = mx.gluon.nn.Dense(3)
    >>> net.initialize()
    >>> examine(net, mx.nd.random.normal(shape=(4, 5)))
    []
    >>> spoilt = mx.gluon.nn.HybridLambda(lambda F, x: F.softmax(x))
    >>> [finding.code for finding in examine(spoilt, mx.nd.random.normal(shape=(4, 5)))]
    ['not-logits']
    """
    check_block(net)
    random = np.random.RandomState(0)
    with preserved_state(net):
        subject = Subject(net, inputs, output)
        given = None if labels is None else label_array(labels, len(subject.base), loss is not None)
        probe = None if loss is None else LossProbe(loss, given, subject.shape, random)
        findings = _behaviour(subject, probe, given, random)
    if given is not None:
        findings += find_label_range(given, subject.shape, probe)
    return Findings(findings)


def _behaviour(
    subject: Subject, probe: LossProbe | None, labels: Labels | None, random: np.random.RandomState
) -> list[Finding]:
    """Return what the network's answers show; answers that are not finite cannot be compared."""
    findings = find_non_finite(subject)
    if findings:
        return findings
    judgement = judge(subject, random)
    activation = find_output_activation(subject, probe, random)
    findings = [*judgement.findings, *activation]
    below: list[Finding] = []
    if probe is not None and labels is not None and judgement.layout is not None:
        copies = judgement.layout.copies(subject.arrays, len(subject.base))
        below = find_below_entropy(subject, labels, copies, probe)
    if probe is not None and not below and not activation:
        below = find_raw_logits(subject, probe)
    return findings + below
