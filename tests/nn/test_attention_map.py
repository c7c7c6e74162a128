"""The attention weights that are shown are those that the network uses."""

from __future__ import annotations

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.nn.attention_map import attention_by_hop, attention_weights
from vqa.nn.network import VqaNetwork, build_from_spec
from vqa.nn.spec import NetworkSpec

SIZES = {
    "updn": {"embedding_size": 4, "hidden_size": 6},
    "mcb-attention": {"embedding_size": 4, "hidden_size": 6, "sketch_size": 8},
    "san": {"embedding_size": 4, "hidden_size": 6, "attention_size": 5},
}


def network_of(preset: str) -> VqaNetwork:
    return build_from_spec(NetworkSpec(preset, 9, 3, 0, "regions", (4, 5), SIZES[preset]))


def inputs(seed: int = 0) -> list[mx.nd.NDArray]:
    images = np.random.default_rng(seed).normal(size=(2, 4, 5)).astype(np.float32)
    images[1, 3] = 0  # padding
    values = ([0, 1, 1], [[2, 3, 0], [4, 5, 6]], [2, 3], [0, 1, 0])
    return [mx.nd.array(images), *(mx.nd.array(value, dtype="int32") for value in values)]


@pytest.mark.parametrize("preset", sorted(SIZES))
def test_weights_are_distributions_without_padding(preset: str) -> None:
    network = network_of(preset)
    weights = attention_weights(network, *inputs())
    assert weights.shape == (3, 4)
    np.testing.assert_allclose(weights.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(weights[1:, 3], 0)
    assert (weights[0] > 0).all()


@pytest.mark.parametrize("preset", sorted(SIZES))
def test_reading_the_weights_changes_nothing(preset: str) -> None:
    network = network_of(preset)
    before = network(*inputs()).asnumpy()
    attention_weights(network, *inputs())
    np.testing.assert_array_equal(network(*inputs()).asnumpy(), before)


def test_weights_of_top_down_attention_by_its_formula() -> None:
    network = network_of("updn")
    images, index, tokens, lengths, question_index = inputs()
    question = network.question_encoder(tokens, lengths).asnumpy()[question_index.asnumpy()]
    keys = np.maximum(images.asnumpy() @ network.image_encoder.project.weight.data().asnumpy().T, 0)
    attention = network.fusion
    query = question @ attention.query.weight.data().asnumpy().T + attention.query.bias.data().asnumpy()
    scores = np.einsum("nrh,nh->nr", keys[index.asnumpy()], query) / np.sqrt(6)
    scores[1:, 3] = -np.inf
    expected = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(attention_weights(network, *inputs()), expected, rtol=1e-4)


def test_each_hop_has_its_weights_and_the_last_counts() -> None:
    network = network_of("san")
    hops = attention_by_hop(network, *inputs())
    assert hops.shape == (2, 3, 4)
    np.testing.assert_array_equal(hops[1], attention_weights(network, *inputs()))
    np.testing.assert_allclose(hops.sum(axis=2), 1, atol=1e-6)
    assert np.abs(hops[0] - hops[1]).max() > 1e-3
    images, index, tokens, lengths, question_index = inputs()
    question = network.question_encoder(tokens, lengths)[question_index]
    values = network.image_encoder(images)[0][index]
    # What the logits are made of: the question and what both hops saw.
    seen = question + mx.nd.batch_dot(mx.nd.array(hops.sum(axis=0)).expand_dims(1), values)[:, 0]
    np.testing.assert_allclose(network.head(seen).asnumpy(), network(*inputs()).asnumpy(), rtol=1e-4, atol=1e-5)


def test_a_network_without_attention_says_so() -> None:
    network = build_from_spec(NetworkSpec("mlp", 9, 3, 0, "features", (5,), {}))
    with pytest.raises(ConfigError, match="preset 'mlp' has no attention"):
        attention_weights(network, mx.nd.zeros((1, 5)), *inputs()[1:])
