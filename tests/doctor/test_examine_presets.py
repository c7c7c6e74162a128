"""Every preset of this project passes the doctor, on every kind of image that it takes."""

from __future__ import annotations

import inspect
from collections import Counter

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.doctor import examine
from vqa.doctor.runs import RowByRow
from vqa.errors import ConfigError
from vqa.nn.losses import LOSSES
from vqa.nn.network import PRESETS, NetworkSpec, build_from_spec

SHAPES = {"none": (1,), "pixels": (3, 16, 16), "features": (6,), "regions": (4, 6), "frames": (5, 6)}
SMALL = {"embedding_size": 5, "hidden_size": 16, "channels": 4, "sketch_size": 12}
NUM_WORDS, NUM_ANSWERS, PADDING_ID = 9, 4, 1
BATCHES = [(6, 3), (2, 2), (2, 1), (8, 8), (5, 4)]


def build(preset, kind, seed):
    """Return a small network, or None where the preset does not take this kind of image."""
    options = {name: value for name, value in SMALL.items() if name in inspect.signature(PRESETS[preset]).parameters}
    spec = NetworkSpec(preset, NUM_WORDS, NUM_ANSWERS, PADDING_ID, kind, SHAPES[kind], options)
    try:
        network = build_from_spec(spec, seed=seed)
    except ConfigError:
        return None
    if seed % 2:
        # As large as after training.
        random = np.random.default_rng(seed)
        for parameter in network.collect_params(".*(weight|bias)").values():
            if parameter.grad_req != "null":
                parameter.set_data(mx.nd.array(random.normal(scale=0.5, size=parameter.shape)))
    return network


def batch(kind, num_questions, num_images, seed):
    """Return the inputs and labels of a batch; the first image ends in a region or frame of padding."""
    random = np.random.default_rng(seed)
    images = random.normal(size=(1 if kind == "none" else num_images, *SHAPES[kind]))
    if kind in ("regions", "frames"):
        images[0, -1] = 0
    index = random.integers(0, len(images), num_questions)
    index[: len(images)] = np.arange(len(images))
    lengths = random.integers(1, 7, num_questions)
    tokens = np.where(
        np.arange(6) < lengths[:, np.newaxis], random.integers(2, NUM_WORDS, (num_questions, 6)), PADDING_ID
    )
    labels = random.integers(-1, NUM_ANSWERS, (num_questions, 3))
    whole = [mx.nd.array(values, dtype="int32") for values in (index, tokens, lengths, labels)]
    return (mx.nd.array(images * (kind != "none")), *whole[:3]), whole[3]


def examined(preset, seed, batches):
    counted = Counter()
    for kind in SHAPES:
        network = build(preset, kind, seed)
        for number, (num_questions, num_images) in enumerate(batches if network is not None else ()):
            inputs, labels = batch(kind, num_questions, num_images, seed)
            loss = LOSSES[list(LOSSES)[number % len(LOSSES)]]()
            findings = examine(RowByRow(network), inputs, labels=labels, loss=loss)
            assert findings == [], (preset, kind, num_questions, num_images)
            counted[kind] += 1
    assert counted
    return counted


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_healthy(preset):
    examined(preset, 0, BATCHES[:2])
    examined(preset, 1, BATCHES[3:4])


@pytest.mark.slow
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_healthy_over_many_seeds(preset):
    for seed in range(20):
        examined(preset, seed, [*BATCHES, (64, 17)])
