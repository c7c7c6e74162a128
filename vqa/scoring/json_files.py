"""JSON files, plain or gzipped, read with a clear line for whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Union

from vqa.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
PathLike = Union[str, Path]


def read_json(path: PathLike) -> Any:
    """Return the content of a UTF-8 JSON file, unpacked when it is gzipped (whatever its name).

    Raises
    ------
    DataError
        The file is truncated, is not UTF-8 or is not JSON.
    OSError
        The file cannot be read.
    """
    raw = Path(path).read_bytes()
    if raw.startswith(GZIP_MAGIC):
        try:
            raw = gzip.decompress(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the gzip file is truncated or damaged ({error}); fetch it again") from error
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8, byte {error.start} is not; save the file as UTF-8") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{path}:{error.lineno}: expected JSON, {error.msg} at column {error.colno}") from error
    except RecursionError as error:
        raise DataError(f"{path}: expected a list of records, got JSON nested too deeply to read") from error


def type_name(value: Any) -> str:
    """Return the name of a JSON value's type for messages: object, list, string, number, true/false or null."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true/false"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), type(value).__name__)
