"""Converters of the fusions, of attention and of compact bilinear pooling."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from vqa.export.encoders import row_mask
from vqa.export.graph import Converter, Graph, Scope
from vqa.export.layers import project_rows

# As in `vqa.nn.attention`.
MASKED = -1e9
# The output with the weights of the regions, in the last hop where there are several; hop 1 is "attention_1".
ATTENTION = "attention"


def product(scope: Scope, question: str, image: str) -> str:
    """Write the element-wise product."""
    return scope.graph.op("Mul", question, image)


def sum_of_both(scope: Scope, question: str, image: str) -> str:
    """Write the sum."""
    return scope.graph.op("Add", question, image)


def normalized_concat(scope: Scope, question: str, image: str) -> str:
    """Write both at unit length, side by side."""
    graph = scope.graph
    return graph.op("Concat", graph.unit_length(question), graph.unit_length(image), axis=1)


def fourier_matrix(size: int) -> npt.NDArray[np.float64]:
    """Return the matrix F (d, 2 K) with ``x F`` = real parts, then imaginary parts, of the transform of real x (d,).

    The K = d // 2 + 1 frequencies that it has are all: the others are the conjugates of these.
    """
    frequencies = np.arange(size // 2 + 1)
    # The remainder first: whole numbers are exact, and the angle stays within one turn.
    angles = np.outer(np.arange(size), frequencies) % size * (2 * math.pi / size)
    return np.concatenate([np.cos(angles), -np.sin(angles)], axis=1)


def inverse_fourier_matrix(size: int) -> npt.NDArray[np.float64]:
    """Return the matrix (2 K, d) that gives real x back from ``x fourier_matrix(d)``."""
    count = size // 2 + 1
    weights = np.full(count, 2.0)  # a frequency and its conjugate
    weights[0] = 1
    if size % 2 == 0:
        weights[-1] = 1
    return np.tile(weights, 2)[:, np.newaxis] / size * fourier_matrix(size).T


def sketch_spectrum(scope: Scope, x: str) -> str:
    """Write count sketch and Fourier transform in one matrix product: x (..., D) -> (..., 2 K).

    Input i goes to bucket h[i] with the sign s[i], so that row i of the matrix is s[i] times row h[i] of the Fourier
    matrix.
    """
    graph, sketch = scope.graph, scope.child("sketch")
    size = sketch.block.options["sketch_size"]
    buckets = graph.constant(sketch.array("buckets"), f"{sketch.path}buckets", np.int64)
    rows = graph.op("Gather", graph.constant(fourier_matrix(size), f"fourier_{size}"), buckets, axis=0)
    return graph.op("MatMul", x, graph.op("Mul", rows, sketch.weight("signs")))


def spectrum_product(graph: Graph, a: str, b: str, size: int) -> str:
    """Write product of spectra (..., 2 K), inverse transform, signed square root, unit length: (..., d)."""
    (real_a, imaginary_a), (real_b, imaginary_b) = (graph.ops("Split", (x,), 2, axis=-1) for x in (a, b))
    real = graph.op("Sub", graph.op("Mul", real_a, real_b), graph.op("Mul", imaginary_a, imaginary_b))
    imaginary = graph.op("Add", graph.op("Mul", real_a, imaginary_b), graph.op("Mul", imaginary_a, real_b))
    inverse = graph.constant(inverse_fourier_matrix(size), f"inverse_fourier_{size}")
    pooled = graph.op("MatMul", graph.op("Concat", real, imaginary, axis=-1), inverse)
    root = graph.op("Sqrt", graph.op("Add", graph.op("Abs", pooled), graph.number(1e-8)))
    return graph.unit_length(graph.op("Div", pooled, root))


def _sketch_size(scope: Scope, spectrum: str) -> int:
    return int(scope.block.children[spectrum].children["sketch"].options["sketch_size"])


def compact_bilinear(scope: Scope, question: str, image: str) -> str:
    """Write compact bilinear pooling of two vectors."""
    graph = scope.graph
    asked, seen = scope.call("question", graph.unit_length(question)), scope.call("image", graph.unit_length(image))
    return spectrum_product(graph, asked, seen, _sketch_size(scope, "question"))


def attend(graph: Graph, scores: str, mask: str, rows: str, output: str = ATTENTION) -> str:
    """Write the mean of `rows` (N, R, D), weighted by the softmax of `scores` (N, R) where `mask`, bool (N, R).

    The weights are an output of the graph with the name `output`.
    """
    weights = graph.op("Softmax", graph.op("Where", mask, scores, graph.number(MASKED)), axis=1)
    graph.extra_outputs[output] = weights
    return graph.squeeze(graph.op("MatMul", graph.unsqueeze(weights, 1), rows), 1)


def top_down_attention(scope: Scope, question: str, regions: str, keys: str, mask: str) -> str:
    """Write attention by the product of a query with the regions' keys."""
    graph = scope.graph
    scale = graph.number(1 / math.sqrt(scope.child("query").array("weight").shape[0]))
    query = graph.op("Mul", scope.call("query", question), scale)
    scores = graph.squeeze(graph.op("MatMul", keys, graph.unsqueeze(query, 2)), 2)
    pooled = attend(graph, scores, mask, regions)
    return graph.op("Mul", scope.call("question", question), scope.call("image", pooled))


def stacked_attention(scope: Scope, question: str, values: str, mask: str, *keys: str) -> str:
    """Write hop after hop: the query, which begins as the question, and what it saw of the regions, added to it."""
    graph, query = scope.graph, question
    for number, key in enumerate(keys):
        asked = graph.unsqueeze(scope.child("query").call(str(number), query), 1)
        matched = graph.op("Tanh", graph.op("Add", key, asked))  # (N, R, A)
        scores = graph.squeeze(project_rows(scope.child("score").child(str(number)), matched), 2)
        last = number == len(keys) - 1
        seen = attend(graph, scores, mask, values, ATTENTION if last else f"{ATTENTION}_{number + 1}")
        query = graph.op("Add", query, seen)
    return query


def sketched_regions(scope: Scope, regions: str) -> tuple[str, str, str]:
    """Write regions of unit length, the spectra of their sketches (M, R, 2 K), and their mask, bool (M, R)."""
    rows = scope.graph.unit_length(regions)
    return rows, scope.call("spectrum", rows), row_mask(scope.graph, regions)


def bilinear_attention(scope: Scope, question: str, regions: str, spectra: str, mask: str) -> str:
    """Write attention by the compact bilinear map of the question with each region, and pooling with their mean."""
    graph = scope.graph
    size = _sketch_size(scope, "spectrum")
    asked = graph.unsqueeze(scope.call("spectrum", graph.unit_length(question)), 1)  # (N, 1, 2 K)
    joint = spectrum_product(graph, asked, spectra, size)  # (N, R, d)
    flat = graph.op("Reshape", joint, graph.integers(-1, size))
    scores = graph.op("Reshape", scope.call("score", scope.call("hidden", flat)), graph.op("Shape", mask))
    return scope.call("pool", question, attend(graph, scores, mask, regions))


CONVERTERS: dict[str, Converter] = {
    "BilinearAttention": bilinear_attention,
    "CompactBilinear": compact_bilinear,
    "NormalizedConcat": normalized_concat,
    "Product": product,
    "SketchSpectrum": sketch_spectrum,
    "SketchedRegions": sketched_regions,
    "StackedAttention": stacked_attention,
    "Sum": sum_of_both,
    "TopDownAttention": top_down_attention,
}
