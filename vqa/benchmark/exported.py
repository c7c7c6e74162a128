"""``export``: every preset exported: how far its logits are from MXNet's, and the time of MXNet, onnxruntime, PyTorch.

``python -m vqa.benchmark.exported`` prints the table of docs/leaving-mxnet.md.
"""

from __future__ import annotations

import importlib.util
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from vqa.benchmark.figures import Figure, Result, timings_json
from vqa.benchmark.sizes import PADDING_ID, Sizes, random_arrays, sizes_of
from vqa.benchmark.worker import Alternative, Job, Timing, facts_of, measure
from vqa.errors import InstallationError

NETWORKS = (
    Sizes("question-only", "none", (1,)),
    Sizes("softmax-regression", "features", (2048,)),
    Sizes("mlp", "features", (2048,)),
    Sizes("cnn-gru", "pixels", (3, 64, 64)),
    Sizes("mcb", "features", (2048,)),
    Sizes("mcb-attention", "regions", (36, 2048)),
    Sizes("lstm-product", "frames", (16, 2048)),
    Sizes("updn", "regions", (36, 2048)),
)
# Rows, distinct images, tokens: 1,000 questions in four shapes.
SHAPES = ((1, 1, 1), (43, 7, 5), (256, 64, 14), (700, 128, 22))
BATCH_SIZES = (1, 256)
# Questions about one image in a batch.
PER_IMAGE = 4
# Not __name__: this module can be run.
HERE = "vqa.benchmark.exported"
ENGINES = ("MXNet", "onnxruntime", "PyTorch")
INPUTS = ("images", "image_index", "tokens", "lengths", "question_index")
# Standard deviation of what is added to the initial parameters, so that none is 0 and logits are large.
NOISE = 0.05


def _inputs(sizes: Sizes, seed: int = 1) -> list[Any]:
    arrays = random_arrays(sizes, seed)
    return [getattr(arrays, name) for name in INPUTS]


def _network(sizes: Sizes) -> Any:
    """Return a Gluon network whose parameters are all moved; the same for the same sizes."""
    from vqa._mxnet import mx
    from vqa.nn.network import build_from_spec
    from vqa.nn.spec import NetworkSpec

    spec = NetworkSpec(
        sizes.preset, sizes.num_words, sizes.num_answers, PADDING_ID, sizes.image_kind, sizes.image_shape,
        dict(sizes.options),
    )  # fmt: skip
    network = build_from_spec(spec)
    for parameter in network.collect_params().values():
        if parameter.grad_req != "null":
            parameter.set_data(parameter.data() + NOISE * mx.nd.random.normal(shape=parameter.shape))
    return network


def prepare(folder: str, sizes: dict[str, Any]) -> Job:
    """Write a network for onnxruntime and PyTorch; return, as facts, how it compares and the size of its file."""
    from vqa._mxnet import mx
    from vqa.export.gluon import describe, parameters
    from vqa.export.golden import difference
    from vqa.export.network import onnx_model
    from vqa.export.onnx_network import OnnxNetwork
    from vqa.export.safetensors_file import pack
    from vqa.export.torch_module import torch_arrays, torch_source

    target, measured = Path(folder), sizes_of(sizes)
    network = _network(measured)
    arrays = parameters(network)
    data = onnx_model(network.spec, describe(network), arrays).SerializeToString()
    (target / "model.onnx").write_bytes(data)
    (target / "model.py").write_text(torch_source(measured.preset))
    config = {**measured.to_arguments(), "options": network.spec.options}
    (target / "config.json").write_text(json.dumps({"network": config}))
    (target / "vocab.json").write_text("{}")
    (target / "model.safetensors").write_bytes(pack(torch_arrays(measured.preset, arrays), {}))
    exported = OnnxNetwork(data, target / "model.onnx")
    found = None
    for seed, (rows, images, tokens) in enumerate(SHAPES):
        inputs = _inputs(replace(measured, num_questions=rows, num_images=images, num_tokens=tokens), seed)
        expected = network(*(mx.nd.array(array, dtype=array.dtype) for array in inputs)).asnumpy()
        part = difference(exported(*inputs), expected, "softmax")
        found = part if found is None else found.joined(part)
    assert found is not None, "there are shapes"
    facts = {**found.to_json(), "bytes": len(data)}
    return Job(lambda: None, lambda: None, facts)


def mxnet_job(folder: str, sizes: dict[str, Any]) -> Job:
    """Return forward passes by MXNet."""
    from vqa._mxnet import mx

    measured = sizes_of(sizes)
    network = _network(measured)
    inputs = [mx.nd.array(array, dtype=array.dtype) for array in _inputs(measured)]
    return Job(lambda: network(*inputs).wait_to_read(), mx.nd.waitall, {})


def onnxruntime_job(folder: str, sizes: dict[str, Any]) -> Job:
    """Return forward passes by onnxruntime."""
    from vqa.export.onnx_network import OnnxNetwork

    path = Path(folder) / "model.onnx"
    network, inputs = OnnxNetwork(path.read_bytes(), path), _inputs(sizes_of(sizes))
    return Job(lambda: network(*inputs), lambda: None, {})


def pytorch_job(folder: str, sizes: dict[str, Any]) -> Job:
    """Return forward passes by the exported PyTorch module."""
    import torch

    location = importlib.util.spec_from_file_location("model", Path(folder) / "model.py")
    assert location is not None
    assert location.loader is not None
    module = importlib.util.module_from_spec(location)
    location.loader.exec_module(module)
    network, _ = module.load(folder)
    inputs = [torch.from_numpy(array) for array in _inputs(sizes_of(sizes))]

    def step() -> None:
        with torch.inference_mode():
            network(*inputs)

    return Job(step, lambda: None, {})


JOBS = dict(zip(ENGINES, ("mxnet_job", "onnxruntime_job", "pytorch_job")))


class Row(NamedTuple):
    """What was measured of one preset: the facts of `prepare`, and the timings of the engines by batch size."""

    preset: str
    facts: dict[str, Any]
    timings: dict[int, dict[str, Timing]]


def measure_presets(networks: Sequence[Sizes], repetitions: int, seconds: float) -> list[Row]:
    """Export every network, compare its logits, and time the engines taking turns.

    Raises
    ------
    InstallationError
        PyTorch or onnxruntime is not installed.
    """
    for module, extra in (("torch", "bench"), ("onnx", "onnx"), ("onnxruntime", "onnx")):
        if importlib.util.find_spec(module) is None:
            raise InstallationError(f"the benchmark 'export' needs {module}: pip install 'vqa[{extra}]'")
    rows = []
    for sizes in networks:
        with tempfile.TemporaryDirectory() as folder:
            facts = facts_of(
                Alternative("prepare", f"{HERE}:prepare", {"folder": folder, "sizes": sizes.to_arguments()})
            )
            timings = {}
            for count in BATCH_SIZES:
                batch = replace(sizes, num_questions=count, num_images=max(1, count // PER_IMAGE)).to_arguments()
                timings[count] = measure(
                    [
                        Alternative(engine, f"{HERE}:{JOBS[engine]}", {"folder": folder, "sizes": batch})
                        for engine in ENGINES
                    ],
                    repetitions=repetitions,
                    seconds=seconds,
                )
        rows.append(Row(sizes.preset, facts, timings))
    return rows


def exported(*, networks: Sequence[Sizes] = NETWORKS, repetitions: int = 7, seconds: float = 0.3) -> Result:
    """Return how every preset compares after its export, and how fast onnxruntime is beside MXNet and PyTorch."""
    figures, details = [], {}
    for preset, facts, timings in measure_presets(networks, repetitions, seconds):
        questions = facts["questions"]
        figures += [
            Figure(f"{preset}: difference of logits, of the largest", facts["relative"], "", at_most=1e-5),
            Figure(f"{preset}: same answers of {questions:,}", facts["same"], "", at_least=questions),
            Figure(f"{preset}: file", facts["bytes"] / 1e6, "MB"),
        ]
        for count, timing in timings.items():
            ours = timing["onnxruntime"]
            figures += [
                Figure(
                    f"{preset}, batch of {count}, onnxruntime", 1000 * ours.median, "ms", engine,
                    1000 * timing[engine].median, ours.times_faster_than(timing[engine]),
                )
                for engine in ("MXNet", "PyTorch")
            ]  # fmt: skip
        details[preset] = {"facts": facts, **{str(count): timings_json(timing) for count, timing in timings.items()}}
    return Result(figures, details)


def markdown(rows: Sequence[Row]) -> str:
    """Return the table of the documentation."""
    heads = [f"{engine}, batch of {count}" for count in BATCH_SIZES for engine in ENGINES]
    lines = [
        "| preset | largest difference of logits | of the largest logit | same answers | file, MB | "
        + " | ".join(f"{head}, ms" for head in heads) + " |",
        "| --- " * (5 + len(heads)) + "|",
    ]  # fmt: skip
    for preset, facts, timings in rows:
        times = [f"{1000 * timings[count][engine].median:.2f}" for count in BATCH_SIZES for engine in ENGINES]
        cells = [
            f"`{preset}`", f"{facts['logits']:.1e}", f"{facts['relative']:.1e}",
            f"{facts['same']:,} of {facts['questions']:,}", f"{facts['bytes'] / 1e6:.1f}", *times,
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(markdown(measure_presets(NETWORKS, repetitions=7, seconds=0.3)))
