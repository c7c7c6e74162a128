"""Rows of Parquet and Excel files, as dicts from the name of a column to its value."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pandas as pd

from vqa.errors import DataError, InstallationError

Row = dict[str, Any]
# Of the XML in an Excel file.
MAX_UNPACKED = 1_000_000_000


def read_table(read: Callable[[Path], Iterator[Row]], path: Path, kind: str) -> list[tuple[str, Row]]:
    """Return (place, row) of all rows of a file.

    Parameters
    ----------
    read : yields the rows of a file
    kind : of the file, for messages

    Raises
    ------
    DataError
        The file is damaged.
    InstallationError
        What reads such files is not installed.
    """
    try:
        return [(f"row {number}", row) for number, row in enumerate(read(path), start=1)]
    except InstallationError:
        raise
    except Exception as error:  # pyarrow, pandas and openpyxl raise errors of many kinds over damaged files
        raise DataError(f"{path}: expected a {kind} table, got: {' '.join(str(error).split())}") from error


def parquet_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a Parquet file."""
    table = pd.read_parquet(path)
    names = list(map(str, table.columns))
    for values in zip(*(table[name].tolist() for name in table.columns)):
        yield dict(zip(names, values))


def excel_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of the first sheet of an Excel file under its first row, as texts; empty rows are left out."""
    try:
        import openpyxl
    except ImportError as error:
        raise InstallationError(f"{path} is an Excel file: install openpyxl (pip install 'vqa[excel]')") from error
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > MAX_UNPACKED:
        raise ValueError(f"{unpacked / 1e6:,.0f} MB when unpacked, at most {MAX_UNPACKED / 1e6:,.0f} MB are read")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of styles, defined names and dates
        with closing(openpyxl.load_workbook(path, read_only=True, data_only=True)) as book:
            sheet = book.worksheets[0]
            sheet.reset_dimensions()  # which the file may state wrongly
            names = [_cell_text(value) for value in next(sheet.iter_rows(max_row=1, values_only=True), ())]
            # One cell at the far right would make its row 16,384 cells wide.
            for values in sheet.iter_rows(min_row=2, max_col=max(1, len(names)), values_only=True):
                if any(value is not None for value in values):
                    yield dict(zip(names, map(_cell_text, values)))


def _cell_text(value: Any) -> str:
    return "" if value is None else str(int(value) if isinstance(value, float) and value.is_integer() else value)
