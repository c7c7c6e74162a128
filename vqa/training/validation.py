"""Forward passes in predict mode, and the few numbers by which training chooses its best epoch."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.data.loader import Batch, GroupedLoader
from vqa.data.table import QuestionTable
from vqa.errors import TrainingError
from vqa.scoring import bounds, rules
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.baselines import BlindBaselines
from vqa.scoring.questions import encode_answers
from vqa.training.forward import Forward
from vqa.training.workers import ALONE, Workers

# Batches whose results may be outstanding: enough to keep the device busy, few enough to keep memory flat.
IN_FLIGHT = 2
RESULT = np.dtype([("row", np.int64), ("answer", np.int64), ("loss", np.float32), ("known", np.bool_)])


def known_rows(batch: Batch) -> npt.NDArray[np.bool_]:
    """Return for every question of a batch whether one of its answers is in the vocabulary, bool (N,)."""
    # The answers come from the host and wait for nothing: reading them does not hold up the device.
    return np.asarray((batch.answers.asnumpy() >= 0).any(axis=1))


def forward_passes(network: mx.gluon.Block, batches: Iterable[Batch], loss: mx.gluon.Block) -> Iterator[Forward]:
    """Yield the network's logits and losses batch by batch, in predict mode whatever the caller's mode is.

    Raises
    ------
    TrainingError
        Logits are NaN or infinite.
    """
    waiting: deque[tuple[Batch, mx.nd.NDArray, mx.nd.NDArray]] = deque()
    for batch in batches:
        with mx.autograd.pause(train_mode=False):
            logits = network(*batch.inputs)
            waiting.append((batch, logits, loss(logits, batch.answers)))
        if len(waiting) > IN_FLIGHT:
            yield _finished(*waiting.popleft())
    while waiting:
        yield _finished(*waiting.popleft())


def _finished(batch: Batch, logits: mx.nd.NDArray, losses: mx.nd.NDArray) -> Forward:
    """Wait for one batch and bring its results to the host."""
    values = logits.asnumpy()
    if not np.isfinite(values).all():
        row = batch.rows[int(np.argmin(np.isfinite(values).all(axis=1)))]
        raise TrainingError(
            f"the network's logits are not finite (NaN or infinity), first for row {row} of the question table; "
            "the run has diverged: train again with a lower learning rate (--learning-rate)"
        )
    return Forward(batch.rows, values, losses.asnumpy(), known_rows(batch))


@dataclass(frozen=True)
class Validation:
    """Scores of a network on some questions; the accuracies are fractions in [0, 1].

    `loss` is the mean loss per question in nats, over the questions that have a known answer; `vqa_official` is over
    the questions with several answers; NaN where there are none. The other accuracies count every question.
    """

    loss: float
    any_of: float
    per_split: float
    per_split_ceiling: float
    vqa_official: float


def validate(
    network: mx.gluon.Block,
    loader: GroupedLoader,
    loss: mx.gluon.Block,
    table: QuestionTable,
    answers: list[str],
    workers: Workers = ALONE,
) -> Validation:
    """Score a network on the questions of a loader, whose batches the workers share.

    Parameters
    ----------
    loader : without shuffling
    table : the table whose rows the loader numbers
    answers : the answer of every class, (C,)
    """
    results = np.zeros(0, RESULT)
    with workers.agreed():
        batches = loader.epoch(0, slice(workers.rank, None, workers.size))
        results = np.concatenate([results, *map(_result, forward_passes(network, batches, loss))])
    results = np.concatenate([np.frombuffer(data, RESULT) for data in workers.gather(results.tobytes())])
    # In one order, whoever computed them: the last digits of a mean depend on it.
    results = results[np.argsort(results["row"], kind="stable")]
    rows, losses, known = results["row"], results["loss"], results["known"]
    predictions = [answers[index] for index in results["answer"]]
    sets = AnswerSets(table.raw_answers[rows], normalized=table.normalized)
    scores = rules.score_questions(predictions, sets)
    defined = ~np.isnan(scores.official)
    return Validation(
        loss=float(losses[known].mean(dtype=np.float64)) if known.any() else float("nan"),
        any_of=float(scores.any_of.mean()),
        per_split=rules.mean_fraction(rules.per_split(predictions, sets), sets.counts),
        per_split_ceiling=rules.mean_fraction(bounds.per_split_ceiling(sets), sets.counts),
        vqa_official=float(scores.official[defined].mean()) if defined.any() else float("nan"),
    )


def _result(forward: Forward) -> npt.NDArray[np.void]:
    """Return what scoring needs of a batch. The logits of a hundred thousand questions would fill gigabytes."""
    result = np.empty(len(forward.rows), RESULT)
    result["row"], result["answer"] = forward.rows, forward.logits.argmax(axis=1)
    result["loss"], result["known"] = forward.loss, forward.known
    return result


def best_blind_baseline(train: QuestionTable, validation: QuestionTable) -> tuple[str, float]:
    """Return the name of the blind baseline with the highest any-of accuracy on the validation questions, and that."""
    blind = BlindBaselines(train).predict(validation)
    sets = encode_answers(validation)
    accuracies = {name: float(rules.any_of(predictions, sets).mean()) for name, predictions in blind.items()}
    best = max(accuracies, key=accuracies.__getitem__)
    return best, accuracies[best]
