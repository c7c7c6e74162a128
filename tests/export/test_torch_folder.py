"""The folder for PyTorch: a readable module, the same logits, nothing but PyTorch needed."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from click.testing import CliRunner
from export_cases import all_specs, draw_inputs, gluon_logits, name_of, randomized, relative_difference

from vqa.cli import cli
from vqa.errors import ConfigError
from vqa.export import structure
from vqa.export.gluon import parameters
from vqa.export.safetensors_file import open_safetensors, pack
from vqa.export.torch_module import torch_arrays, torch_source
from vqa.params_file import open_params

SPECS = {name_of(spec): spec for spec in all_specs()}


def module(source: str) -> ModuleType:
    made = ModuleType("model")
    exec(compile(source, "model.py", "exec"), made.__dict__)
    return made


@pytest.mark.parametrize("name", SPECS)
def test_logits_are_those_of_the_gluon_network(name: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'vqa[bench]'")
    spec = SPECS[name]
    network = randomized(spec)
    made = module(torch_source(spec.preset))
    (tmp_path / "model.safetensors").write_bytes(pack(torch_arrays(spec.preset, parameters(network)), {}))
    (tmp_path / "config.json").write_text(json.dumps({"network": dataclasses.asdict(spec)}))
    (tmp_path / "vocab.json").write_text('{"words": ["[unk]", "[pad]", "what"], "answers": ["a"]}')
    loaded, vocabulary = made.load(str(tmp_path))
    assert made.encode_question("What's WHAT?", vocabulary) == [0, 2]
    inputs = draw_inputs(spec, rows=20, questions=9)
    with torch.no_grad():
        logits = loaded(*(torch.from_numpy(array) for array in inputs.values())).numpy()
    assert relative_difference(logits, gluon_logits(network, inputs)) < 1e-5


@pytest.mark.parametrize("preset", structure.PRESETS)
def test_the_module_is_short_and_whole(preset: str) -> None:
    source = torch_source(preset)
    assert source.count("\n") < 200
    assert "vqa.export" not in source
    assert "mxnet" not in source.lower()
    compile(source, "model.py", "exec")


def test_a_run_becomes_a_folder_without_mxnet_and_without_onnx(
    golden_run, golden_card, without_mxnet, tmp_path
) -> None:
    arguments = ["export", str(golden_run), str(tmp_path / "a"), "--format", "safetensors", "--card", str(golden_card)]
    done = without_mxnet(f"sys.modules['onnx'] = None; from vqa.cli import main; main({arguments!r})")
    assert done.returncode == 0, done.stderr
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert names == {"model.py", "config.json", "vocab.json", "model.safetensors"}
    assert (tmp_path / "a" / "vocab.json").read_text() == (golden_run / "vocab.json").read_text()
    config = json.loads((tmp_path / "a" / "config.json").read_text())
    assert config["activation"] == "softmax"
    assert config["network"]["preset"] == "cnn-gru"
    stored = open_safetensors(tmp_path / "a" / "model.safetensors").arrays()
    gluon = open_params(golden_run / "best.params").arrays()
    assert len(stored) == len(gluon)
    np.testing.assert_array_equal(stored["head.hidden.weight"], gluon["head.1.weight"])


def test_the_folder_answers_by_itself(golden_run: Path, golden_card: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'vqa[bench]'")
    command = ["export", str(golden_run), str(tmp_path / "a"), "--format", "safetensors", "--card", str(golden_card)]
    assert CliRunner().invoke(cli, command).exit_code == 0
    again = CliRunner().invoke(cli, command)
    assert again.exit_code == 1
    assert "replace it with --overwrite" in again.stderr
    code = (
        "import sys, torch\n"
        "from pathlib import Path\n"
        "from model import load, read_safetensors\n"
        "network, vocabulary = load('.')\n"
        "golden = read_safetensors(Path('golden.safetensors'))\n"
        "names = 'images', 'image_index', 'tokens', 'lengths', 'question_index'\n"
        "with torch.no_grad():\n"
        "    logits = network(*(golden[name] for name in names))\n"
        "assert not {'mxnet', 'vqa', 'onnxruntime'} & set(sys.modules)\n"
        "print(float((logits - golden['logits']).abs().max() / golden['logits'].abs().max()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path / "a", env={"PATH": ""}
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1e-5


def test_a_preset_without_a_module_is_refused() -> None:
    with pytest.raises(ConfigError, match="preset 'mpl' has no PyTorch module; did you mean 'mlp'"):
        torch_source("mpl")
