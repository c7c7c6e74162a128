"""Predictions tables as CSV, JSON-lines and Parquet files, each with a file beside it that records its origin."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any, NamedTuple

import pandas as pd

from vqa.errors import ConfigError, DataError, did_you_mean
from vqa.evaluation.predictions import COLUMNS, check_predictions
from vqa.files import find_recorded, parse_json, portable_paths, replacing, sha256_of_file

# What of the provenance is a path; it is found again when the file, or what it names, has moved.
PATHS = ("run", "card")


class Format(NamedTuple):
    """How a table is read from and written to an open file of bytes."""

    read: Callable[[IO[bytes]], pd.DataFrame]
    write: Callable[[pd.DataFrame, IO[bytes]], None]


# A spreadsheet computes a cell that begins so, in quotation marks or not. An apostrophe before it makes the cell text;
# the reader takes the apostrophe away. One is added to a text that has some already, so that nothing is lost.
_FORMULA = re.compile("'*[=+\\-@\t\r\uff1d\uff0b\uff0d\uff20]")


def read_csv(file: IO[bytes]) -> pd.DataFrame:
    """Return the cells of a CSV file as text, without the apostrophe before what looks like a formula."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", pd.errors.ParserWarning)
        try:
            frame = pd.read_csv(file, dtype=str, keep_default_na=False, index_col=False, encoding="utf-8-sig")
        except pd.errors.ParserWarning:
            raise ValueError("a row has more cells than the header") from None
    return frame.apply(lambda column: column.map(_unguarded, na_action="ignore"))


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and _FORMULA.match(text) else text


def write_csv(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table as CSV, with an apostrophe before a text that a spreadsheet would compute as a formula.

    Texts are in quotation marks, because a lone carriage return would end the row otherwise.
    """
    cells = _with_json_lists(frame)
    for name in cells.select_dtypes("object").columns:
        cells[name] = [f"'{text}" if _FORMULA.match(text) else text for text in cells[name]]
    text = cells.to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    file.write(text.encode("utf-8"))


def read_jsonl(file: IO[bytes]) -> pd.DataFrame:
    """Return the objects of a JSON-lines file, one per row.

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
            row = parse_json(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from error
        if not isinstance(row, dict):
            raise ValueError(f"line {number}: not a JSON object")
        rows.append(row)
    return pd.DataFrame(rows, dtype=object)


def write_jsonl(frame: pd.DataFrame, file: IO[bytes]) -> None:
    """Write a table as JSON lines, one object per row; NaN becomes null."""
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
    except Exception as error:  # pyarrow and pandas raise errors of many kinds over damaged contents
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
    """Return a table whose lists are JSON texts, for files whose cells hold one value."""
    lists = [name for name, column in COLUMNS.items() if column.is_list and name in frame.columns]
    return frame.assign(**{name: [json.dumps(value, ensure_ascii=False) for value in frame[name]] for name in lists})


def _null_for_nan(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def write_predictions(frame: pd.DataFrame, path: str | Path, provenance: Mapping[str, Any] | None = None) -> None:
    """Write a predictions table to a .csv, .jsonl or .parquet file, numbers in full precision.

    Parameters
    ----------
    frame : with the columns of `vqa.evaluation.predictions.COLUMNS`; further columns are left out
    path : the file; its suffix names the format
    provenance : what the predictions were made from (run, card, split, data_hash, protocol, activation, seed);
        written to ``<path>.meta.json``. Without provenance an old file of that name is removed.

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
    recorded = {name: provenance[name] for name in PATHS if isinstance(provenance.get(name), (str, Path))}
    paths = portable_paths({name: value for name, value in recorded.items() if value}, path.parent)
    content = {**provenance, **paths, "sha256": sha256_of_file(path)}
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(sidecar, "wb") as file:
        # A path that is not UTF-8 holds halves of surrogate pairs; they become their JSON escapes.
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")


def read_predictions(path: str | Path) -> pd.DataFrame:
    """Return the predictions table of a .csv, .jsonl or .parquet file.

    Its columns, their types and meaning are those of `vqa.evaluation.predictions.COLUMNS`; an empty number is NaN.

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


_TEXTS = (*PATHS, *(f"{name}_from_here" for name in PATHS), "split", "data_hash", "protocol", "activation")
_PROVENANCE = {**dict.fromkeys(_TEXTS, str), "seed": int}


def provenance_path(path: str | Path) -> Path:
    """Return the path of the file beside a predictions table that records what it was made from."""
    return Path(f"{path}.meta.json")


def read_provenance(path: str | Path) -> dict[str, Any]:
    """Return what the predictions table in `path` was made from, or an empty dict where no file says so.

    Raises
    ------
    DataError
        The file beside the table is not JSON, a value has the wrong type, or the table has been changed since.
    """
    sidecar = provenance_path(path)
    if not sidecar.is_file():
        return {}
    try:
        provenance = parse_json(sidecar.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{sidecar}: expected a JSON object, got: {error}; delete it or evaluate again") from error
    if not isinstance(provenance, dict) or provenance.pop("sha256", None) != sha256_of_file(Path(path)):
        raise DataError(f"{sidecar} is not about {path} as it is now; delete it or evaluate again")
    for name, expected in _PROVENANCE.items():
        value = provenance.get(name)
        if value is not None and type(value) is not expected:
            kind = "text" if expected is str else "a whole number"
            raise DataError(f"{sidecar}: expected {name} to be {kind}, got {value!r}; delete it or evaluate again")
    if (provenance.get("seed") or 0) < 0:
        raise DataError(f"{sidecar}: expected seed to be at least 0, got {provenance['seed']}")
    for name in PATHS:
        if provenance.get(name):
            provenance[name] = str(find_recorded(provenance, name, sidecar.parent))
        provenance.pop(f"{name}_from_here", None)
    return provenance
