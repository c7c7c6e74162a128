"""Subject: a network as the doctor sees it, a list of arrays in and one row of numbers per question out."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.doctor.state import Array
from vqa.doctor.structure import WRAPPER, Output, input_arrays, like_input, selected_output, ways_to_call, with_arrays
from vqa.errors import VqaError

Logits = npt.NDArray[Any]


def check_block(net: Any) -> None:
    """Raise VqaError unless `net` is a Gluon block."""
    if not isinstance(net, mx.gluon.Block):
        given = f"the class {net.__name__}" if inspect.isclass(net) else f"a {type(net).__name__}"
        raise VqaError(f"expected a Gluon block as the network, got {given}; {WRAPPER}the logits")


class Subject:
    """A network and the inputs that it is examined on.

    Attributes
    ----------
    net : any Gluon block
    arrays : the inputs' arrays as NumPy arrays; lists, tuples and dicts of inputs are flattened
    base : answers to the inputs as given, float (N, values per question)
    shape : shape of the network's output, (N, ...)
    epsilon : the rounding unit of the outputs' dtype

    Raises
    ------
    VqaError
        An input cannot be used, the network fails on the inputs, or its output is not one array with the questions
        along the first axis.
    """

    def __init__(self, net: mx.gluon.Block, inputs: Any, output: Output = None) -> None:
        self.net = net
        self._inputs = inputs
        self._output = output
        self._given = list(input_arrays(inputs))
        if not self._given:
            raise VqaError("expected inputs as a tuple of NDArrays, got no array")
        self.arrays: list[Array] = [array.asnumpy() for array in self._given]
        self._call, outputs = self._first_pass()
        values = selected_output(outputs, output).asnumpy()
        self.shape: tuple[int, ...] = values.shape
        self.epsilon = float(np.finfo(values.dtype if values.dtype.kind == "f" else np.float32).eps)
        self.base = _rows(values)

    def _first_pass(self) -> tuple[Callable[[Any, Any], Any], Any]:
        """Return how the network takes its inputs (as arguments, by name, as one list or dict), and what it gives."""
        failure: Exception | None = None
        for call in ways_to_call(self._inputs):
            try:
                outputs = self._pass(call, self.arrays)
                mx.nd.waitall()
                return call, outputs
            except Exception as error:
                # The first error is the one about the usual way to call.
                failure = failure or error
                if not isinstance(error, (TypeError, ValueError, AssertionError, AttributeError)):
                    break
        assert failure is not None
        raise VqaError(
            f"the network fails on the given inputs ({type(failure).__name__}: {first_line(failure)}): expected "
            "inputs with which net(*inputs) works in predict mode"
        ) from failure

    def _pass(self, call: Callable[[Any, Any], Any], arrays: Sequence[Array]) -> Any:
        """Return what the network gives in one pass in predict mode."""
        inputs = with_arrays(self._inputs, (like_input(given, values) for given, values in zip(self._given, arrays)))
        with mx.autograd.pause(train_mode=False):
            return call(self.net, inputs)

    def answer(self, arrays: Sequence[Array]) -> Logits:
        """Return the answers of one pass in predict mode, float (N, values per question)."""
        return _rows(selected_output(self._pass(self._call, arrays), self._output).asnumpy())


def _rows(values: Array) -> Logits:
    """Return an output as one row of real numbers per question."""
    if values.ndim == 0:
        raise VqaError(
            f"expected one row of logits per question, got a single number; {WRAPPER}the logits, without their loss "
            "or their mean"
        )
    if values.dtype.kind != "f" or values.dtype.itemsize < 4:
        values = values.astype(np.float32)
    return values.reshape(len(values), -1)


def first_line(error: BaseException) -> str:
    """Return what an error says in one line; MXNet puts its own stack before the reason.

    >>> first_line(ValueError("Stack trace:\\nMXNetError: shapes differ"))
    'MXNetError: shapes differ'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "Error" in line or "Check failed" in line]
    return (told or lines or [type(error).__name__])[-1][:160]
