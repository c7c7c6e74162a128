"""Small networks and random batches for the tests of `vqa.nn`."""

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
    "san": (("regions", "frames"), {"embedding_size": 5, "hidden_size": 16, "attention_size": 7}),
}
CASES = [(preset, kind) for preset, (kinds, _) in SMALL.items() for kind in kinds]

NUM_WORDS, NUM_ANSWERS, PADDING_ID = 9, 4, 1


def small_spec(preset: str, kind: str, **options: float) -> NetworkSpec:
    chosen = {**SMALL[preset][1], **options}
    return NetworkSpec(preset, NUM_WORDS, NUM_ANSWERS, PADDING_ID, kind, SHAPES[kind], chosen)


def build(preset, kind, seed=5, **options):
    """A small network with large random parameters, so that a leak shows, and running statistics as after training."""
    network = build_from_spec(small_spec(preset, kind, **options), seed=seed)
    rng = np.random.default_rng(7)
    for name, parameter in network._collect_params_with_prefix().items():
        if name.endswith(("running_mean", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 1.5, parameter.shape)))
        elif not name.endswith(("buckets", "signs")):
            parameter.set_data(mx.nd.array(rng.normal(scale=0.5, size=parameter.shape)))
    return network


def random_batch(kind, num_rows=6, num_images=3, num_tokens=5, num_texts=4, seed=0):
    """Arrays (images, image_index, tokens, lengths, question_index) as NumPy, every text in use.

    The first image ends in a region or frame of padding.
    """
    rng = np.random.default_rng(seed)
    images = rng.normal(size=(num_images, *SHAPES[kind])).astype(np.float32)
    if kind in ("regions", "frames"):
        images[0, -1] = 0
    if kind == "none":
        images[:] = 0
    image_index = rng.integers(0, num_images, num_rows).astype(np.int32)
    num_texts = min(num_texts, num_rows)
    tokens = rng.integers(2, NUM_WORDS, (num_texts, num_tokens)).astype(np.int32)
    lengths = rng.integers(1, num_tokens + 1, num_texts).astype(np.int32)
    tokens[np.arange(num_tokens) >= lengths[:, np.newaxis]] = PADDING_ID
    question_index = rng.permutation(np.arange(num_rows) % num_texts).astype(np.int32)
    return images, image_index, tokens, lengths, question_index


def on_device(images, *indices):
    """The arrays of `random_batch` as NDArrays."""
    return [mx.nd.array(images), *(mx.nd.array(array, dtype="int32") for array in indices)]


def run(network, *arrays):
    """Logits of a batch of NumPy arrays, as NumPy."""
    return network(*on_device(*arrays)).asnumpy()


def parameters(network):
    """Parameters by attribute path, as NumPy."""
    return {name: p.data().asnumpy() for name, p in network._collect_params_with_prefix().items()}


each_case = pytest.mark.parametrize(("preset", "kind"), CASES)
