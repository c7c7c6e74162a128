"""check_evaluation: find what is wrong with a user-supplied evaluation function, by calling it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable

import numpy as np

from vqa._mxnet import mx
from vqa.data.table import QuestionTable
from vqa.doctor.findings import Finding, Findings
from vqa.doctor.state import Array, changed_parameters, preserved_state
from vqa.doctor.subject import check_block
from vqa.doctor.witness import Padding, Witness, same_answers, same_order
from vqa.errors import VqaError

# Two evaluations of the same network on the same data agree to this; losses are sums of rounded numbers.
AGREEMENT = 1e-5

Evaluate = Callable[[Any, Any], Any]


def check_evaluation(evaluate: Evaluate, net: mx.gluon.Block, data: Any) -> Findings:
    """Return what is wrong with an evaluation function; nothing for one that can be trusted.

    It is called three to eight times. Between two calls that should agree it is called with other weights: a metric
    that is carried over from there shows. Weights and running statistics are as before at the end.

    Parameters
    ----------
    evaluate : called as ``evaluate(net, data)``; gives a number, or several in a tuple, list or dict
    net : the network; it must be called as a whole, ``net(...)``, with the questions along the first axis
    data : passed to `evaluate`; it must allow being read several times. How many rows it holds is found for a
        gluon DataLoader or Dataset, a NDArrayIter, a GroupedLoader, a tuple of arrays, or a list of batches.

    Raises
    ------
    VqaError
        The network is not a block, or `evaluate` never calls it or returns no number.
    """
    check_block(net)
    with preserved_state(net):
        before = first = _evaluated(evaluate, net, data, Witness(force_predict=False))
        if first.training:
            # Dropout makes any two passes differ; what the metric does is seen in predict mode.
            before = _evaluated(evaluate, net, data, Witness(force_predict=True))
        history = [first, *([before] if before is not first else [])]
        for change in (_turned, _negated, _zeroed):
            with changed_parameters(net, change):
                history.append(_evaluated(evaluate, net, data, Witness(force_predict=True)))
            if not _agree(before.numbers, history[-1].numbers):
                break
        history.append(_evaluated(evaluate, net, data, Witness(force_predict=True)))
        findings = [*_mode(first), *_repeatable(evaluate, net, data, before, history), *_rows(first, _num_rows(data))]
        if not findings:
            findings = _padding(evaluate, net, data, before)
    return Findings(findings)


def _turned(name: str, values: Array) -> Array:
    """Return weights in the opposite order: another network with numbers of the same size."""
    return np.ascontiguousarray(values.ravel()[::-1]).reshape(values.shape)


def _negated(name: str, values: Array) -> Array:
    return -values


def _zeroed(name: str, values: Array) -> Array:
    return np.zeros_like(values)


def _evaluated(evaluate: Evaluate, net: mx.gluon.Block, data: Any, witness: Witness) -> Witness:
    """Return what is seen of one evaluation."""
    with witness.watching(net):
        result = evaluate(net, data)
    if not witness.rows:
        raise VqaError(
            "the evaluation function did not call the network that it was given, as net(...): it uses another one, "
            "or the data can be read only once (a generator, an iterator that is not reset)"
        )
    witness.numbers = list(_numbers(result))
    if not witness.numbers:
        raise VqaError(f"expected a number from the evaluation function, got {type(result).__name__}")
    return witness


def _numbers(result: Any) -> Iterator[float]:
    """Yield the numbers in a result, in order; names and other text are passed over."""
    if isinstance(result, mx.nd.NDArray):
        result = result.asnumpy()
    if isinstance(result, (int, float, np.number, np.ndarray)):
        yield from map(float, np.ravel(result))
    elif isinstance(result, Mapping):
        result = list(result.values())
    if isinstance(result, (tuple, list)):
        for part in result:
            yield from _numbers(part)


def _mode(witness: Witness) -> Iterator[Finding]:
    if witness.training:
        yield Finding(
            "recording-while-evaluating",
            "error",
            "the network was called in train mode: dropout drops and batch normalisation uses the batch's statistics, "
            "so that the number is of another network; call it outside autograd.record() and autograd.train_mode()",
        )
    elif witness.recording:
        yield Finding(
            "recording-while-evaluating",
            "warning",
            "the network was called while autograd records, in predict mode: the number is right, but every pass is "
            "kept in memory for a backward pass that never comes; call it outside autograd.record()",
        )


def _repeatable(
    evaluate: Evaluate, net: mx.gluon.Block, data: Any, before: Witness, history: Sequence[Witness]
) -> Iterator[Finding]:
    """Compare two evaluations of one network, with the numbers that came in between."""
    again = history[-1]
    agree = _agree(before.numbers, again.numbers)
    shown = " and ".join(", ".join(f"{number:.6g}" for number in seen.numbers[:3]) for seen in (before, again))
    if not same_answers(before, again):
        told = "agree by chance" if agree else f"give {shown}"
        yield Finding(
            "nondeterministic",
            "error",
            f"two evaluations of one network on one data set {told}, and the network's answers differ: it draws random "
            "numbers in predict mode, or the data are drawn anew; examine() tells which",
        )
    elif not agree and (same_order(before, again) or _carries_over(evaluate, net, data, before, history)):
        yield Finding(
            "metric-not-reset",
            "error",
            f"two evaluations of one network on one data set give {shown}, though its answers are the same: the metric "
            "carries over what it saw before; call metric.reset() at the start of every pass, or make a new metric",
        )
    elif not agree:
        yield Finding(
            "nondeterministic",
            "error",
            f"two evaluations of one network on one data set give {shown}: the answers are the same in another order, "
            "and the labels do not follow; the loader shuffles and the labels are in the order of the file: take the "
            "labels from the same batch, or evaluate with shuffle=False",
        )


def _carries_over(
    evaluate: Evaluate, net: mx.gluon.Block, data: Any, before: Witness, history: Sequence[Witness]
) -> bool:
    """Tell whether the metric, not the order of the rows, explains that two evaluations differ."""
    python_state, numpy_state = before.random_state
    random.setstate(python_state)
    np.random.set_state(numpy_state)  # noqa: NPY002 - loaders shuffle with it
    third = _evaluated(evaluate, net, data, Witness(force_predict=True))
    if same_order(before, third):
        return not _agree(before.numbers, third.numbers)
    # A loader with a generator of its own: one running mean over all evaluations would show in the numbers.
    numbers = [np.array(seen.numbers) for seen in (*history, third)]
    count = len(history)
    last_two = (count * numbers[-2] - (count - 1) * numbers[-3], (count + 1) * numbers[-1] - count * numbers[-2])
    return all(_agree(own.tolist(), before.numbers) for own in last_two)


def _agree(one: Sequence[float], other: Sequence[float]) -> bool:
    """Tell whether two evaluations give the same numbers, rounding apart."""
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=AGREEMENT, atol=1e-9, equal_nan=True))


def _rows(witness: Witness, expected: int | None) -> Iterator[Finding]:
    if expected is None or witness.rows % max(expected, 1) == 0:
        return
    seen = witness.rows if witness.rows < expected else witness.rows // witness.passes()
    if seen < expected:
        yield Finding(
            "rows-dropped",
            "error",
            f"the network saw {seen} of {expected} rows: the last, smaller batch is left out; use "
            "last_batch='keep', or a loop that runs to the end, as range(0, n, batch_size) does",
        )


def _padding(evaluate: Evaluate, net: mx.gluon.Block, data: Any, before: Witness) -> list[Finding]:
    """Return the finding that the number counts rows with which an iterator of MXNet fills its last batch."""
    for right in (True, False) if isinstance(data, mx.io.DataIter) else ():
        padding = Padding(data, right)
        other = _evaluated(evaluate, net, data, Witness(force_predict=True, padding=padding))
        if padding.replaced and not _agree(before.numbers, other.numbers):
            message = (
                f"the last batch is filled up with {padding.replaced} rows from the beginning, and the number counts "
                "them twice: leave out the last batch.pad rows of the answers and of the labels"
            )
            return [Finding("rows-repeated", "error", message)]
    return []


def _num_rows(data: Any) -> int | None:
    """Return how many rows a data set holds, whatever its loader leaves out; None where it does not say."""
    for name in ("num_questions", "num_data"):
        if isinstance(getattr(data, name, None), int):
            return int(getattr(data, name))
    if isinstance(data, QuestionTable):
        return len(data)
    # A DataLoader's own length counts the batches that it will give, not the rows that it was given.
    dataset = getattr(data, "_dataset", data)
    if isinstance(dataset, mx.gluon.data.Dataset):
        return len(dataset)
    # Of a tuple the last part counts, the labels: images may be fewer than the questions about them.
    if isinstance(data, tuple) and data and hasattr(data[-1], "shape"):
        return int(data[-1].shape[0])
    if isinstance(data, list) and data and all(isinstance(batch, (tuple, list)) for batch in data):
        return sum(int(batch[-1].shape[0]) for batch in data)
    return None
