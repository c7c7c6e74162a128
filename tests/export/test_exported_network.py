"""Exported networks answer as their Gluon originals do, whatever the shapes."""

from __future__ import annotations

import numpy as np
import pytest
from export_cases import (
    all_specs,
    draw_inputs,
    gluon_logits,
    name_of,
    randomized,
    relative_difference,
    session_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.export.gluon import describe, parameters
from vqa.export.network import onnx_model
from vqa.export.structure import PRESETS, structure_of
from vqa.nn import network as gluon_network
from vqa.nn.presets import Parts
from vqa.nn.spec import NetworkSpec

SPECS = all_specs()
SHAPES = [
    {"images": 1, "rows": 1, "questions": 1, "words": 1},
    {"images": 1, "rows": 8, "questions": 2, "words": 13},
    {"images": 7, "rows": 5, "questions": 5, "words": 4},
    {"images": 4, "rows": 40, "questions": 9, "words": 8},
]


def test_every_preset_is_mirrored() -> None:
    assert set(PRESETS) == set(gluon_network.PRESETS)
    assert {spec.preset for spec in SPECS} == set(PRESETS)


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
def test_the_structure_without_mxnet_is_that_of_the_network(spec: NetworkSpec) -> None:
    assert structure_of(spec) == describe(gluon_network.build_from_spec(spec))


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
def test_logits_are_those_of_the_network_in_every_shape(spec: NetworkSpec) -> None:
    network = randomized(spec)
    session = session_of(network)
    for seed, shape in enumerate(SHAPES):
        inputs = draw_inputs(spec, **shape, seed=seed)
        (logits,) = session.run(["logits"], inputs)
        expected = gluon_logits(network, inputs)
        assert logits.dtype == np.float32
        assert logits.shape == expected.shape
        assert relative_difference(logits, expected) < 1e-5
        assert (logits.argmax(axis=1) == expected.argmax(axis=1)).all()


OPTIONS = {
    "question-only": {"embedding_size": 7, "hidden_size": 5},
    "mlp": {"embedding_size": 3, "hidden_size": 11},
    "cnn-gru": {"embedding_size": 5, "hidden_size": 9, "channels": 3},
    "mcb": {"embedding_size": 6, "hidden_size": 10, "sketch_size": 35},
    "mcb-attention": {"embedding_size": 6, "hidden_size": 10, "sketch_size": 17},
    "lstm-product": {"embedding_size": 4, "hidden_size": 6},
    "updn": {"embedding_size": 5, "hidden_size": 8},
    "san": {"embedding_size": 5, "hidden_size": 8, "attention_size": 6, "hops": 3},
}


@pytest.mark.parametrize("preset", OPTIONS)
def test_other_sizes_and_large_logits(preset: str) -> None:
    kind = next(spec for spec in SPECS if spec.preset == preset)
    spec = NetworkSpec(preset, 5, 3, 1, kind.image_kind, kind.image_shape, OPTIONS[preset])
    network = randomized(spec, scale=1.0)
    inputs = draw_inputs(network.spec, rows=50, questions=20)
    (logits,) = session_of(network).run(["logits"], inputs)
    assert relative_difference(logits, gluon_logits(network, inputs)) < 1e-5


@pytest.mark.parametrize("spec", SPECS, ids=name_of)
def test_a_row_does_not_depend_on_padding_or_on_other_rows(spec: NetworkSpec) -> None:
    session = session_of(randomized(spec))
    inputs = draw_inputs(spec)
    (together,) = session.run(["logits"], inputs)
    padded = np.pad(inputs["tokens"], [(0, 0), (0, 5)], constant_values=1)
    (longer,) = session.run(["logits"], {**inputs, "tokens": padded})
    np.testing.assert_allclose(longer, together, rtol=1e-5, atol=1e-5)
    for row in range(3):
        question, image = inputs["question_index"][row], inputs["image_index"][row]
        zero = np.zeros(1, dtype=np.int32)
        length = inputs["lengths"][question]
        alone = {
            "images": inputs["images"][image : image + 1],
            "image_index": zero,
            "tokens": inputs["tokens"][question : question + 1, :length],
            "lengths": inputs["lengths"][question : question + 1],
            "question_index": zero,
        }
        np.testing.assert_allclose(session.run(["logits"], alone)[0][0], together[row], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("preset", "outputs"),
    [("updn", ["attention"]), ("mcb-attention", ["attention"]), ("san", ["attention_1", "attention"])],
)
def test_attention_is_that_of_the_network(preset: str, outputs: list[str]) -> None:
    from vqa.nn.attention_map import attention_by_hop

    spec = next(spec for spec in SPECS if spec.preset == preset)
    network = randomized(spec)
    inputs = draw_inputs(spec)
    expected = attention_by_hop(network, *(mx.nd.array(array, dtype=array.dtype) for array in inputs.values()))
    np.testing.assert_allclose(session_of(network).run(outputs, inputs), expected, atol=1e-5)


def test_more_regions_than_in_training_are_taken() -> None:
    spec = next(spec for spec in SPECS if spec.preset == "updn")
    network = randomized(spec)
    inputs = draw_inputs(spec)
    inputs["images"] = np.random.default_rng(1).normal(size=(4, 11, 20)).astype(np.float32)
    (logits,) = session_of(network).run(["logits"], inputs)
    assert relative_difference(logits, gluon_logits(network, inputs)) < 1e-5


@given(
    preset=st.sampled_from(["mlp", "mcb", "updn", "cnn-gru", "lstm-product"]),
    images=st.integers(1, 6),
    rows=st.integers(1, 30),
    questions=st.integers(1, 12),
    words=st.integers(1, 20),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_any_shape(preset: str, images: int, rows: int, questions: int, words: int, seed: int) -> None:
    spec = next(spec for spec in SPECS if spec.preset == preset)
    network = randomized(spec)
    inputs = draw_inputs(spec, images=images, rows=rows, questions=questions, words=words, seed=seed)
    (logits,) = session_of(network).run(["logits"], inputs)
    np.testing.assert_allclose(logits, gluon_logits(network, inputs), rtol=1e-5, atol=3e-5)


class Product(mx.gluon.HybridBlock):
    """Called like a fusion of the package, and not one."""

    def hybrid_forward(self, F, question, image):
        return question - image


def test_a_block_without_a_converter_is_refused_by_name() -> None:
    known = randomized(next(spec for spec in SPECS if spec.preset == "cnn-gru"))
    parts = Parts(known.image_encoder, known.question_encoder, Product(), known.head)
    network = gluon_network.VqaNetwork(known.spec, parts)
    with pytest.raises(
        ConfigError, match=r"block 'fusion' of the network is a test_exported_network\.Product, which has no ONNX"
    ):
        onnx_model(network.spec, describe(network), parameters(network))


def test_parameters_that_do_not_fit_are_refused_by_name() -> None:
    network = randomized(next(spec for spec in SPECS if spec.preset == "mlp"))
    arrays = parameters(network)
    missing = {name: array for name, array in arrays.items() if name != "head.3.bias"}
    for wrong, message in (
        ({**arrays, "head.9.weight": arrays["head.3.bias"]}, r"no use for the parameters \['head\.9\.weight'\]"),
        ({name: array for name, array in arrays.items() if name != "head.1.gamma"}, r"hold no 'head\.1\.gamma'"),
        ({**arrays, "head.0.weight": np.zeros((8, 3), dtype=np.float32)}, "do not fit together"),
    ):
        with pytest.raises(ConfigError, match=message):
            onnx_model(network.spec, structure_of(network.spec), wrong)
    # A layer may do without its bias; then there is none in the file.
    assert onnx_model(network.spec, structure_of(network.spec), missing)


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(ConfigError, match="preset 'updown' cannot be exported without MXNet; did you mean 'updn'"):
        structure_of(NetworkSpec("updown", 3, 3, 1, "regions", (2, 3)))
    with pytest.raises(ConfigError, match="option 'sketch_size' as a whole number"):
        structure_of(NetworkSpec("mcb", 3, 3, 1, "features", (3,), {}))
