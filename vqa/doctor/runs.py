"""examine_run: the doctor on a run folder, with real questions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from vqa._mxnet import device_context, mx
from vqa.data.loader import Batch, GroupedLoader
from vqa.doctor.evaluation_check import check_evaluation
from vqa.doctor.examination import examine
from vqa.doctor.findings import Finding, Findings
from vqa.doctor.losses import LossProbe
from vqa.doctor.state import preserved_state
from vqa.doctor.subject import Subject
from vqa.doctor.tolerance import rounding_noise, tolerance
from vqa.evaluation.run import Run
from vqa.training.validation import validate

# Questions in the batch that the network is examined on, and in the evaluations that are compared: several batches,
# the last of them smaller.
BATCH = 16
SAMPLE = 3 * BATCH + 5
MORE_PADDING = 3


def examine_run(run: Run, split: str = "test") -> Findings:
    """Return what is wrong with a run's network, its loss and its evaluation; nothing for a healthy run.

    The network and its loss are examined on the first questions of a split, then the run's own evaluation and its
    validation are called on a few batches.

    Raises
    ------
    ConfigError
        The card has no such split.
    RunError, DataError, ImageError
        The run's data set cannot be used.
    """
    batch = next(iter(_loader(run, split, BATCH)))
    findings = examine(run.network, batch.inputs, labels=batch.answers, loss=run.loss)
    findings += _activation(run, batch)
    if any(finding.code == "non-finite" for finding in findings):
        return findings
    findings += _padding(run.network, batch)
    found = {finding.code for finding in findings}
    for finding in _evaluations(run, split):
        if finding.code not in found:
            found.add(finding.code)
            findings.append(finding)
    return findings


def _loader(run: Run, split: str, num_questions: int) -> GroupedLoader:
    """Return a loader of the first questions of a split, in batches of BATCH."""
    rows = np.arange(min(num_questions, len(run.dataset.table(split))))
    return GroupedLoader(run.dataset, split, batch_size=BATCH, rows=rows, ctx=device_context(run.device))


def _activation(run: Run, batch: Batch) -> Iterator[Finding]:
    """Compare the activation that the run folder records with what the loss does."""
    recorded = run.record.get("activation")
    num_classes = run.vocabulary.num_answers
    random = np.random.RandomState(0)
    probe = LossProbe(run.loss, batch.answers.asnumpy(), (len(batch.rows), num_classes), random)
    trained = "softmax" if probe.normalises() else "sigmoid"
    if not recorded == trained == run.loss.activation:
        yield Finding(
            "activation-mismatch",
            "error",
            f"run.json records the activation {recorded!r}, the loss {run.record['loss']!r} trains for {trained!r} and "
            f"probabilities are shown by {run.loss.activation!r}: they must agree, or a wrong answer may be shown as "
            "certain; evaluate with the loss that the network was trained with",
        )


def _padding(network: Any, batch: Batch) -> Iterator[Finding]:
    """Compare the logits with those of the same questions padded further."""
    with preserved_state(network):
        subject = Subject(network, batch.inputs)
        tokens = batch.tokens.asnumpy()
        noise = rounding_noise(subject, subject.base, np.random.RandomState(0), passes=2)
        measured = tolerance(subject.base, noise, subject.epsilon)
        more = np.full((len(tokens), MORE_PADDING), network.spec.padding_id, dtype=tokens.dtype)
        padded = batch._replace(tokens=mx.nd.array(np.concatenate([tokens, more], axis=1), dtype=tokens.dtype))
        answers = subject.answer([values.asnumpy() for values in padded.inputs])
    moved = measured.worst(answers, subject.base, np.arange(len(answers)))
    if moved.exceeds:
        yield Finding(
            "padding",
            "error",
            f"{MORE_PADDING} more words of padding change an answer {moved}: an answer depends on the longest question "
            "of its batch; mask the padding, or take the state at a question's own end",
        )


def _evaluations(run: Run, split: str) -> Iterator[Finding]:
    """Call the run's evaluation and its validation on a few batches."""
    loader = _loader(run, split, SAMPLE)
    table = run.dataset.table(split)
    sample = table.take(np.arange(loader.num_questions))

    def evaluate(network: mx.gluon.Block, questions: Any) -> list[float]:
        predictions = run.predict(questions, batch_size=BATCH)
        return [predictions["hit"].mean(), predictions["loss"].mean()]

    def validation(network: mx.gluon.Block, batches: GroupedLoader) -> list[float]:
        scores = validate(network, batches, run.loss, table, run.vocabulary.answers)
        return [scores.any_of, scores.loss]

    yield from check_evaluation(evaluate, run.network, sample)
    yield from check_evaluation(validation, run.network, loader)
