"""What an examination changes for a moment and gives back: parameters, running statistics, random generators.

While a network is examined, copies stand in its parameters' places, and the network's own arrays are not touched:
oneDNN rearranges the weights of a convolution that is called in predict mode, and those of some (Conv1D and Conv3D,
with channels in multiples of eight) can then not be written any more.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable, Optional

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx

Array = npt.NDArray[Any]
# Gets a parameter's name and values, gives other values of their shape, or None where they stay.
Change = Callable[[str, Array], Optional[Array]]


def is_whole(values: Array) -> bool:
    """Tell whether every value is a whole number, as ids, lengths, masks and hash tables are, whatever the dtype."""
    # The first row settles the answer for nearly every array of weights.
    return values.dtype.kind != "f" or all(bool(np.all(np.mod(part, 1) == 0)) for part in (values[:1], values))


def with_signs(values: Array, change: Callable[[Array], Array], random: np.random.RandomState) -> Array:
    """Return ``values * change(signs)``, in the dtype of `values`, with a random sign +1 or -1 for each value."""
    # Signs that repeat after a prime number of values are as good as independent ones, and fast for large tables.
    signs = change(random.choice((-1.0, 1.0), 9973)).astype(values.dtype)
    return values * np.resize(signs, values.shape)


@contextmanager
def preserved_state(net: mx.gluon.Block) -> Iterator[None]:
    """Give parameters, running statistics and the states of ``random`` and ``numpy.random`` back as they were.

    MXNet's own generator can be neither read nor set back; it moves only where the network itself draws numbers.
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - a network that draws in forward draws from the global one
    originals: list[tuple[Any, Any]] = []
    parameters = list(net.collect_params().values())
    try:
        for parameter in parameters:
            if parameter._data is not None:
                _put_copies(parameter, originals)
            elif parameter._deferred_init:
                _put_copies_when_initialised(parameter, originals)
        yield
    finally:
        for parameter in parameters:
            vars(parameter).pop("_finish_deferred_init", None)
        for parameter, data in originals:
            parameter._data = data
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


def _put_copies(parameter: Any, originals: list[tuple[Any, Any]]) -> None:
    """Put copies in the place of a parameter's arrays, one per device, and remember the arrays."""
    originals.append((parameter, parameter._data))
    with mx.autograd.pause():
        parameter._data = [array.copy() for array in parameter._data]


def _put_copies_when_initialised(parameter: Any, originals: list[tuple[Any, Any]]) -> None:
    """Do the same as soon as the first pass has found the parameter's shape and initialised it."""
    finish = parameter._finish_deferred_init

    def finish_and_copy() -> None:
        deferred = bool(parameter._deferred_init)
        finish()
        if deferred:
            _put_copies(parameter, originals)

    parameter._finish_deferred_init = finish_and_copy


@contextmanager
def changed_parameters(net: mx.gluon.Block, change: Change) -> Iterator[None]:
    """Put ``change(name, values)`` in the place of the learned weights for a moment.

    Running statistics, constants and sparse parameters stay. Weights are never written in place: see above.
    """
    before: list[tuple[Any, Any]] = []
    try:
        for name, parameter in learned_parameters(net):
            values = change(name, parameter._data[0].asnumpy())
            if values is not None:
                before.append((parameter, parameter._data))
                with mx.autograd.pause():
                    parameter._data = [_like(array, values) for array in parameter._data]
        yield
    finally:
        for parameter, data in before:
            parameter._data = data


def learned_parameters(net: mx.gluon.Block) -> Iterator[tuple[str, Any]]:
    """Yield the names and the initialised, dense, real-valued parameters that training could change."""
    for name, parameter in net.collect_params().items():
        learned = parameter._stype == "default" and parameter._differentiable and parameter._data is not None
        if learned and np.dtype(parameter._data[0].dtype).kind == "f":
            yield name, parameter


def _like(array: mx.nd.NDArray, values: Array) -> mx.nd.NDArray:
    """Return `values` as an array of the kind, the type and the device of `array`."""
    make = mx.np.array if isinstance(array, mx.np.ndarray) else mx.nd.array
    return make(values, dtype=array.dtype, ctx=array.context)
