"""check_evaluation: find what is wrong with a user-supplied evaluation function, by calling it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Callable

import numpy as np

from vqa._mxnet import mx
from vqa.data.table import QuestionTable
from vqa.doctor.findings import Finding, Findings
from vqa.doctor.state import Array, changed_parameters, preserved_state
from vqa.errors import VqaError

# Two evaluations of the same network on the same data agree to this; losses are sums of rounded numbers.
AGREEMENT = 1e-5


class _Witness:
    """What is seen of one evaluation from the network's side."""

    def __init__(self, force_predict: bool) -> None:
        self.force_predict = force_predict
        self.rows = 0
        self.training = False
        self.recording = False
        self.chosen: np.ndarray[Any, Any] = np.zeros(0, dtype=np.int64)

    def before(self, block: mx.gluon.Block, inputs: Any) -> None:
        """Note the mode that the network is called in; ask for predict mode where that is wanted."""
        self.training = self.training or mx.autograd.is_training()
        self.recording = self.recording or mx.autograd.is_recording()
        if self.force_predict:
            mx.autograd.set_training(False)

    def after(self, block: mx.gluon.Block, inputs: Any, outputs: Any) -> None:
        """Count the rows and the classes that they choose."""
        first = outputs[0] if isinstance(outputs, (tuple, list)) else outputs
        values = first.asnumpy()
        self.rows += len(values)
        if values.ndim == 2:
            chosen = np.bincount(values.argmax(axis=1), minlength=values.shape[1])
            self.chosen = chosen + (self.chosen if len(self.chosen) else 0)


@contextmanager
def _watched(net: mx.gluon.Block, witness: _Witness) -> Iterator[None]:
    handles = net.register_forward_pre_hook(witness.before), net.register_forward_hook(witness.after)
    try:
        yield
    finally:
        for handle in handles:
            handle.detach()


def check_evaluation(evaluate: Callable[[Any, Any], Any], net: mx.gluon.Block, data: Any) -> Findings:
    """Return what is wrong with an evaluation function; nothing for one that can be trusted.

    It is called three to six times. Between two calls that should agree it is called with other weights: a metric that
    is carried over from there shows. Weights and running statistics are as before at the end.

    Parameters
    ----------
    evaluate : called as ``evaluate(net, data)``; gives a number, or several in a tuple, list or dict
    net : the network; it must be called as a whole, ``net(...)``, with the questions along the first axis
    data : handed on to `evaluate`, must allow being read several times. How many rows it holds is found for a
        gluon DataLoader or Dataset, a NDArrayIter, a GroupedLoader, a tuple of arrays, or a list of batches.

    Raises
    ------
    VqaError
        `evaluate` never calls the network, or gives no number.
    """
    with preserved_state(net):
        before = first = _Witness(force_predict=False)
        value = _evaluate(evaluate, net, data, first)
        if first.training:
            # Dropout makes any two passes differ; what the metric does is seen in predict mode.
            before = _Witness(force_predict=True)
            value = _evaluate(evaluate, net, data, before)
        for change in (_turned, np.negative, np.zeros_like):
            with changed_parameters(net, change):
                other = _evaluate(evaluate, net, data, _Witness(force_predict=True))
            if not _agree(value, other):
                break
        after = _Witness(force_predict=True)
        again = _evaluate(evaluate, net, data, after)
    return Findings([*_mode(first), *_reset(value, again, before, after), *_rows(first, _num_rows(data))])


def _turned(values: Array) -> Array:
    """Return weights in the opposite order: another network with numbers of the same size."""
    return np.ascontiguousarray(values.ravel()[::-1]).reshape(values.shape)


def _evaluate(evaluate: Callable[[Any, Any], Any], net: mx.gluon.Block, data: Any, witness: _Witness) -> list[float]:
    """Return the numbers that one evaluation gives."""
    with _watched(net, witness):
        result = evaluate(net, data)
    if not witness.rows:
        raise VqaError(
            "the evaluation function did not call the network that it was given, as net(...): it uses another one, "
            "or the data can be read only once (a generator, an iterator that nobody resets)"
        )
    numbers = list(_numbers(result))
    if not numbers:
        raise VqaError(f"expected a number from the evaluation function, got {type(result).__name__}")
    return numbers


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


def _mode(witness: _Witness) -> Iterator[Finding]:
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


def _reset(value: list[float], again: list[float], before: _Witness, after: _Witness) -> Iterator[Finding]:
    if _agree(value, again):
        return
    shown = f"{', '.join(f'{number:.6g}' for number in value[:3])} and {', '.join(f'{n:.6g}' for n in again[:3])}"
    if np.array_equal(before.chosen, after.chosen) and before.rows == after.rows:
        yield Finding(
            "metric-not-reset",
            "error",
            f"two evaluations of one network on one data set give {shown}, though its answers are the same: the metric "
            "carries over what it saw before; call metric.reset() at the start of every pass, or make a new metric",
        )
    else:
        yield Finding(
            "nondeterministic",
            "error",
            f"two evaluations of one network on one data set give {shown}, and its answers differ: it draws random "
            "numbers in predict mode, or the data are drawn anew; examine() tells which",
        )


def _agree(one: list[float], other: list[float]) -> bool:
    """Tell whether two evaluations give the same numbers, rounding apart."""
    return len(one) == len(other) and bool(np.allclose(one, other, rtol=AGREEMENT, atol=1e-9, equal_nan=True))


def _rows(witness: _Witness, expected: int | None) -> Iterator[Finding]:
    if expected is not None and witness.rows < expected:
        yield Finding(
            "rows-dropped",
            "error",
            f"the network saw {witness.rows} of {expected} rows: the last, smaller batch is left out; use "
            "last_batch='keep', or a loop that goes on to the end, as range(0, n, batch_size) does",
        )


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
