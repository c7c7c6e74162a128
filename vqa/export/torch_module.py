"""A run as a folder for PyTorch: weights, words, settings, and one readable module that needs nothing but PyTorch.

The module is made of the classes of `vqa.export.torch_blocks` and `vqa.export.torch_networks` that the preset needs,
word for word. They are read as text: PyTorch need not be installed.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from vqa.errors import ConfigError, did_you_mean
from vqa.evaluation.run_contents import read_run
from vqa.export.golden import golden_inputs
from vqa.export.run_description import PARAMETERS, describe_run, gluon_logits, gluon_network, golden_source
from vqa.export.safetensors_file import pack
from vqa.files import replacing
from vqa.params_file import open_params

SOURCES = tuple(Path(__file__).with_name(f"{name}.py") for name in ("torch_blocks", "torch_networks"))

LOAD = '''
def load(folder: str) -> tuple[nn.Module, dict]:
    """Return the network with its weights, in evaluation mode, and its words and answers by id."""
    path = Path(folder)
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    network = NAME(config["network"])
    network.load_state_dict(read_safetensors(path / "model.safetensors"))
    return network.eval(), json.loads((path / "vocab.json").read_text(encoding="utf-8"))
'''

HIDDEN_LAYER = {"head.1.": "head.hidden.", "head.3.": "head.output."}
LINEAR = {"head.1.": "head.output."}
# By preset, the beginning of a parameter's name in Gluon and what stands for it in PyTorch.
PREFIXES: dict[str, dict[str, str]] = {
    "question-only": HIDDEN_LAYER,
    "softmax-regression": {"image_encoder.1.": "image."},
    "mlp": {"head.0.": "head.hidden.", "head.1.": "head.norm.", "head.3.": "head.output."},
    "cnn-gru": HIDDEN_LAYER,
    "mcb": {"fusion.question.sketch.": "fusion.question.", "fusion.image.sketch.": "fusion.image.", **LINEAR},
    "mcb-attention": {
        "image_encoder.spectrum.sketch.": "image_sketch.",
        "fusion.spectrum.sketch.": "question_sketch.",
        "fusion.pool.question.sketch.": "fusion.question.",
        "fusion.pool.image.sketch.": "fusion.image.",
        "fusion.hidden.": "hidden.",
        "fusion.score.": "score.",
        **LINEAR,
    },
    "lstm-product": {"image_encoder.recurrent.": "frames.", **HIDDEN_LAYER},
    "updn": {
        "image_encoder.project.": "keys.",
        "fusion.query.": "query.",
        "fusion.question.": "question.",
        "fusion.image.": "image.",
        **HIDDEN_LAYER,
    },
    "san": {
        "image_encoder.project.": "regions.",
        "image_encoder.keys.": "keys.",
        "fusion.query.": "query.",
        "fusion.score.": "score.",
        **LINEAR,
    },
}
ENDINGS = {
    "_unfused.0.i2h_weight": "weight_ih_l0",
    "_unfused.0.h2h_weight": "weight_hh_l0",
    "_unfused.0.i2h_bias": "bias_ih_l0",
    "_unfused.0.h2h_bias": "bias_hh_l0",
    ".gamma": ".weight",
    ".beta": ".bias",
}


def torch_name(preset: str, name: str) -> str:
    """Return the name in PyTorch of a parameter that has the given name in Gluon."""
    for old, new in PREFIXES[preset].items():
        if name.startswith(old):
            name = new + name[len(old) :]
            break
    for old, new in ENDINGS.items():
        if name.endswith(old):
            return name[: -len(old)] + new
    return name


def torch_arrays(preset: str, arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    """Return a network's parameters under their names in PyTorch, float32; buckets of sketches are int64."""
    renamed: dict[str, npt.NDArray[Any]] = {}
    for name, array in arrays.items():
        values = array.astype(np.int64 if name.endswith(".buckets") else np.float32)
        renamed[torch_name(preset, name)] = values.ravel() if name.endswith(".signs") else values
    return renamed


def torch_source(preset: str) -> str:
    """Return the text of the PyTorch module of a preset.

    Raises
    ------
    ConfigError
        There is none for this preset.
    """
    if preset not in PREFIXES:
        raise ConfigError(f"preset {preset!r} has no PyTorch module{did_you_mean(preset, PREFIXES)}")
    blocks, networks = (path.read_text(encoding="utf-8") for path in SOURCES)
    definitions: dict[str, tuple[str, ast.AST]] = {}
    classes: dict[str, str] = {}
    for text in (blocks, networks):
        for node in ast.parse(text).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                definitions[node.name] = ast.get_source_segment(text, node) or "", node
            elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict):
                classes.update(
                    zip(map(ast.literal_eval, filter(None, node.value.keys)), map(ast.unparse, node.value.values))
                )
    needed = {"encode_question", "read_safetensors"}
    waiting = [classes[preset], *needed]
    while waiting:
        name = waiting.pop()
        needed.add(name)
        used = {node.id for node in ast.walk(definitions[name][1]) if isinstance(node, ast.Name)}
        waiting += (used & set(definitions)) - needed
    header = blocks[: blocks.index("\n\n\ndef ")]
    parts = [header, LOAD.replace("NAME", classes[preset]).strip()]
    return "\n\n\n".join(parts + [text for name, (text, _) in definitions.items() if name in needed]) + "\n"


def export_torch(
    run: str | Path, folder: str | Path, *, card: str | Path | None = None, license: str = ""
) -> dict[str, int]:
    """Write a run for PyTorch: model.py, model.safetensors, config.json, vocab.json; with MXNet golden.safetensors.

    The last holds golden inputs, and the `logits` that MXNet gives them. MXNet and PyTorch may both be absent.

    Parameters
    ----------
    run : the run folder
    folder : made if needed; files of these names in it are replaced
    card, license : as in `vqa.export.exporting.export_run`

    Returns
    -------
    the size of each file in bytes, by name

    Raises
    ------
    VqaError
        The run cannot be read, or there is no PyTorch module for its preset.
    OSError
        A file cannot be written.
    """
    source, target = Path(run), Path(folder)
    contents = read_run(source)
    preset = contents.spec.preset
    network = gluon_network(source)
    description = describe_run(source, contents, card, license, golden_source(network), photographs=False)
    config = msgspec.json.format(msgspec.json.encode(description), indent=2)
    form = {"format": "pt"}
    files = {
        "model.py": torch_source(preset).encode("utf-8"),
        "config.json": config + b"\n",
        "vocab.json": contents.vocabulary.to_json().encode("utf-8"),
        "model.safetensors": pack(torch_arrays(preset, open_params(source / PARAMETERS).arrays()), form),
    }
    if network is not None:
        inputs = golden_inputs(contents.spec)
        files["golden.safetensors"] = pack({**inputs, "logits": gluon_logits(network, inputs)}, form)
    for name, data in files.items():
        with replacing(target / name, "wb") as file:
            file.write(data)
    return {name: len(data) for name, data in files.items()}
