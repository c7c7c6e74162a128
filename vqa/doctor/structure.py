"""The structure of what a network takes and gives: nested lists, tuples and dicts of arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Callable, Union

from vqa._mxnet import mx
from vqa.doctor.state import Array
from vqa.errors import VqaError

# Names the part of a network's output to look at: a place, a key or an attribute, or several of them, outermost first.
Output = Union[int, str, Sequence[Union[int, str]], None]

WRAPPER = "examine a block that holds the network as self.net and whose forward(self, *inputs) returns "


def ways_to_call(inputs: Any) -> list[Callable[[Any, Any], Any]]:
    """Return the ways in which a network may take `inputs`, the usual one first."""
    if isinstance(inputs, Mapping):
        return [lambda net, given: net(**given), lambda net, given: net(given)]
    if isinstance(inputs, (tuple, list)):
        return [lambda net, given: net(*given), lambda net, given: net(list(given)), lambda net, given: net(given)]
    return [lambda net, given: net(given)]


def input_arrays(value: Any, where: str = "") -> Iterator[mx.nd.NDArray]:
    """Yield the arrays of nested inputs in order; None, numbers and texts are not arrays and stay as they are.

    Raises
    ------
    VqaError
        A part is something else.
    """
    if isinstance(value, mx.nd.NDArray):
        yield value
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from input_arrays(part, f"{where}[{key!r}]")
    elif isinstance(value, (tuple, list)):
        for place, part in enumerate(value):
            yield from input_arrays(part, f"{where}[{place}]" if where else f"position {place}")
    elif value is not None and not isinstance(value, (bool, int, float, str)):
        raise VqaError(
            f"expected inputs as a tuple of NDArrays, got {type(value).__name__} at {where or 'position 0'}; wrap it "
            "in mx.nd.array"
        )


def with_arrays(value: Any, arrays: Iterator[mx.nd.NDArray]) -> Any:
    """Return nested inputs with their arrays replaced by `arrays`, in order."""
    if isinstance(value, mx.nd.NDArray):
        return next(arrays)
    if isinstance(value, Mapping):
        return {key: with_arrays(part, arrays) for key, part in value.items()}
    if isinstance(value, (tuple, list)):
        parts = [with_arrays(part, arrays) for part in value]
        if isinstance(value, list):
            return parts
        return type(value)(*parts) if hasattr(value, "_fields") else tuple(parts)
    return value


def like_input(given: mx.nd.NDArray, values: Array) -> mx.nd.NDArray:
    """Return `values` as an array of the kind, the storage and the device of an input."""
    if isinstance(given, mx.np.ndarray):
        return mx.np.array(values, ctx=given.context, dtype=values.dtype)
    array = mx.nd.array(values, ctx=given.context, dtype=values.dtype)
    return array if given.stype == "default" else array.tostype(given.stype)


def selected_output(outputs: Any, wanted: Output) -> mx.nd.NDArray:
    """Return the output to look at: the one that is named, or the first one of several.

    Raises
    ------
    VqaError
        There is no such part, the network returns a dict and no part is named, or the part is not an array.
    """
    chosen = outputs
    for key in (wanted,) if isinstance(wanted, (int, str)) else wanted or ():
        try:
            chosen = getattr(chosen, key) if isinstance(key, str) and hasattr(chosen, key) else chosen[key]
        except (KeyError, IndexError, TypeError) as error:
            raise VqaError(f"the network's output has no part {key!r}: it is {_described(chosen)}") from error
    while isinstance(chosen, (tuple, list)) and chosen:
        chosen = chosen[0]
    if isinstance(chosen, Mapping):
        raise VqaError(
            f"the network returns {_described(chosen)}: name the part to look at, for example "
            f"output={next(iter(chosen), 'logits')!r}"
        )
    if not isinstance(chosen, mx.nd.NDArray):
        raise VqaError(
            f"expected an array of logits from the network, got {_described(chosen)}; name the part to look at with "
            f"output=, or {WRAPPER}the logits"
        )
    return chosen


def _described(value: Any) -> str:
    """Return what an output is, in a few words."""
    if isinstance(value, Mapping):
        return f"a dict with the keys {', '.join(map(repr, value))}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {len(value)}"
    return f"an array of shape {value.shape}" if isinstance(value, mx.nd.NDArray) else type(value).__name__
