"""A run of an earlier version that died in its third epoch: it loads, evaluates to the same numbers and resumes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import vqa
from vqa._mxnet import mx
from vqa.errors import RunError
from vqa.evaluation.run import Run

HERE = Path(__file__).resolve().parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the golden data set and the interrupted run, which names its card relative to this folder."""
    for name in ("card.toml", "train.csv", "test.csv"):
        shutil.copy(HERE / name, tmp_path)
    for name in ("images", "interrupted"):
        shutil.copytree(HERE / name, tmp_path / name)
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_it_evaluates_to_the_same_numbers(folder: Path) -> None:
    expected = json.loads((HERE / "interrupted" / "evaluated.json").read_text())
    run = vqa.load_run("interrupted")
    report = run.report("test").to_json()
    for key in ("any_of", "per_split"):
        assert {name: report[key][name] for name in expected[key]} == pytest.approx(expected[key])
    frame = run.predict("test")
    ids, answers, probabilities, losses = zip(*expected["predictions"])
    assert frame["question_id"].tolist() == list(ids)
    assert frame["prediction"].tolist() == list(answers)
    # Another processor adds in another order.
    np.testing.assert_allclose(frame["probability"], probabilities, rtol=1e-5)
    np.testing.assert_allclose(frame["loss"], losses, rtol=1e-5)


def resume() -> Run:
    dataset = vqa.load_dataset("card.toml")
    network = vqa.build_network("cnn-gru", dataset, embedding_size=4, hidden_size=8, channels=2, dropout=0.2)
    options = {"epochs": 6, "batch_size": 16, "learning_rate": 0.02, "seed": 1}
    return vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir="interrupted", resume=True, **options)


def test_it_resumes_to_the_same_parameters(folder: Path) -> None:
    run = resume()
    assert run.history["epoch"].tolist() == [1, 2, 3, 4, 5, 6]
    # Not the seconds, and not the official score: it was 0 for a question with a single answer, and is not defined now.
    columns = ["epoch", "train_loss", "loss", "any_of", "per_split", "per_split_ceiling"]
    expected = pd.read_csv(HERE / "resumed" / "history.csv")
    assert run.history.columns.tolist() == expected.columns.tolist()
    np.testing.assert_allclose(run.history[columns], expected[columns], rtol=1e-5)
    for name in ("last.params", "best.params", "trainer.states"):
        ours, theirs = (mx.nd.load(str(parent / name)) for parent in (run.path, HERE / "resumed"))
        assert ours.keys() == theirs.keys()
        for key, array in ours.items():
            np.testing.assert_allclose(array.asnumpy(), theirs[key].asnumpy(), rtol=1e-4, atol=1e-6, err_msg=key)


def test_the_rest_of_an_epoch_of_other_batches_is_refused(folder: Path) -> None:
    path = folder / "interrupted" / "loop.json"
    loop = json.loads(path.read_text())
    assert (loop["step"], "plan_version" in loop) == (0, False)
    path.write_text(json.dumps({**loop, "step": 3}))
    with pytest.raises(RunError, match="inside epoch 3 with a version of vqa that makes other batches"):
        resume()
    assert json.loads(path.read_text())["step"] == 3
