"""Networks of every preset with random parameters, and inputs for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.export.gluon import describe, parameters
from vqa.export.network import onnx_model
from vqa.nn.network import PRESETS, VqaNetwork, build_from_spec
from vqa.nn.spec import NetworkSpec

IMAGES = {"none": (1,), "pixels": (3, 33, 20), "features": (20,), "regions": (5, 20), "frames": (4, 20)}
NUM_WORDS, NUM_ANSWERS = 30, 7


def name_of(spec: NetworkSpec) -> str:
    """Return a name of its own for each of `all_specs`."""
    pairs = "-pairs" if spec.options.get("pair_buckets") else ""
    return f"{spec.preset}-{spec.image_kind}{pairs}"


def all_specs() -> list[NetworkSpec]:
    """Every preset with every kind of images that it takes, and `mlp` with pairs of words."""
    pairs = NetworkSpec("mlp", NUM_WORDS, NUM_ANSWERS, 1, "features", IMAGES["features"], {"pair_buckets": 11})
    specs = [build_from_spec(pairs).spec]
    for preset in PRESETS:
        for kind, shape in IMAGES.items():
            spec = NetworkSpec(preset, NUM_WORDS, NUM_ANSWERS, 1, kind, shape)
            try:
                specs.append(build_from_spec(spec).spec)
            except ConfigError:
                continue
    return specs


def randomized(spec: NetworkSpec, scale: float = 0.1, seed: int = 1) -> VqaNetwork:
    """Return a network whose parameters are all moved, statistics of the normalisations among them."""
    network = build_from_spec(spec, seed=seed)
    for name, parameter in network._collect_params_with_prefix().items():
        if name.endswith("running_var"):
            parameter.set_data(mx.nd.random.uniform(0.5, 2, shape=parameter.shape))
        elif parameter.grad_req != "null" or name.endswith("running_mean"):
            parameter.set_data(parameter.data() + scale * mx.nd.random.normal(shape=parameter.shape))
    return network


def draw_inputs(
    spec: NetworkSpec, *, images: int = 4, rows: int = 9, questions: int = 6, words: int = 7, seed: int = 0
) -> dict[str, np.ndarray]:
    """Return inputs of a network; among regions and frames there is padding, in all of them for one image."""
    random = np.random.default_rng(seed)
    values = random.normal(size=(images, *spec.image_shape)).astype(np.float32)
    if spec.image_kind in ("regions", "frames"):
        values[0, 1] = 0  # in the middle
        values[-1, 2:] = 0  # at the end
        values[images // 2] = 0  # nothing but padding
    lengths = random.integers(1, words + 1, questions)
    lengths[0] = 1
    lengths[-1] = words
    return {
        "images": values,
        "image_index": random.integers(0, images, rows).astype(np.int32),
        "tokens": random.integers(0, spec.num_words, (questions, words)).astype(np.int32),
        "lengths": lengths.astype(np.int32),
        "question_index": random.integers(0, questions, rows).astype(np.int32),
    }


def gluon_logits(network: VqaNetwork, inputs: dict[str, np.ndarray]) -> np.ndarray:
    """Return what the Gluon network says, float32 (N, C)."""
    return np.asarray(network(*(mx.nd.array(array, dtype=array.dtype) for array in inputs.values())).asnumpy())


def session_of(network: VqaNetwork) -> Any:
    """Return an onnxruntime session of the exported network."""
    model = onnx_model(network.spec, describe(network), parameters(network))
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def relative_difference(a: np.ndarray, b: np.ndarray) -> float:
    """Return the largest difference of two arrays, relative to the largest value."""
    return float(np.abs(a - b).max() / np.abs(b).max())
