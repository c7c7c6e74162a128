"""Every preset of this project passes the doctor, on every kind of image that it takes."""

from __future__ import annotations

import inspect
from collections import Counter

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.doctor import examine
from vqa.errors import ConfigError
from vqa.nn.losses import LOSSES
from vqa.nn.network import PRESETS, NetworkSpec, build_from_spec

SHAPES = {"none": (1,), "pixels": (3, 16, 16), "features": (6,), "regions": (4, 6), "frames": (5, 6)}
SMALL = {"embedding_size": 5, "hidden_size": 16, "channels": 4, "sketch_size": 12, "attention_size": 7}
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


def batch(kind, num_questions, num_images, num_texts, seed):
    """Return the inputs and labels of a batch; the first image ends in a region or frame of padding."""
    random = np.random.default_rng(seed)
    images = random.normal(size=(1 if kind == "none" else num_images, *SHAPES[kind]))
    if kind in ("regions", "frames"):
        images[0, -1] = 0
    image_index, question_index = (places(random, num_questions, count) for count in (len(images), num_texts))
    lengths = random.integers(1, 7, num_texts)
    words = random.integers(2, NUM_WORDS, (num_texts, 6))
    tokens = np.where(np.arange(6) < lengths[:, np.newaxis], words, PADDING_ID)
    labels = random.integers(-1, NUM_ANSWERS, (num_questions, 3))
    whole = [mx.nd.array(values, dtype="int32") for values in (image_index, tokens, lengths, question_index, labels)]
    return (mx.nd.array(images * (kind != "none")), *whole[:4]), whole[4]


def places(random, num_questions, count):
    """Return `num_questions` places in a table of `count` entries, every one of them used."""
    return random.permutation(np.append(np.arange(count), random.integers(0, count, num_questions - count)))


def examined(preset, seed, batches):
    counted = Counter()
    for kind in SHAPES:
        network = build(preset, kind, seed)
        for number, (num_questions, num_images) in enumerate(batches if network is not None else ()):
            num_texts = num_questions if (seed + number) % 2 else max(1, num_questions * 2 // 3)
            inputs, labels = batch(kind, num_questions, num_images, num_texts, seed)
            loss = LOSSES[list(LOSSES)[number % len(LOSSES)]]()
            findings = examine(network, inputs, labels=labels, loss=loss)
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
    for seed in range(10):
        examined(preset, seed, [*BATCHES, (64, 17)])
