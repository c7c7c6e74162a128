from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.data.options import DataOptions
from vqa.errors import ConfigError
from vqa.training.config import TrainConfig
from vqa.training.run_config import RunConfig, read_config, read_run_config


def test_json_round_trip(tmp_path: Path) -> None:
    config = RunConfig(
        TrainConfig(model="cnn-gru", model_options={"hidden_size": 128, "dropout": 0.25}, epochs=3, learning_rate=0.1),
        DataOptions(max_bad=0.1, max_answers=1000, min_word_count=2),
        word_vectors="glove.txt",
    )
    path = tmp_path / "config.json"
    path.write_text(config.to_json(), encoding="utf-8")
    assert read_config(path) == config


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"unknown key 'epoch'; did you mean 'epochs'\?"):
        RunConfig().updated({"epoch": 3})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epochs": "3"}, "epochs: expected int, got '3'"),
        ({"epochs": True}, "epochs: expected int, got True"),
        ({"epochs": 2.5}, "epochs: expected int, got 2.5"),
        ({"epochs": 0}, "epochs: expected a number from 1"),
        ({"learning_rate": 0}, "learning_rate: expected a number above 0"),
        ({"learning_rate": float("nan")}, "learning_rate: expected a number above 0"),
        ({"validation_fraction": 1.0}, "validation_fraction: expected a number from 0 to 0.9"),
        ({"metric": "anyof"}, "did you mean 'any_of'"),
        ({"model_options": [1]}, "expected an object of names and numbers"),
        ({"model_options": {"hidden_size": "x"}}, "expected an object of names and numbers"),
        ({"seed": -1}, "seed: expected a number from 0"),
        ({"max_answers": "many"}, "max_answers: expected int, got 'many'"),
        ({"max_bad": 2}, "max_bad: expected a fraction"),
        ({"word_vectors": 3}, "word_vectors: expected str, got 3"),
    ],
)
def test_wrong_values_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RunConfig().updated(values)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_whole_number_passes_as_a_float() -> None:
    assert TrainConfig().replace(learning_rate=1).learning_rate == 1.0


@pytest.mark.parametrize("text", ["", "{", "[1]", "3"])
def test_a_file_that_is_no_object_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "options.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"options\.json: expected a JSON object"):
        read_config(path)


@given(st.integers(1, 100), st.floats(1e-6, 10), st.integers(0, 2**31 - 1))
def test_every_valid_value_survives_json(epochs: int, rate: float, seed: int) -> None:
    config = RunConfig(TrainConfig(epochs=epochs, learning_rate=rate, seed=seed))
    assert RunConfig().updated(json.loads(config.to_json())) == config


def test_a_metric_has_one_spelling_in_a_run_and_two_for_users() -> None:
    assert TrainConfig().replace(metric="vqa-official") == TrainConfig(metric="vqa_official")
    assert RunConfig().updated({"metric": "any-of"}).to_dict()["metric"] == "any_of"


def test_the_keys_of_config_json_are_those_of_old_runs(project: Path) -> None:
    frozen = json.loads((project / "tests/golden/run/config.json").read_text())
    later = {"answers": "exact", "skip_bad_images": False, "save_every": 0, "parts": 1, "threads": 0}
    assert RunConfig().to_dict().keys() == {*frozen, *later}
    # A run from before answers could be normalized was trained on exact ones, whatever its card says today.
    assert read_run_config(project / "tests/golden/run").to_dict() == {**frozen, **later}
