"""The file formats of a predictions table: CSV, JSON lines and Parquet, a reader and a writer each.

CSV and Parquet hold the columns of lists as JSON text, JSON lines hold them as they are. Every writer keeps floats in
full precision.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd

from vqa.errors import ConfigError, did_you_mean

LIST_COLUMNS = ("answers", "top")


class Format(NamedTuple):
    """How a table is read from and written to an open file of bytes."""

    read: Callable[[IO[bytes]], pd.DataFrame]
    write: Callable[[pd.DataFrame, IO[bytes]], None]


def read_csv(file: IO[bytes]) -> pd.DataFrame:
    """Return the cells of a CSV file as text; an empty cell is an empty text."""
    return pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")


def write_csv(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table as CSV, texts in quotation marks (a lone carriage return would end the row otherwise)."""
    text = _with_json_lists(frame).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    file.write(text.encode("utf-8"))


def read_jsonl(file: IO[bytes]) -> pd.DataFrame:
    """Return the objects of a JSON-lines file, one a row.

    Raises
    ------
    ValueError
        A line is not a JSON object; the message names the line.
    """
    rows = []
    for number, line in enumerate(file.read().decode("utf-8-sig").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number}: not a JSON object")
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def write_jsonl(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table as one JSON object a line; NaN becomes null."""
    for values in zip(*(frame[name].tolist() for name in frame.columns)):
        row = {name: _null_for_nan(value) for name, value in zip(frame.columns, values)}
        file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n")


def read_parquet(file: IO[bytes]) -> pd.DataFrame:
    """Return the table of a Parquet file.

    Raises
    ------
    ValueError
        The bytes are not a Parquet file.
    """
    data = io.BytesIO(file.read())
    try:
        return pd.read_parquet(data)
    except OSError as error:  # pyarrow says so of damaged contents; the file itself has been read by now
        raise ValueError(str(error)) from error


def write_parquet(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table as Parquet."""
    _with_json_lists(frame).to_parquet(file, index=False)


FORMATS: dict[str, Format] = {
    "csv": Format(read_csv, write_csv),
    "jsonl": Format(read_jsonl, write_jsonl),
    "parquet": Format(read_parquet, write_parquet),
}
"""From the suffix of a file to its reader and writer."""


def format_of(path: Path) -> Format:
    """Return the reader and writer for the suffix of `path`.

    Raises
    ------
    ConfigError
        The suffix is none of .csv, .jsonl and .parquet.
    """
    suffix = path.suffix[1:].lower()
    if suffix not in FORMATS:
        raise ConfigError(
            f"{path}: expected a predictions file ending in .csv, .jsonl or .parquet{did_you_mean(suffix, FORMATS)}"
        )
    return FORMATS[suffix]


def _with_json_lists(frame: pd.DataFrame) -> pd.DataFrame:
    texts = {
        name: [json.dumps(value, ensure_ascii=False) for value in frame[name]]
        for name in LIST_COLUMNS
        if name in frame.columns
    }
    return frame.assign(**texts)


def _null_for_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value
