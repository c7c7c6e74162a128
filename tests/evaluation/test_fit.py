"""`vqa.fit`: every choice is used, or refused with the place where it belongs."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import vqa
from vqa.errors import ConfigError, RunError
from vqa.nn.losses import LOSSES
from vqa.training.config import TrainConfig

TRAIN = "id,question,answer_1,answer_2\n" + "".join(
    f"{n},{'is it red' if n % 2 else 'what is it'} {n},{'yes,no' if n % 2 else 'cat,'}\n" for n in range(40)
)
CARD = 'name = "small"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n'


@pytest.fixture
def card(tmp_path: Path) -> Path:
    (tmp_path / "train.csv").write_text(TRAIN.replace("id,", "question_id,", 1))
    (tmp_path / "card.toml").write_text(CARD)
    return tmp_path / "card.toml"


def fit(card: Path, loss: Any = None, **options: Any) -> vqa.evaluation.run.Run:
    dataset = vqa.load_dataset(card)
    network = vqa.build_network("question-only", dataset, embedding_size=4, hidden_size=4)
    run_dir = card.parent / "run"
    return vqa.fit(network, dataset, loss or vqa.MultiAnswerSoftmaxLoss(), run_dir=run_dir, **{"epochs": 1, **options})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_answers": 1000}, r"vqa\.load_dataset\(CARD, max_answers=1000\)"),
        ({"min_word_count": 2}, r"vqa\.load_dataset\(CARD, min_word_count=2\)"),
        ({"max_bad": 0.5}, r"vqa\.load_dataset\(CARD, max_bad=0\.5\)"),
        ({"word_vectors": "glove.txt"}, r"load_word_vectors\(network, dataset\.vocabulary, 'glove\.txt'\)"),
        ({"model": "mlp"}, r"vqa\.build_network\('mlp', dataset\)"),
        ({"batchsize": 3}, "vqa.fit: unknown key 'batchsize'; did you mean 'batch_size'"),
        ({"epochs": "3"}, "vqa.fit: epochs: expected int, got '3'"),
        ({"config": TrainConfig(model="mlp")}, "the configuration says model 'mlp', but 'question-only' is to be"),
        ({"config": TrainConfig(model_options={"hidden_size": 8})}, "the configuration says model_options"),
        ({"config": TrainConfig(loss="any")}, "the configuration says loss 'any', but 'softmax' is to be trained"),
    ],
)
def test_a_choice_that_would_not_be_used_is_refused(card: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(card, **options)
    assert not (card.parent / "run").exists()


def test_a_loss_that_could_not_be_found_again_is_refused(card: Path) -> None:
    class Mine(vqa.MultiAnswerSoftmaxLoss):
        pass

    with pytest.raises(ConfigError, match=r"one of this package's losses \(softmax, soft-score, any, bce\), got Mine"):
        fit(card, Mine())


@pytest.mark.parametrize("name", LOSSES)
def test_a_run_records_its_loss_by_name_and_opens_with_it(card: Path, name: str) -> None:
    run = fit(card, LOSSES[name]())
    assert run.record["loss"] == run.config.loss == name
    assert type(vqa.load_run(run.path).loss) is LOSSES[name]


def test_every_choice_of_training_is_a_keyword_argument() -> None:
    chosen_elsewhere = {"model", "model_options", "loss"}
    parameters = inspect.signature(vqa.fit).parameters
    assert {field.name for field in fields(TrainConfig)} - chosen_elsewhere <= set(parameters)


def test_the_data_sets_own_choices_are_recorded(card: Path) -> None:
    dataset = vqa.load_dataset(card, max_answers=2, min_word_count=2, max_bad=0.5)
    network = vqa.build_network("question-only", dataset, embedding_size=4, hidden_size=4)
    run = vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=card.parent / "run", epochs=1)
    assert vqa.load_run(run.path).dataset.options == dataset.options


def test_a_folder_in_use_is_advised_about_in_the_words_of_python(card: Path) -> None:
    fit(card)
    with pytest.raises(RunError, match=r"is not empty .*resume=True.*overwrite=True.*run_dir"):
        fit(card)


def test_a_run_that_is_worse_than_a_blind_baseline_says_so(card: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each question's first words name its answer, which the baseline of the question type learns."""
    fit(card, validation_fraction=0.25, epochs=20, learning_rate=0.05, batch_size=4)
    assert "blind baseline" not in caplog.text
    fit(card, validation_fraction=0.25, learning_rate=1e4, overwrite=True)
    assert "the best epoch is worse than a blind baseline: any-of 0." in caplog.text
    assert "against 1.0000 of prior_per_question_type, which sees no image" in caplog.text
    assert "another learning rate than 10000.0 (--learning-rate)" in caplog.text


def test_epochs_are_shown_without_setting_up_logging(card: Path) -> None:
    code = f"""
import vqa
dataset = vqa.load_dataset({str(card)!r})
network = vqa.build_network("question-only", dataset, embedding_size=4, hidden_size=4)
run = vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir={str(card.parent / "run")!r}, epochs=2)
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [line[:11] for line in result.stderr.splitlines()] == ["epoch   1/2", "epoch   2/2"]
    assert result.stdout == ""
    assert (card.parent / "run" / "train.log").read_text().count("epoch ") == 2
