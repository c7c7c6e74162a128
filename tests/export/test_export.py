"""A run as one file: it answers as the run did, without MXNet, and says where it came from."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import vqa
from vqa.cli import cli
from vqa.errors import ConfigError, RunError
from vqa.export import exporting
from vqa.export.comparison import compare_with_run
from vqa.export.exporting import Exported, export_run, open_run
from vqa.export.gluon import describe, parameters
from vqa.export.golden import Difference
from vqa.export.model import load_model
from vqa.export.network import onnx_model
from vqa.export.onnx_network import OnnxNetwork
from vqa.export.opening import open_trained
from vqa.export.photographs import load_encoder
from vqa.features.encoders import ImageEncoder
from vqa.nn.network import build_from_spec
from vqa.nn.spec import NetworkSpec


def command(*arguments: object) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments])


def same_predictions(ours: pd.DataFrame, expected: pd.DataFrame) -> None:
    for column in ("question_id", "prediction", "hit", "score", "answers"):
        assert ours[column].equals(expected[column])
    for column in ("probability", "loss"):
        np.testing.assert_allclose(ours[column], expected[column], atol=1e-5)


def test_the_file_answers_as_the_run(golden_run: Path, golden_card: Path, golden_model: Path) -> None:
    run, model = vqa.load_run(golden_run, card=golden_card), load_model(golden_model, card=golden_card)
    same_predictions(model.predict("test"), run.predict("test"))
    ours, expected = model.report("test"), run.report("test")
    assert ours.to_text() == expected.to_text()
    found = compare_with_run(model, golden_run, "test", golden_card)
    assert found.is_none
    assert found.questions == len(run.dataset.table("test"))


def test_a_run_is_computed_by_onnxruntime_too(golden_run: Path, golden_card: Path) -> None:
    expected = command("evaluate", golden_run, "--card", golden_card)
    result = command("evaluate", golden_run, "--card", golden_card, "--engine", "onnx")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == expected.stdout
    assert open_run(golden_run, card=golden_card).data_options() == vqa.load_run(golden_run).data_options()


def test_asking_gives_the_same_answers(golden_run: Path, golden_model: Path, project: Path) -> None:
    run, model = vqa.load_run(golden_run), load_model(golden_model)
    images = sorted((project / "tests" / "golden" / "images").iterdir())[:3]
    assert images
    for image in images:
        for question in ("what color is the shape?", "is it zzz?", "?"):
            ours, expected = model.ask(image, question), run.ask(image, question)
            assert ours.unknown_words == expected.unknown_words
            assert [answer for answer, _ in ours.top] == [answer for answer, _ in expected.top]
            np.testing.assert_allclose([p for _, p in ours.top], [p for _, p in expected.top], atol=1e-5)


def test_the_command_without_mxnet(golden_run, golden_card, golden_model, without_mxnet, project, tmp_path) -> None:
    expected = command("evaluate", golden_run, "--card", golden_card, "--json", tmp_path / "run.json")
    done = without_mxnet(
        [
            "evaluate",
            str(golden_model),
            "--data",
            str(golden_card),
            "--json",
            str(tmp_path / "a.json"),
            "--predictions",
            str(tmp_path / "a.csv"),
        ]
    )
    assert (done.stdout, done.stderr, done.returncode) == (expected.stdout, "", 0)
    reports = [
        json.loads((tmp_path / name).read_text(), parse_float=lambda text: round(float(text), 4))
        for name in ("a.json", "run.json")
    ]
    assert set(reports[0].pop("versions")) == {"vqa", "numpy", "onnxruntime"}
    del reports[1]["versions"]
    assert reports[0] == reports[1]
    shown = without_mxnet(["inspect", str(tmp_path / "a.csv"), "--limit", "2"])
    again = without_mxnet(["inspect", str(golden_model), "--card", str(golden_card), "--limit", "2"])
    assert shown.stdout == again.stdout != ""
    image = next(iter(sorted((project / "tests" / "golden" / "images").iterdir())))
    asked = without_mxnet(["ask", str(golden_model), str(image), "what color is it?", "--json", "-"])
    assert json.loads(asked.stdout)["answer"] == vqa.load_run(golden_run).ask(image, "what color is it?").answer
    verified = without_mxnet(["verify", str(golden_model)])
    assert verified.returncode == 0, verified.stderr
    assert verified.stdout.startswith("golden outputs of mxnet 1.9.1: the same answer to 6 of 6 questions")
    engine = without_mxnet(["evaluate", str(golden_run), "--card", str(golden_card), "--engine", "onnx"])
    assert engine.stdout == expected.stdout


def test_the_api_without_mxnet(golden_model: Path, golden_card: Path, without_mxnet) -> None:
    done = without_mxnet(
        "import vqa\n"
        f"model = vqa.load_model({str(golden_model)!r}, card={str(golden_card)!r})\n"
        "frame = model.predict('test')\n"
        "assert len(frame) == len(model.dataset.table('test'))\n"
        "report = model.report('test', predictions=frame)\n"
        "image = model.dataset.images.read([frame['image_id'][0]])[0]\n"
        "pixels = ((image.transpose(1, 2, 0) + 1) * 127.5).round().astype('uint8')\n"
        "answer = model.ask(pixels, frame['question'][0])\n"
        "assert answer.answer == frame['prediction'][0], answer\n"
        "assert 'mxnet' not in sys.modules and 'gluonnlp' not in sys.modules\n"
        "print(repr(model))"
    )
    assert done.stderr == ""
    assert done.stdout.startswith("Model('")
    assert "cnn-gru" in done.stdout


def test_no_module_of_data_needs_mxnet(without_mxnet, project: Path) -> None:
    folders = ("data", "scoring", "export", "inspection")
    paths = [path for folder in folders for path in sorted((project / "vqa" / folder).rglob("*.py"))]
    paths += [project / "vqa" / "evaluation" / f"{name}.py" for name in ("predictions", "prediction_files", "asking")]
    names = [".".join(path.relative_to(project).with_suffix("").parts) for path in paths]
    # These speak to MXNet, or are read as text by the writer of PyTorch modules.
    others = ("vqa.export.comparison", "vqa.export.torch_blocks", "vqa.export.torch_networks")
    names = [name for name in names if name not in others]
    done = without_mxnet(f"import importlib\nfor name in {names!r}: importlib.import_module(name)")
    assert done.stderr == ""


def test_export_without_mxnet_gives_the_same_network(golden_run, golden_card, golden_model, without_mxnet, tmp_path):
    path = tmp_path / "a.onnx"
    done = without_mxnet(["export", str(golden_run), str(path), "--card", str(golden_card)])
    assert done.returncode == 0, done.stderr
    assert "golden outputs of onnxruntime" in done.stdout
    ours, theirs = load_model(path), load_model(golden_model)
    assert ours.description.provenance.golden_from == "onnxruntime"
    graphs = [onnx.load(file).graph.SerializeToString() for file in (path, golden_model)]
    assert graphs[0] == graphs[1]
    assert ours.vocabulary.to_json() == theirs.vocabulary.to_json()


def test_what_the_file_says_of_itself(golden_run: Path, golden_model: Path) -> None:
    record = json.loads((golden_run / "run.json").read_text())
    said = json.loads(onnxruntime.InferenceSession(golden_model).get_modelmeta().custom_metadata_map["vqa"])
    assert said["activation"] == record["activation"]
    assert said["network"] == record["network"]
    provenance = said["provenance"]
    assert provenance["validation"] == record["best"]
    assert provenance["data_hash"] == record["data_hash"]
    assert provenance["best_epoch"] == record["best_epoch"]
    assert provenance["trained_with"] == record["versions"]
    assert provenance["parameters_sha256"] == record["sha256"]["best.params"]
    assert provenance["golden_from"] == "mxnet 1.9.1"
    assert said["preprocessing"]["size"] == record["network"]["image_shape"][1:]
    assert "value / 127.5 - 1" in said["preprocessing"]["images"]
    assert "ask its owners" in said["license"]
    model = onnx.load(golden_model)
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    axes = {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in model.graph.input
    }
    assert axes["tokens"] == ["Q", "T"]
    assert axes["images"][0] == "M"
    assert axes["question_index"] == axes["image_index"] == ["N"]


def test_a_licence_can_be_stated(golden_run: Path, golden_card: Path, tmp_path: Path) -> None:
    result = command("export", golden_run, tmp_path / "a.onnx", "--license", "CC BY 4.0", "--card", golden_card)
    assert result.exit_code == 0
    assert load_model(tmp_path / "a.onnx").description.license == "CC BY 4.0"


def test_a_file_that_is_there_is_kept(golden_run: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_text("mine")
    result = command("export", golden_run, path)
    assert result.exit_code == 1
    assert "is there already; replace it with --overwrite" in result.stderr
    assert path.read_text() == "mine"
    assert command("export", golden_run, path, "--overwrite").exit_code == 0
    assert command("export", golden_run, tmp_path / "a.pb").exit_code == 1


def test_nothing_is_written_where_the_answers_differ(golden_run, tmp_path, monkeypatch) -> None:
    write = exporting.encode_golden
    monkeypatch.setattr(exporting, "encode_golden", lambda inputs, logits: write(inputs, logits * 1.01))
    with pytest.raises(RunError, match=r"was not exported, since the exported network answers differently: .* 6 of 6"):
        export_run(golden_run, tmp_path / "a.onnx")
    assert list(tmp_path.iterdir()) == []


def test_a_network_that_amplifies_rounding_is_exported_with_a_warning(
    golden_run, tmp_path, monkeypatch, caplog
) -> None:
    write = exporting.encode_golden
    monkeypatch.setattr(exporting, "encode_golden", lambda inputs, logits: write(inputs, logits * 1.0001))
    export_run(golden_run, tmp_path / "a.onnx")
    assert "amplifies rounding errors" in caplog.text
    assert command("verify", tmp_path / "a.onnx").exit_code == 1


def test_verify_finds_a_file_whose_weights_were_changed(golden_model: Path, tmp_path: Path) -> None:
    model = onnx.load(golden_model)
    weights = next(tensor for tensor in model.graph.initializer if tensor.name == "head.3.weight")
    values = onnx.numpy_helper.to_array(weights).copy()
    values[0] += 0.01
    weights.CopyFrom(onnx.numpy_helper.from_array(values, "head.3.weight"))
    onnx.save(model, tmp_path / "changed.onnx")
    result = command("verify", tmp_path / "changed.onnx")
    assert result.exit_code == 1
    assert "does not answer as the network that it was exported from" in result.stderr
    assert command("verify", golden_model).exit_code == 0


def test_verify_against_a_run(golden_model: Path, golden_run: Path, golden_card: Path, photo_folder: Path) -> None:
    result = command("verify", golden_model, "--against", golden_run, "--card", golden_card, "--json", "-")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)["against"]
    assert found["same"] == found["questions"]
    assert found["relative"] < 1e-5
    other = command("verify", golden_model, "--against", photo_folder / "run-features")
    assert other.exit_code == 1
    assert "other words or answers" in other.stderr


def test_a_difference_is_judged_by_answers_and_by_the_scale_of_the_logits() -> None:
    assert Difference(3, 3, 1e-4, 10.0, 0.0).is_none
    assert not Difference(3, 3, 2e-4, 10.0, 0.0).is_none
    assert not Difference(3, 2, 0.0, 10.0, 0.0).is_none


@pytest.mark.parametrize("kind", ["features", "regions"])
def test_one_file_answers_about_a_photograph(
    kind, photo_models: dict[str, Exported], photo_folder, without_mxnet
) -> None:
    run = vqa.load_run(photo_folder / f"run-{kind}")
    model = load_model(photo_folder / f"{kind}.onnx")
    assert model.description.preprocessing.photographs
    assert "Apache License 2.0" in model.description.license
    photograph = photo_folder / "images" / "3.png"
    expected = run.image_values(photograph)
    # 16 bits keep three digits.
    tolerance = 2e-3 if kind == "features" else 1e-5
    np.testing.assert_allclose(model.image_values(photograph), expected, rtol=tolerance, atol=1e-5 * expected.max())
    with Image.open(photograph) as opened:
        pixels = np.asarray(opened)
    for image in (photograph, Image.fromarray(pixels), pixels):
        ours, theirs = model.ask(image, "what is it 1"), run.ask(image, "what is it 1")
        np.testing.assert_allclose(dict(ours.top)["cat"], dict(theirs.top)["cat"], atol=1e-4)
    done = without_mxnet(["ask", str(model.path), str(photograph), "what is it 1", "--json", "-"], cwd="/")
    assert json.loads(done.stdout)["answer"] == run.ask(photograph, "what is it 1").answer
    same_predictions(model.predict("test"), run.predict("test"))


def test_photographs_may_stand_beside_features(photo_models: dict[str, Exported], photo_folder: Path) -> None:
    session = onnxruntime.InferenceSession(photo_folder / "features.onnx")
    photographs = np.random.default_rng(0).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)
    images = np.random.default_rng(1).random((1, 1280), dtype=np.float32)
    one = {"tokens": np.array([[2, 3]], np.int32), "lengths": np.array([2], np.int32)}

    def logits(images: np.ndarray, pixels: np.ndarray, index: list[int]) -> np.ndarray:
        rows = {"image_index": np.array(index, np.int32), "question_index": np.zeros(len(index), np.int32)}
        return np.asarray(session.run(["logits"], {"images": images, "pixels": pixels, **rows, **one})[0])

    together = logits(images, photographs, [0, 1, 2])
    np.testing.assert_allclose(together[:1], logits(images, photographs[:0], [0]), atol=1e-6)
    np.testing.assert_allclose(together[1:], logits(images[:0], photographs, [0, 1]), atol=1e-5)


def test_attention_over_a_photograph(photo_models: dict[str, Exported], photo_folder: Path, tmp_path: Path) -> None:
    run, model = vqa.load_run(photo_folder / "run-regions"), load_model(photo_folder / "regions.onnx")
    photograph = photo_folder / "images" / "2.png"
    ours = model.attention(photograph, "what is it 1")
    np.testing.assert_allclose(ours, run.attention(photograph, "what is it 1"), atol=1e-5)
    result = command("ask", model.path, photograph, "what is it 1", "--attention", tmp_path / "a.png")
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "a.png") as painted:
        assert painted.size == (448, 320)
    blind = load_model(photo_folder / "features.onnx")
    with pytest.raises(ConfigError, match="preset 'mlp' has no attention"):
        blind.attention(photograph, "what is it 1")


def test_without_the_settings_of_its_features_a_file_says_what_it_cannot_do(photo_folder, tmp_path, caplog) -> None:
    for name in ("features.npy", "features.ids.txt", "features.toml", "train.csv", "test.csv"):
        shutil.copy(photo_folder / name, tmp_path / name)
    exported = export_run(photo_folder / "run-features", tmp_path / "a.onnx", card=tmp_path / "features.toml")
    assert "it gets no image encoder" in caplog.text
    assert "no settings beside" in caplog.text
    assert not exported.model.description.preprocessing.photographs
    model = load_model(tmp_path / "a.onnx", card=tmp_path / "features.toml")
    assert len(model.predict("test")) == 12
    with pytest.raises(ConfigError, match=r"holds no image encoder.*answers about no photograph"):
        model.ask(photo_folder / "images" / "1.png", "what is it 1")


def test_an_engine_that_does_not_fit_is_refused(golden_model: Path, golden_run: Path) -> None:
    with pytest.raises(ConfigError, match="leave out --engine mxnet"):
        open_trained(golden_model, engine="mxnet")
    with pytest.raises(ConfigError, match="leave out --device gpu:0"):
        open_trained(golden_model, device="gpu:0")
    with pytest.raises(ConfigError, match="leave out --device gpu:0"):
        open_trained(golden_run, device="gpu:0", engine="onnx")


def test_frames_of_a_video_are_encoded_in_the_graph() -> None:
    options = {"hidden_size": 6, "embedding_size": 4}
    network = build_from_spec(NetworkSpec("lstm-product", 9, 4, 1, "frames", (3, 1280), options))
    original = ImageEncoder(weights="random", size=64)
    encoder = load_encoder({"encoder": original.settings, "frames": 3, "dtype": "float32"})
    model = onnx_model(network.spec, describe(network), parameters(network), encoder=encoder)
    exported = OnnxNetwork(model.SerializeToString(), Path("frames.onnx"))
    frames = np.random.default_rng(0).integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    expected = original.encode(frames)[np.newaxis]
    np.testing.assert_allclose(exported.encode(frames), expected, atol=1e-5 * expected.max())
