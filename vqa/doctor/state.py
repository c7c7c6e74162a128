"""What an examination changes for a moment and gives back: parameters, running statistics, random generators."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx

Array = npt.NDArray[Any]


def _dense_arrays(net: mx.gluon.Block, differentiable_only: bool) -> list[mx.nd.NDArray]:
    """Return the arrays of every initialised dense parameter, one per device."""
    arrays: list[mx.nd.NDArray] = []
    for parameter in net.collect_params().values():
        if parameter._stype != "default" or (differentiable_only and not parameter._differentiable):
            continue
        try:
            arrays += parameter.list_data()
        except (mx.gluon.parameter.DeferredInitializationError, RuntimeError):
            # Not initialised yet: there is nothing to keep; the first pass initialises it, as any pass would.
            continue
    return arrays


def is_whole(values: Array) -> bool:
    """Tell whether every value is a whole number, as ids, lengths, masks and hash tables are, whatever the dtype."""
    # A look at the beginning settles it for nearly every array of weights.
    return values.dtype.kind != "f" or all(bool(np.all(np.mod(part, 1) == 0)) for part in (values[:1], values))


def with_signs(values: Array, change: Callable[[Array], Array], random: np.random.RandomState) -> Array:
    """Return ``values * change(signs)``, in the dtype of `values`, with random signs +1 and -1, one for each value."""
    # Signs repeat after a prime number of values: as good as new ones, and large tables of words are done at once.
    signs = np.resize(change(random.choice((-1.0, 1.0), 9973)), values.shape)
    return (values * signs).astype(values.dtype)


@contextmanager
def preserved_state(net: mx.gluon.Block) -> Iterator[None]:
    """Give parameters, running statistics and the states of ``random`` and ``numpy.random`` back as they were.

    MXNet's own generator can be neither read nor set back; it moves only where the network itself draws numbers.
    """
    python_state = random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002 - a network that draws in forward draws from the global one
    before = [(array, array.asnumpy()) for array in _dense_arrays(net, differentiable_only=False)]
    try:
        yield
    finally:
        for array, values in before:
            if not np.array_equal(array.asnumpy(), values, equal_nan=values.dtype.kind == "f"):
                _write(array, values)
        np.random.set_state(numpy_state)  # noqa: NPY002
        random.setstate(python_state)


@contextmanager
def changed_parameters(net: mx.gluon.Block, change: Callable[[Array], Array]) -> Iterator[None]:
    """Replace the learned weights by ``change(values)`` for a moment.

    Running statistics and constants stay, and so do weights that are whole numbers: a table of ids or of hash signs
    would become another table.
    """
    saved: list[tuple[mx.nd.NDArray, Array]] = []
    try:
        for array in _dense_arrays(net, differentiable_only=True):
            values = array.asnumpy()
            if values.dtype.kind == "f" and not is_whole(values):
                saved.append((array, values))
                _write(array, change(values))
        yield
    finally:
        for array, values in saved:
            _write(array, values)


def _write(array: mx.nd.NDArray, values: Array) -> None:
    """Replace the content of a parameter's array in place."""
    # Not array[:] = values: a convolution keeps its weights in oneDNN's own order, where NumPy cannot be copied to.
    # And not recorded, in case the caller is recording.
    with mx.autograd.pause():
        mx.nd.array(values, dtype=values.dtype, ctx=array.context).copyto(array.as_nd_ndarray())
