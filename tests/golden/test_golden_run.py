"""A run frozen in an earlier version still loads and still predicts what it did."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import vqa
from vqa.evaluation.prediction_files import read_predictions

HERE = Path(__file__).resolve().parent


def test_the_frozen_run_predicts_what_it_did(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("VQA_CACHE", str(tmp_path))
    # Its record names the card as it was on the machine that froze it.
    predicted = vqa.load_run(HERE / "run", card=HERE / "card.toml").predict("test")
    frozen = read_predictions(HERE / "predictions.jsonl")
    for column in ("question_id", "image_id", "question", "answers", "prediction", "hit", "answer_type"):
        assert predicted[column].tolist() == frozen[column].tolist(), column
    # Another processor adds in another order.
    np.testing.assert_allclose(predicted["probability"], frozen["probability"], rtol=1e-4)
    np.testing.assert_allclose(predicted["loss"], frozen["loss"], rtol=1e-3, atol=1e-5)
    for ours, theirs in zip(predicted["top"], frozen["top"]):
        np.testing.assert_allclose([p for _, p in ours], [p for _, p in theirs], rtol=1e-3, atol=1e-6)


def test_the_same_choices_train_a_network_that_answers_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    frozen = vqa.load_run(HERE / "run", card=HERE / "card.toml")
    dataset = vqa.load_dataset(HERE / "card.toml")
    network = vqa.build_network(frozen.config.model, dataset, seed=frozen.config.seed, **frozen.config.model_options)
    run = vqa.fit(
        network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=tmp_path / "run", config=frozen.config, overwrite=True
    )
    np.testing.assert_allclose(run.history["any_of"].iloc[-1], frozen.history["any_of"].iloc[-1])
    # Between the first epoch and the last the two differ: today's batches hold other questions.
    ends = [0, -1]
    np.testing.assert_allclose(run.history["train_loss"].iloc[ends], frozen.history["train_loss"].iloc[ends], rtol=0.02)
    predicted = run.predict("test")
    assert predicted["prediction"].tolist() == read_predictions(HERE / "predictions.jsonl")["prediction"].tolist()
    assert predicted["hit"].mean() > 0.9
