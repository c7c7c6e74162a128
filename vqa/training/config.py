"""TrainConfig: every choice of a training run, frozen, and the same thing as JSON."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Union, get_args, get_type_hints

from vqa.errors import ConfigError, did_you_mean

METRICS = ("any_of", "vqa_official", "loss")

Number = Union[int, float]


@dataclass(frozen=True)
class TrainConfig:
    """The choices of one training run; sizes are not among them, they come from the data.

    Attributes
    ----------
    model : preset of the network; "" chooses by the data set's kind of images
    model_options : keyword arguments of the preset, such as {"hidden": 256}
    loss : name of the loss
    epochs : passes over the training questions, at least 1
    batch_size : questions a step
    learning_rate : the highest rate; it rises over the first `warmup` part of the steps and falls to 0 along a cosine
    warmup : fraction of all steps in [0, 1)
    weight_decay : factor of the L2 penalty on weights
    gradient_clip : bound on every gradient element (per question); 0 means none
    validation_fraction : part of the training images held out when the data set has no split "val", in [0, 1)
    patience : stop when the validation metric has not risen for so many epochs; 0 means never
    metric : what chooses the best epoch: any_of, vqa_official or loss, on the validation questions
    max_answers : size limit of the answer vocabulary; 0 means none
    min_word_count : words seen less often in the training questions are unknown
    max_bad : fraction of malformed lines that a file may have
    word_vectors : text file of word vectors (GloVe's format) to start the word embedding from; "" means none
    seed : of the initial parameters, the order of questions, dropout and the held-out part
    device : "cpu" or "gpu:0"
    """

    model: str = ""
    model_options: dict[str, Number] = field(default_factory=dict)
    loss: str = "softmax"
    epochs: int = 12
    batch_size: int = 256
    learning_rate: float = 2e-3
    warmup: float = 0.05
    weight_decay: float = 0.0
    gradient_clip: float = 0.0
    validation_fraction: float = 0.1
    patience: int = 0
    metric: str = "any_of"
    max_answers: int = 0
    min_word_count: int = 1
    max_bad: float = 0.01
    word_vectors: str = ""
    seed: int = 1
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, math.inf),
            ("batch_size", 1, math.inf),
            ("patience", 0, math.inf),
            ("max_answers", 0, math.inf),
            ("min_word_count", 1, math.inf),
            ("weight_decay", 0, math.inf),
            ("gradient_clip", 0, math.inf),
            ("warmup", 0, 0.999),
            ("validation_fraction", 0, 0.9),
            ("max_bad", 0, 1),
            ("seed", 0, 2**31 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name}: expected a number from {low} to {high}, got {value}")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate: expected a number above 0, got {self.learning_rate}")
        if self.metric not in METRICS:
            raise ConfigError(f"metric: {self.metric!r} is unknown{did_you_mean(self.metric, METRICS)}")

    def replace(self, **changes: Any) -> TrainConfig:
        """Return the same configuration with some values changed, checked like a new one."""
        return config_from_dict({**dataclasses.asdict(self), **changes})

    def to_json(self) -> str:
        """Return all values as a JSON object, one a line."""
        return json.dumps(dataclasses.asdict(self), indent=2) + "\n"


def config_from_dict(values: Mapping[str, Any], source: str = "configuration") -> TrainConfig:
    """Make a TrainConfig of a mapping from names to values; what is missing has its default.

    Raises
    ------
    ConfigError
        A key is unknown (the nearest one is named) or a value has the wrong type or range.
    """
    types = get_type_hints(TrainConfig)
    checked = {}
    for name, value in values.items():
        if name not in types:
            raise ConfigError(f"{source}: unknown key {name!r}{did_you_mean(name, types)}")
        checked[name] = _checked(value, types[name], f"{source}: {name}")
    return TrainConfig(**checked)


def _checked(value: Any, expected: Any, where: str) -> Any:
    """Return `value` if it has the expected type (a whole number passes as a float), else raise ConfigError."""
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if expected in (str, int, float):
        if type(value) is not expected:
            raise ConfigError(f"{where}: expected {expected.__name__}, got {value!r}")
        return value
    numbers = get_args(get_args(expected)[1])
    if not isinstance(value, dict) or not all(type(item) in numbers for item in value.values()):
        raise ConfigError(f"{where}: expected an object of names and numbers, got {value!r}")
    return dict(value)


def read_config(path: Path) -> TrainConfig:
    """Read a TrainConfig from a JSON file.

    Raises
    ------
    ConfigError
        The file is not a JSON object, or one of its keys or values is wrong.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(
            f"{path}: expected a JSON object of training options, but it is not JSON ({error})"
        ) from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a JSON object of training options, got {type(values).__name__}")
    return config_from_dict(values, str(path))
