"""Where an attention network looks: the weights that its softmax gives to the regions of an image."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.nn.network import VqaNetwork

_INPUTS = {
    "images": "float32",
    "image_index": "int32",
    "tokens": "int32",
    "lengths": "int32",
    "question_index": "int32",
}


def attention_weights(network: VqaNetwork, *inputs: Any) -> npt.NDArray[np.float32]:
    """Return the weight of each region for each question in the last hop, float32 (N, R), as `attention_by_hop`."""
    return attention_by_hop(network, *inputs)[-1]


def attention_by_hop(network: VqaNetwork, *inputs: Any) -> npt.NDArray[np.float32]:
    """Return the weight of each region for each question in each hop, float32 (hops, N, R); each row sums to 1.

    The weights are read from the network's own graph: a network that returns logits has no softmax but that of its
    attention.

    Parameters
    ----------
    network : one of the attention presets
    inputs : images (M, R, D), image_index (N,), tokens (Q, T), lengths (Q,), question_index (N,) as NDArrays

    Raises
    ------
    ConfigError
        The network has no attention.
    """
    variables = [mx.sym.var(name, dtype=dtype) for name, dtype in _INPUTS.items()]
    logits = network(*variables)
    nodes = json.loads(logits.tojson())["nodes"]
    names = [f"{node['name']}_output" for node in nodes if node["op"] == "softmax"]
    if not names:
        raise ConfigError(
            f"preset {network.spec.preset!r} has no attention over regions; use one that has, such as 'updn'"
        )
    internals = logits.get_internals()
    hops = mx.sym.stack(*(internals[name] for name in names))
    weights = mx.gluon.SymbolBlock(hops, variables, params=network.collect_params())
    with mx.autograd.pause(train_mode=False):
        return np.asarray(weights(*inputs).asnumpy())
