"""The predictions table: one row a question, in memory and as a CSV, JSON-lines or Parquet file.

In memory ``answers`` holds tuples of raw strings and ``top`` tuples of (answer, probability) pairs, best first.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from vqa.atomic import replacing
from vqa.errors import DataError
from vqa.hashing import sha256_of_file
from vqa.inspection.columns import check_predictions
from vqa.inspection.formats import format_of


def write_predictions(frame: pd.DataFrame, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
    """Write a predictions table to a .csv, .jsonl or .parquet file, numbers in full precision.

    Parameters
    ----------
    frame : the columns `vqa.inspection.columns.COLUMNS`; further columns are left out
    path : the file; its suffix says the format
    provenance : what the predictions were made from (run, card, split, data_hash, protocol, activation, seed);
        written to ``<path>.meta.json``. Without it an old file of that name is removed.

    Raises
    ------
    ConfigError
        The suffix is another one.
    DataError
        A column is missing or holds a value of another type or range.
    OSError
        The file cannot be written; an older file of the name is as it was.
    """
    path = Path(path)
    file_format = format_of(path)
    table = check_predictions(frame, "the predictions")
    with replacing(path, "wb") as file:
        file_format.write(table, file)
    sidecar = provenance_path(path)
    if provenance is None:
        sidecar.unlink(missing_ok=True)
        return
    with replacing(sidecar) as file:
        json.dump({**provenance, "sha256": sha256_of_file(path)}, file, indent=2, ensure_ascii=False, allow_nan=False)
        file.write("\n")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Return the predictions table of a .csv, .jsonl or .parquet file; columns as in `vqa.inspection.columns.COLUMNS`.

    Texts are str, ``answers`` and ``top`` tuples, probability (in [0, 1]), loss (nats) and score (in [0, 1]) are
    float64, hit is int64 0 or 1; a loss or score that is not defined is NaN.

    Raises
    ------
    ConfigError
        The suffix is another one.
    DataError
        The file is empty or cannot be read, a column is missing, a question occurs twice, or a value is of another
        type or range.
    OSError
        The file is not there or may not be read.
    """
    path = Path(path)
    file_format = format_of(path)
    with open(path, "rb") as file:
        try:
            frame = file_format.read(file)
        except (ValueError, csv.Error) as error:  # pandas and pyarrow derive theirs from ValueError
            reason = " ".join(str(error).split())
            raise DataError(f"{path}: expected a predictions table as {path.suffix[1:]}, got: {reason}") from error
    return check_predictions(frame, str(path))


def provenance_path(path: str | Path) -> Path:
    """Return the file beside a predictions table that says what it was made from."""
    return Path(f"{path}.meta.json")


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what the predictions table in `path` was made from, or an empty dict where no file says so.

    Raises
    ------
    DataError
        The file beside the table is not JSON, or the table has been changed since.
    """
    sidecar = provenance_path(path)
    if not sidecar.is_file():
        return {}
    try:
        provenance = json.loads(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{sidecar}: expected a JSON object, got: {error}; delete it or evaluate again") from error
    if not isinstance(provenance, dict) or provenance.pop("sha256", None) != sha256_of_file(Path(path)):
        raise DataError(f"{sidecar} is not about {path} as it is now; delete it or evaluate again")
    return provenance
