"""A Gluon network as what the writers take: the tree of its blocks, and its parameters as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.export.structure import Block

# Where the blocks come from whose names say what they do.
KNOWN_MODULES = ("mxnet.gluon.", "vqa.nn.", "vqa.features.")
# Attributes that decide a block's output, by class, and the name they have in a structure.
ATTRIBUTES = {
    "Activation": {"act_type": "_act_type"},
    "CountSketch": {"sketch_size": "_sketch_size"},
    "ConvolutionUnit": {"padding": "_padding", "activate": "_activate"},
    "InvertedResidual": {"residual": "_residual"},
}
# Operator arguments that decide a block's output, by class.
ARGUMENTS = {
    "Conv2D": ("stride", "pad", "dilate", "num_group"),
    "MaxPool2D": ("kernel", "stride", "pad"),
    "BatchNorm": ("eps", "axis", "fix_gamma"),
}


def describe(block: Any) -> Block:
    """Return the tree of a Gluon block.

    A class that is not of Gluon or of this package gets its full name as kind: it may be called like one of ours.
    """
    cls = type(block)
    kind = cls.__name__ if cls.__module__.startswith(KNOWN_MODULES) else f"{cls.__module__}.{cls.__name__}"
    options = {name: getattr(block, attribute) for name, attribute in ATTRIBUTES.get(kind, {}).items()}
    options.update({name: block._kwargs[name] for name in ARGUMENTS.get(kind, ())})
    return Block(kind, {name: describe(child) for name, child in block._children.items()}, options)


def parameters(network: Any) -> dict[str, npt.NDArray[np.float32]]:
    """Return a network's parameters by attribute path, the names under which a run folder keeps them."""
    return {
        name: parameter.data(parameter.list_ctx()[0]).asnumpy()
        for name, parameter in network._collect_params_with_prefix().items()
    }
