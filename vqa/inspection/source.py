"""What there is to inspect: a run that predicts now, or a file of predictions made before."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from vqa.inspection.predictions import read_predictions, read_provenance


@dataclass
class Source:
    """Predictions, and what is known of where they come from.

    Attributes
    ----------
    name : the run or file as the user named it
    frame : predictions table
    provenance : run, card, split, data_hash, protocol, activation, seed as far as they are known
    """

    name: str
    frame: pd.DataFrame
    provenance: dict[str, Any] = field(default_factory=dict)


def open_source(path: Path, split: str, card: Path | None, device: str) -> Source:
    """Predict with the run in the folder `path`, or read the predictions file `path`."""
    if path.is_dir():
        raise NotImplementedError
    return Source(str(path), read_predictions(path), read_provenance(path))
