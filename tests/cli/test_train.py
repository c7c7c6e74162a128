"""The options of ``vqa train``: their help, their defaults, and what becomes of them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from vqa.cli import cli
from vqa.cli._training import effective_config
from vqa.data.options import DataOptions
from vqa.errors import ConfigError
from vqa.nn.losses import LOSSES
from vqa.nn.presets import PRESETS
from vqa.training.config import METRICS, TrainConfig
from vqa.training.run_config import RunConfig


@pytest.fixture(scope="module")
def help_text() -> str:
    result = CliRunner().invoke(cli, ["train", "--help"])
    assert result.exit_code == 0
    # The help is broken at hyphens as well.
    return " ".join(result.output.split()).replace("- ", "-")


@pytest.mark.parametrize("name", [*PRESETS, *LOSSES, *(metric.replace("_", "-") for metric in METRICS)])
def test_the_help_names_every_preset_loss_and_metric(help_text: str, name: str) -> None:
    assert re.search(rf"(?<![\w-]){name}(?![\w-])", help_text)


@pytest.mark.parametrize(
    ("option", "default"),
    [
        ("--epochs", TrainConfig.epochs),
        ("--batch-size", TrainConfig.batch_size),
        ("--learning-rate", TrainConfig.learning_rate),
        ("--patience", TrainConfig.patience),
        ("--max-bad", DataOptions.max_bad),
        ("--seed", TrainConfig.seed),
        ("--loss", TrainConfig.loss),
    ],
)
def test_the_help_shows_the_defaults_of_the_configuration(help_text: str, option: str, default: object) -> None:
    assert re.search(rf"{option} [A-Z]+ [^\[]*\[default: {re.escape(str(default))}\]", help_text)


@pytest.mark.parametrize("metric", ["any-of", "any_of"])
def test_a_metric_may_be_written_with_either_line(metric: str) -> None:
    assert effective_config({"metric": metric}, None).training.metric == "any_of"


def test_flags_win_over_the_file_and_the_file_over_defaults(tmp_path: Path) -> None:
    """The file may hold what belongs to training, to reading the data and to the word embedding."""
    values: dict[str, Any] = {"epochs": 3, "batch_size": 8, "max_answers": 1000, "word_vectors": "glove.txt"}
    (tmp_path / "options.json").write_text(json.dumps({**values, "model_options": {"hidden_size": 8, "dropout": 0.1}}))
    given = {"config_file": tmp_path / "options.json", "batch_size": 16, "model_options": ("hidden_size=32",)}
    config = effective_config(given, None)
    assert (config.training.epochs, config.training.batch_size, config.data.max_answers) == (3, 16, 1000)
    assert config.training.model_options == {"hidden_size": 32, "dropout": 0.1}
    assert config.word_vectors == "glove.txt"
    assert config.training.learning_rate == TrainConfig.learning_rate


def test_a_resumed_run_keeps_its_choices_and_a_file_is_not_ignored(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(RunConfig(TrainConfig(epochs=3, seed=7)).to_json())
    assert effective_config({}, tmp_path).training == TrainConfig(epochs=3, seed=7)
    (tmp_path / "options.json").write_text('{"epochs": 9}')
    resumed = effective_config({"config_file": tmp_path / "options.json"}, tmp_path)
    assert resumed.training == TrainConfig(epochs=9, seed=7)


def test_choices_that_a_kill_left_without_their_name_are_found(tmp_path: Path) -> None:
    (tmp_path / "config.json.next").write_text(RunConfig(TrainConfig(epochs=3)).to_json())
    (tmp_path / "commit.json").write_text('{"written": ["config.json"], "removed": []}')
    assert effective_config({}, tmp_path).training.epochs == 3


def test_a_run_that_was_killed_before_its_first_state_keeps_its_word_vectors(project: Path, tmp_path: Path) -> None:
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("".join(f"{word} 1 2 3 4\n" for word in ("what", "is", "the", "color", "shape")))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    sizes = ("embedding_size=4", "hidden_size=4")
    options = ["--model", "question-only", "--word-vectors", str(vectors), "--epochs", "1"]
    options += [part for size in sizes for part in ("--option", size)]
    command = ["train", str(project / "tests" / "golden" / "card.toml"), *options]
    assert CliRunner().invoke(cli, [*command, "--run", str(whole)]).exit_code == 0
    killed.mkdir()
    for name in ("config.json", "vocab.json"):
        shutil.copy(whole / name, killed)
    record = json.loads((whole / "run.json").read_text())
    del record["best"], record["sha256"]["best.params"]
    (killed / "run.json").write_text(json.dumps({**record, "best_epoch": 0}))
    result = CliRunner().invoke(cli, [*command, "--run", str(killed), "--resume"])
    assert result.exit_code == 0, result.output
    assert (killed / "best.params").read_bytes() == (whole / "best.params").read_bytes()


def test_an_option_of_a_preset_is_a_name_and_a_number() -> None:
    with pytest.raises(ConfigError, match="expected NAME=NUMBER, such as hidden_size=256, got 'hidden_size'"):
        effective_config({"model_options": ("hidden_size",)}, None)
