"""TrainConfig: every choice of training, frozen, with its defaults; nothing else writes a default down."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Union

from vqa.errors import ConfigError, did_you_mean

METRICS = ("any_of", "vqa_official", "loss")

Number = Union[int, float]


@dataclass(frozen=True)
class TrainConfig:
    """The choices of one training run; sizes are not among them, they come from the data.

    Attributes
    ----------
    model : preset of the network; "" chooses by the data set's kind of images
    model_options : keyword arguments of the preset, such as {"hidden_size": 256}
    loss : name of the loss
    epochs : passes over the training questions, at least 1
    batch_size : questions per step
    learning_rate : the highest rate; it rises over the first `warmup` part of the steps and falls to 0 along a cosine
    warmup : fraction of all steps, in [0, 1)
    weight_decay : factor of the L2 penalty on weights
    gradient_clip : bound on every element of the gradient (per question); 0 means none
    validation_fraction : part of the training images held out when the data set has no split "val", in [0, 0.9]
    patience : stop when the validation metric has not risen for this many epochs; 0 means never
    metric : what chooses the best epoch: any_of, vqa_official or loss, on the validation questions
    seed : of the initial parameters, the order of questions, dropout and the held-out part
    device : "cpu" or "gpu:0"
    save_every : save the state after every so many steps as well; 0 means after every epoch alone
    parts : parts of a batch, each with its own dropout and batch statistics, which workers can share
    threads : that compute a part; 0 means one, and all of the machine's if a batch is one part

    Raises
    ------
    ConfigError
        A number is out of its range, or the metric is unknown.
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
    seed: int = 1
    device: str = "cpu"
    save_every: int = 0
    parts: int = 1
    threads: int = 0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("epochs", 1, math.inf),
            ("batch_size", 1, math.inf),
            ("patience", 0, math.inf),
            ("save_every", 0, math.inf),
            ("parts", 1, math.inf),
            ("threads", 0, math.inf),
            ("weight_decay", 0, math.inf),
            ("gradient_clip", 0, math.inf),
            ("warmup", 0, 0.999),
            ("validation_fraction", 0, 0.9),
            ("seed", 0, 2**31 - 1),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name}: expected a number from {low} to {high}, got {value}")
        if not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate: expected a number above 0, got {self.learning_rate}")
        if self.metric not in METRICS:
            raise ConfigError(f"metric: {self.metric!r} is unknown{did_you_mean(self.metric, METRICS)}")

    @property
    def threads_of_a_part(self) -> int:
        """Number of threads that compute a part; 0 leaves it to the machine."""
        return self.threads or int(self.parts > 1)

    def replace(self, **changes: Any) -> TrainConfig:
        """Return the same choices with some changed, each checked; the metric any-of is any_of.

        Raises
        ------
        ConfigError
            A name is unknown (the nearest one is named), or a value has the wrong type or range.
        """
        return self.updated(changes, "training")

    def updated(self, changes: Mapping[str, Any], where: str) -> TrainConfig:
        """Return `replace` of the changes; `where` begins the message of an error."""
        values = checked_options(changes, dataclasses.asdict(TrainConfig()), where)
        if "metric" in values:
            values["metric"] = values["metric"].replace("-", "_")
        return dataclasses.replace(self, **values)


def checked_options(values: Mapping[str, Any], defaults: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return options in the types of their defaults; a whole number passes as a float.

    Raises
    ------
    ConfigError
        A name is not among the defaults (the nearest one is named), or a value has the wrong type.
    """
    checked = {}
    for name, value in values.items():
        if name not in defaults:
            raise ConfigError(f"{where}: unknown key {name!r}{did_you_mean(name, defaults)}")
        checked[name] = _checked(value, type(defaults[name]), f"{where}: {name}")
    return checked


def _checked(value: Any, expected: type, where: str) -> Any:
    if expected is float and type(value) is int and abs(value) <= sys.float_info.max:
        return float(value)
    if expected is dict:
        if type(value) is not dict or not all(type(number) in (int, float) for number in value.values()):
            raise ConfigError(f"{where}: expected an object of names and numbers, got {value!r}")
        return dict(value)
    if type(value) is not expected:
        raise ConfigError(f"{where}: expected {expected.__name__}, got {value!r}")
    return value
