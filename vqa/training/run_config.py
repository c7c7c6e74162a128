"""RunConfig: the content of config.json, every choice that made a run, each from the package that owns it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqa.data.options import EXACT, DataOptions
from vqa.errors import ConfigError
from vqa.files import parse_json
from vqa.training.config import TrainConfig, checked_options


@dataclass(frozen=True)
class RunConfig:
    """The choices of a run.

    Attributes
    ----------
    training : how the network is trained
    data : how the data set was read
    word_vectors : text file that the word embedding starts from; "" means none
    """

    training: TrainConfig = field(default_factory=TrainConfig)
    data: DataOptions = field(default_factory=DataOptions)
    word_vectors: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return all choices by name, as config.json has them."""
        return {**asdict(self.training), **asdict(self.data), "word_vectors": self.word_vectors}

    def to_json(self) -> str:
        """Return all choices as a JSON object, one per line."""
        return json.dumps(self.to_dict(), indent=2) + "\n"

    def updated(self, changes: Mapping[str, Any], where: str = "configuration") -> RunConfig:
        """Return the same choices with some changed, each checked; `where` begins the message of an error.

        Raises
        ------
        ConfigError
            A name is unknown (the nearest one is named), or a value has the wrong type or range.
        """
        values = checked_options(changes, RunConfig().to_dict(), where)
        data = {name: value for name, value in values.items() if name in asdict(self.data)}
        training = {name: value for name, value in values.items() if name in asdict(self.training)}
        return RunConfig(
            self.training.updated(training, where),
            dataclasses.replace(self.data, **data),
            values.get("word_vectors", self.word_vectors),
        )


def read_config(path: Path, base: RunConfig | None = None) -> RunConfig:
    """Read a configuration from a JSON file; what is missing in it is as in `base`, or has its default.

    Raises
    ------
    ConfigError
        The file is not a JSON object, or one of its keys or values is wrong.
    """
    try:
        values = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path}: expected a JSON object of options, but it is not JSON ({error})") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a JSON object of options, got {type(values).__name__}")
    return (base or RunConfig()).updated(values, str(path))


def read_run_config(folder: Path) -> RunConfig:
    """Read the configuration of a run folder.

    Raises
    ------
    ConfigError
        As in `read_config`.
    """
    # Runs from before the choice existed compared answers as they were written.
    return read_config(folder / "config.json", RunConfig(data=DataOptions(answers=EXACT)))
