"""``vqa doctor`` on small runs: nothing on a healthy one, each mistake of a pipeline when it is put in."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

import vqa
from vqa._mxnet import mx
from vqa.cli import cli
from vqa.doctor import runs
from vqa.doctor.runs import examine_run
from vqa.evaluation.run import Run
from vqa.nn.losses import LOSSES

NUM_QUESTIONS = 90


def write_card(folder):
    """A data set of questions of 1 to 7 words about images of 5 numbers; two questions per image."""
    random = np.random.default_rng(3)
    (folder / "grid").mkdir()
    np.save(folder / "grid" / "features.npy", random.normal(size=(60, 5)).astype(np.float32))
    (folder / "grid" / "features.ids.txt").write_text("".join(f"image{number}\n" for number in range(60)))
    for split in ("train", "test"):
        lines = ["question_id,image_id,question,answer_1,answer_2,answer_3"]
        for number in range(NUM_QUESTIONS):
            words = random.choice(["red", "blue", "what", "is", "the", "cat", "left"], size=1 + number % 7)
            answers = random.choice(["yes", "no", "red", ""], size=3, p=[0.4, 0.3, 0.2, 0.1])
            lines.append(f"{split}{number},image{number // 2},{' '.join(words)},yes,{answers[1]},{answers[2]}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    splits = "".join(f'[splits.{split}]\nfile = "{split}.csv"\n' for split in ("train", "test"))
    card = folder / "card.toml"
    card.write_text(
        f'name = "small"\nformat = "csv"\n{splits}[images]\nkind = "features"\npath = "grid/features.npy"\n'
    )
    return card


@pytest.fixture(scope="module", params=["softmax", "bce"])
def run_dir(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("doctor")
    dataset = vqa.load_dataset(write_card(folder))
    network = vqa.build_network("mlp", dataset, embedding_size=8, hidden_size=16)
    vqa.fit(network, dataset, LOSSES[request.param](), run_dir=folder / "run", epochs=2, batch_size=32)
    return folder / "run"


@pytest.fixture
def run(run_dir):
    return vqa.load_run(run_dir)


def doctor(*arguments):
    return CliRunner().invoke(cli, ["doctor", *map(str, arguments)], prog_name="vqa")


def codes(run):
    return [(finding.code, finding.severity) for finding in examine_run(run)]


def test_a_healthy_run(run_dir, run):
    before = {name: p.data().asnumpy() for name, p in run.network.collect_params().items()}
    assert examine_run(run) == []
    for name, parameter in run.network.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])
    result = doctor(run_dir)
    assert result.exit_code == 0
    assert "nothing found" in result.stdout


def test_an_activation_that_the_loss_was_not_trained_for(run_dir, run):
    recorded = run.record["activation"]
    other = {"softmax": "sigmoid", "sigmoid": "softmax"}[recorded]
    file = run_dir / "run.json"
    text = file.read_text()
    file.write_text(text.replace(f'"activation": "{recorded}"', f'"activation": "{other}"'))
    try:
        result = doctor(run_dir, "--json", "-")
    finally:
        file.write_text(text)
    assert result.exit_code == 1
    said = json.loads(result.stdout)
    assert [finding["code"] for finding in said["findings"]] == ["activation-mismatch"]
    assert f"records the activation '{other}'" in said["findings"][0]["message"]
    assert (said["split"], said["findings"][0]["severity"]) == ("test", "error")


def test_an_evaluation_in_train_mode(run, monkeypatch):
    predict = Run.predict

    def recorded(self, *args, **kwargs):
        # forward_passes asks for predict mode; here it has forgotten to.
        with monkeypatch.context() as patch:
            patch.setattr(mx.autograd, "pause", lambda train_mode=False: mx.autograd.record())
            return predict(self, *args, **kwargs)

    monkeypatch.setattr(Run, "predict", recorded)
    assert codes(run) == [("recording-while-evaluating", "error")]


def test_a_metric_that_is_carried_over(run, monkeypatch):
    predict, seen = Run.predict, []

    def carried(self, *args, **kwargs):
        predictions = predict(self, *args, **kwargs)
        seen.extend(predictions["loss"])
        return predictions.assign(loss=np.mean(seen))

    monkeypatch.setattr(Run, "predict", carried)
    assert codes(run) == [("metric-not-reset", "error")]


def test_a_loader_that_drops_the_last_batch(run, monkeypatch):
    validate = runs.validate

    def dropping(network, loader, loss, table, answers):
        count = loader.num_questions // runs.BATCH * runs.BATCH
        whole = vqa.GroupedLoader(run.dataset, "test", batch_size=runs.BATCH, rows=np.arange(count))
        return validate(network, whole, loss, table, answers)

    monkeypatch.setattr(runs, "validate", dropping)
    assert codes(run) == [("rows-dropped", "error")]


def test_padding_that_counts(run):
    encoder = run.network.question_encoder
    forward = encoder.hybrid_forward
    run.network.hybridize(active=False)

    def unmasked(F, tokens, lengths, **parameters):
        # Every place of the padded question counts as a word.
        return forward(F, tokens, F.ones_like(lengths) * tokens.shape[1], **parameters)

    encoder.hybrid_forward = unmasked
    assert codes(run) == [("padding", "error")]


def test_weights_that_are_not_finite(run):
    for parameter in run.network.collect_params(".*bias").values():
        parameter.set_data(parameter.data() * np.nan)
    assert codes(run) == [("non-finite", "error")]


def test_the_run_and_the_split_must_be_there(run_dir, tmp_path):
    assert doctor(tmp_path / "nothing").exit_code == 1
    result = doctor(run_dir, "--split", "tset")
    assert result.exit_code == 1
    assert len(result.stderr.strip().splitlines()) == 1


def test_questions_of_another_card(run_dir, tmp_path):
    card = write_card(tmp_path)
    result = doctor(run_dir, "--card", card, "--json", "-")
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {
        "run": str(run_dir),
        "card": str(card),
        "split": "test",
        "findings": [],
    }
