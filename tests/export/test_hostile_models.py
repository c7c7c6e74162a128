"""Files that are no exported models, or damaged ones: one line, little memory, and nothing runs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper

from vqa.cli import cli
from vqa.errors import DataError
from vqa.export.golden import encode_golden, golden_inputs
from vqa.export.model import load_model, model_of
from vqa.export.safetensors_file import pack


def load(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    load_model(path).check_golden()


def one_line(path: Path, data: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        load(path, data)
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"not a model", b"\x00" * 1000, b"\x08\x08\x12\x03vqa"])
def test_no_model_at_all(data: bytes, tmp_path: Path) -> None:
    one_line(tmp_path / "a.onnx", data, "not an ONNX model that onnxruntime can use|expected the inputs")


def test_onnxruntime_says_nothing_of_its_own(
    golden_model: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(golden_model)
    model.graph.initializer[0].raw_data = b"\x00"
    one_line(tmp_path / "a.onnx", model.SerializeToString(), "not an ONNX model that onnxruntime can use")
    metadata = golden_model.read_bytes().replace(b"vqa.vocabulary", b"vqa.vocab\xe8lary")
    one_line(tmp_path / "a.onnx", metadata, "not an ONNX model that onnxruntime can use")
    assert capfd.readouterr() == ("", "")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(cli, ["verify", str(tmp_path / "none.onnx")])
    assert result.exit_code == 1
    assert "none.onnx: No such file" in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_model_of_another_program(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy")
    model = helper.make_model(helper.make_graph([node], "g", [x], [y]), ir_version=8)
    model.opset_import[0].version = 17
    one_line(tmp_path / "a.onnx", model.SerializeToString(), "expected the inputs images, .* got x and y")


def changed(golden_model: Path, change: Callable[[dict[str, str]], Any]) -> bytes:
    """Return the file with other metadata."""
    model = onnx.load(golden_model)
    entries = {entry.key: entry.value for entry in model.metadata_props}
    change(entries)
    del model.metadata_props[:]
    helper.set_model_props(model, entries)
    return bytes(model.SerializeToString())


def with_description(**changes: Any) -> Callable[[dict[str, str]], None]:
    def change(entries: dict[str, str]) -> None:
        said = json.loads(entries["vqa"])
        for path, value in changes.items():
            *outer, name = path.split("__")
            inner = said
            for key in outer:
                inner = inner[key]
            inner[name] = value
        entries["vqa"] = json.dumps(said)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda entries: entries.pop("vqa"), "not one that `vqa export` wrote"),
        (lambda entries: entries.pop("vqa.vocabulary"), "not one that `vqa export` wrote"),
        (lambda entries: entries.update(vqa="{"), "metadata are damaged"),
        (lambda entries: entries.update(vqa="[" * 100_000), "metadata are damaged"),
        (with_description(format_version=2), "format version 2, this program reads version 1"),
        (with_description(activation="exec"), "'softmax' or 'sigmoid', got 'exec'"),
        (with_description(network__num_answers=10**9), "8 answers for a network of"),
        (with_description(network__image_kind="magic"), "unknown kind of images 'magic'"),
        (with_description(network__image_shape=[3, 10**6, 10**6]), r"images of shape \[3, 1000000, 1000000\]"),
        (with_description(network__image_shape=[3, -16, -16]), r"images of shape \[3, -16, -16\]"),
        (with_description(network__image_shape=[3, 16]), r"images of shape \[3, 16\]"),
        (with_description(network__image_shape=[3, 8, 8]), r"takes images of shape \[3, 16, 16\] .* say \[3, 8, 8\]"),
        (with_description(network__preset=7), r"Expected `str`, got `int` - at `\$\.network\.preset`"),
        (with_description(preprocessing__size=[10**6, 10**6]), r"scaled to \[1000000, 1000000\]"),
        (with_description(preprocessing__frames=-1), "-1 frames"),
        (with_description(preprocessing__frames=10**9), "scaled to"),
        (with_description(provenance__best_epoch="x"), "Expected `int`"),
        (lambda entries: entries.update({"vqa.vocabulary": "{}"}), "two keys"),
        (lambda entries: entries.pop("vqa.golden"), "expected golden inputs and outputs among its metadata"),
        (lambda entries: entries.update({"vqa.golden": "!"}), "golden inputs are damaged"),
        (lambda entries: entries.update({"vqa.golden": base64.b64encode(b"x" * 99).decode()}), "safetensors"),
        (
            lambda entries: entries.update({"vqa.golden": base64.b64encode(pack({}, {})).decode()}),
            "an array is missing, left over or of another type",
        ),
    ],
)  # fmt: skip
def test_damaged_metadata(
    change: Callable[[dict[str, str]], Any], message: str, golden_model: Path, tmp_path: Path
) -> None:
    one_line(tmp_path / "a.onnx", changed(golden_model, change), message)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("image_index", [0, 1, 2, 3, 4, 5]),
        ("image_index", [-1, 0, 0, 0, 0, 0]),
        ("question_index", [9, 0, 0, 0, 0, 0]),
        ("question_index", [0]),
        ("lengths", [1, 3, 7, 13]),
        ("lengths", [[1]]),
        ("tokens", [1]),
    ],
)
def test_golden_indices_stay_inside_their_arrays(name: str, values: Any, golden_model: Path, tmp_path: Path) -> None:
    inputs = golden_inputs(load_model(golden_model).spec)
    inputs[name] = np.array(values, dtype=np.int32)
    text = encode_golden(inputs, np.zeros((6, 8), dtype=np.float32))
    data = changed(golden_model, lambda entries: entries.update({"vqa.golden": text}))
    one_line(tmp_path / "a.onnx", data, "its golden inputs are damaged")


def test_golden_words_beyond_the_vocabulary_are_one_line(golden_model: Path, tmp_path: Path) -> None:
    inputs = golden_inputs(load_model(golden_model).spec)
    inputs["tokens"] = inputs["tokens"] + 10**6
    text = encode_golden(inputs, np.zeros((6, 8), dtype=np.float32))
    data = changed(golden_model, lambda entries: entries.update({"vqa.golden": text}))
    one_line(tmp_path / "a.onnx", data, "its graph cannot be computed")


def test_how_the_data_was_read_is_checked(golden_model: Path, tmp_path: Path) -> None:
    for name, value in (("max_bad", "x"), ("max_bad", 7), ("unknown", 1), ("answers", "eval")):
        data = changed(golden_model, with_description(provenance__data={name: value}))
        model = model_of(data, tmp_path / "a.onnx")
        with pytest.raises(DataError, match="how its data set was read"):
            model.data_options()


def test_a_file_cannot_name_files_beside_it(golden_model: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.bin"
    secret.write_bytes(np.ones((8, 16), dtype=np.float32).tobytes())
    model = onnx.load(golden_model)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "head.3.weight")
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    for key, value in (("location", str(secret)), ("offset", "0"), ("length", str(8 * 16 * 4))):
        weights.external_data.add(key=key, value=value)
    one_line(tmp_path / "a.onnx", model.SerializeToString(), "not an ONNX model that onnxruntime can use")


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_damage_of_the_description_is_one_line(golden_model: Path, tmp_path: Path, data: st.DataObject) -> None:
    def change(entries: dict[str, str]) -> None:
        key = data.draw(st.sampled_from(sorted(entries)))
        text = entries[key]
        at = data.draw(st.integers(0, len(text) - 1))
        entries[key] = text[:at] + data.draw(st.text(st.characters(codec="utf-8"), max_size=3)) + text[at + 1 :]

    line = ""
    try:
        load(tmp_path / "a.onnx", changed(golden_model, change))
    except DataError as error:
        line = str(error)
    assert "\n" not in line
