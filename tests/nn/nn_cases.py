"""Small networks and random batches for the tests of the nn room."""

from __future__ import annotations

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.nn.network import NetworkSpec, build_from_spec

SHAPES = {"none": (1,), "pixels": (3, 16, 16), "features": (6,), "regions": (4, 6), "frames": (5, 6)}

# Each preset with the kinds of image that it takes, and options that keep it small.
SMALL = {
    "question-only": (("none", "pixels", "regions"), {"embedding_size": 5, "hidden_size": 16}),
    "softmax-regression": (("features", "pixels", "regions", "frames"), {}),
    "mlp": (("features", "regions", "frames"), {"embedding_size": 5, "hidden_size": 16}),
    "cnn-gru": (("pixels",), {"embedding_size": 5, "hidden_size": 16, "channels": 4}),
    "mcb": (("features", "regions", "frames"), {"embedding_size": 5, "hidden_size": 16, "sketch_size": 12}),
    "mcb-attention": (("regions", "frames"), {"embedding_size": 5, "hidden_size": 16, "sketch_size": 12}),
    "lstm-product": (("frames",), {"embedding_size": 5, "hidden_size": 16}),
    "updn": (("regions", "frames"), {"embedding_size": 5, "hidden_size": 16}),
}
CASES = [(preset, kind) for preset, (kinds, _) in SMALL.items() for kind in kinds]

NUM_WORDS, NUM_ANSWERS, PADDING_ID = 9, 4, 1


def small_spec(preset: str, kind: str) -> NetworkSpec:
    return NetworkSpec(preset, NUM_WORDS, NUM_ANSWERS, PADDING_ID, kind, SHAPES[kind], SMALL[preset][1])


def build(preset, kind, seed=5):
    """A small network with large random parameters, so that a leak shows, and running statistics as after training."""
    network = build_from_spec(small_spec(preset, kind), seed=seed)
    rng = np.random.default_rng(7)
    for name, parameter in network._collect_params_with_prefix().items():
        if name.endswith(("running_mean", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
        elif not name.endswith(("buckets", "signs")):
            parameter.set_data(mx.nd.array(rng.normal(scale=0.5, size=parameter.shape)))
    return network


def random_batch(kind, num_questions=6, num_images=3, num_tokens=5, seed=0):
    """Arrays (images, image_index, tokens, lengths) as NumPy; the first image ends in a region or frame of padding."""
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, *SHAPES[kind])).astype(np.float32)
    if kind in ("regions", "frames"):
        images[0, -1] = 0
    if kind == "none":
        images[:] = 0
    image_index = rng.integers(0, num_images, num_questions).astype(np.int32)
    tokens = rng.integers(2, NUM_WORDS, (num_questions, num_tokens)).astype(np.int32)
    lengths = rng.integers(1, num_tokens + 1, num_questions).astype(np.int32)
    tokens[np.arange(num_tokens) >= lengths[:, np.newaxis]] = PADDING_ID
    return images, image_index, tokens, lengths


def run(network, images, image_index, tokens, lengths):
    """Logits of a batch of NumPy arrays, as NumPy."""
    integers = (mx.nd.array(array, dtype="int32") for array in (image_index, tokens, lengths))
    return network(mx.nd.array(images), *integers).asnumpy()


def parameters(network):
    """Parameters by attribute path, as NumPy."""
    return {name: p.data().asnumpy() for name, p in network._collect_params_with_prefix().items()}


each_case = pytest.mark.parametrize(("preset", "kind"), CASES)
