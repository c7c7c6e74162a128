"""An ONNX graph while it is written: nodes and constants are added, names are given, blocks find their converters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Union

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

from vqa.errors import ConfigError
from vqa.export.structure import Block

# Read by onnxruntime 1.17 of January 2024 and by every later one.
OPSET, IR_VERSION = 17, 8

Arrays = Mapping[str, npt.NDArray[Any]]
# The name of a value in the graph, or of several where a block gives several.
Value = Union[str, tuple[str, ...]]


class Graph:
    """Nodes and constants of an ONNX graph.

    Parameters
    ----------
    arrays : the network's parameters by attribute path; a parameter keeps its path as its name in the graph

    Attributes
    ----------
    nodes : the operators so far
    extra_outputs : values that are worth an output of their own, by the output's name
    used : the parameters that blocks have asked for
    """

    def __init__(self, arrays: Arrays) -> None:
        self.arrays = arrays
        self.nodes: list[onnx.NodeProto] = []
        self.extra_outputs: dict[str, str] = {}
        self.used: set[str] = set()
        self._constants: dict[str, onnx.TensorProto] = {}
        self._names: dict[str, int] = {}

    @property
    def constants(self) -> list[onnx.TensorProto]:
        """All constants, in the order in which they were added."""
        return list(self._constants.values())

    def unique(self, name: str) -> str:
        """Return a name that no value of the graph has yet."""
        number = self._names[name] = self._names.get(name, 0) + 1
        return f"{name}_{number}"

    def constant(self, values: npt.ArrayLike, name: str, dtype: npt.DTypeLike = np.float32) -> str:
        """Add an array and return its name; an array of that name is added once."""
        if name not in self._constants:
            array = np.ascontiguousarray(values, dtype=dtype).reshape(np.shape(values))
            self._constants[name] = numpy_helper.from_array(array, name)
        return name

    def integers(self, *values: int) -> str:
        """Return the name of a vector of int64, such as the axes of an operator."""
        return self.constant(np.array(values), f"integers_{'_'.join(map(str, values))}", np.int64)

    def number(self, value: float, dtype: npt.DTypeLike = np.float32) -> str:
        """Return the name of a single number."""
        return self.constant(np.array(value), f"{np.dtype(dtype).name}_{value:g}", dtype)

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        (output,) = self.ops(kind, inputs, 1, **attributes)
        return output

    def ops(self, kind: str, inputs: tuple[str, ...], num_outputs: int, **attributes: Any) -> list[str]:
        """Add a node and return the names of its outputs."""
        name = self.unique(kind.lower())
        outputs = [name] if num_outputs == 1 else [f"{name}_{number}" for number in range(num_outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), outputs, name=name, **attributes))
        return outputs

    def branch(self, name: str, write: Callable[[], str]) -> onnx.GraphProto:
        """Return a graph of its own, for an operator If, of what `write` adds; constants stay outside."""
        outside, self.nodes = self.nodes, []
        output = helper.make_tensor_value_info(write(), onnx.TensorProto.FLOAT, None)
        inside, self.nodes = self.nodes, outside
        return helper.make_graph(inside, name, [], [output])

    def squeeze(self, x: str, axis: int) -> str:
        """Take an axis of length 1 away."""
        return self.op("Squeeze", x, self.integers(axis))

    def unsqueeze(self, x: str, axis: int) -> str:
        """Put an axis of length 1 in."""
        return self.op("Unsqueeze", x, self.integers(axis))

    def size(self, x: str, axis: int) -> str:
        """Return the length of an axis, int64 (1,)."""
        return self.op("Gather", self.op("Shape", x), self.integers(axis), axis=0)

    def count_to(self, length: str, *, start: int = 0) -> str:
        """Return ``start, start + 1, ...``, int64 (length,); `length` is int64 (1,)."""
        stop = self.squeeze(length, 0)
        if start:
            stop = self.op("Add", stop, self.number(start, np.int64))
        return self.op("Range", self.number(start, np.int64), stop, self.number(1, np.int64))

    def unit_length(self, x: str) -> str:
        """Scale the rows of the last axis to unit length, as MXNet's L2Normalization: ``x / sqrt(sum x^2 + 1e-10)``."""
        squares = self.op("ReduceSumSquare", x, axes=[-1], keepdims=1)
        return self.op("Div", x, self.op("Sqrt", self.op("Add", squares, self.number(1e-10))))


@dataclass(frozen=True)
class Scope:
    """A block of the network at its place: where a converter finds the block's parameters, options and children."""

    graph: Graph
    block: Block
    path: str = ""

    def array(self, name: str) -> npt.NDArray[np.float32]:
        """Return a parameter of the block.

        Raises
        ------
        ConfigError
            The network has no such parameter.
        """
        path = self.path + name
        if path not in self.graph.arrays:
            raise ConfigError(f"the parameters hold no {path!r}, which block {self.name!r} ({self.block.kind}) needs")
        self.graph.used.add(path)
        return self.graph.arrays[path].astype(np.float32)

    def weight(self, name: str) -> str:
        """Add a parameter to the graph as it is and return its name."""
        return self.graph.constant(self.array(name), self.path + name)

    def has(self, name: str) -> bool:
        """Return whether the block has a parameter of this name."""
        return self.path + name in self.graph.arrays

    @property
    def name(self) -> str:
        """The block's attribute path."""
        return self.path.rstrip(".")

    def child(self, name: str) -> Scope:
        """Return the scope of a block inside this one."""
        return Scope(self.graph, self.block.children[name], f"{self.path}{name}.")

    def call(self, name: str, *inputs: str) -> str:
        """Convert the block of this name inside this one, which has one output."""
        output = convert(self.child(name), *inputs)
        assert isinstance(output, str), f"{self.path}{name} has several outputs"
        return output


Converter = Callable[..., Value]
CONVERTERS: dict[str, Converter] = {}
"""From the kind of a block to the function that writes it; `vqa.export.network` fills it."""


def convert(scope: Scope, *inputs: str) -> Value:
    """Write a block into the graph and return the names of its outputs.

    Raises
    ------
    ConfigError
        There is no converter for this kind of block.
    """
    if scope.block.kind not in CONVERTERS:
        raise ConfigError(
            f"block {scope.name!r} of the network is a {scope.block.kind}, which has no ONNX converter; "
            "write one in vqa/export and add it to CONVERTERS"
        )
    return CONVERTERS[scope.block.kind](scope, *inputs)
