"""JSON files, plain or gzipped, read with a clear line for whatever is wrong with them."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
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
    text = _read_text(path)
    with _clear_errors(path):
        return json.loads(text)


def read_records(path: PathLike, key: str) -> Iterator[Any]:
    """Yield the members of the list under `key` of a JSON file that holds an object, read as by `read_json`.

    One at a time: a file of the official VQA format as a whole takes ten times its size in memory, and three times
    as long.

    Raises
    ------
    DataError
        As in `read_json`, or the file holds something else.
    """
    text = _read_text(path)
    with _clear_errors(path):
        position = _start_of_list(text, key)
        if position is None:
            content = json.loads(text)  # which raises where the text is not JSON
            got = type_name(content) if not isinstance(content, dict) else f"an object with keys {sorted(content)[:5]}"
            raise DataError(f'{path}: expected an object with a list "{key}" (official VQA format), got {got}')
        position = _past_space(text, position)
        while not text.startswith("]", position):
            record, position = _DECODER.raw_decode(text, position)
            yield record
            position = _past_space(text, position)
            if text.startswith(",", position):
                position = _past_space(text, position + 1)
            elif not text.startswith("]", position):
                raise json.JSONDecodeError("Expecting ',' delimiter", text, position)
        _check_rest(text, position + 1)


_DECODER = json.JSONDecoder()
_SPACE = re.compile(r"[ \t\n\r]*")


def _past_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    assert match  # it matches nothing at all as well
    return match.end()


def _start_of_list(text: str, key: str) -> int | None:
    """Return where the members of the list under `key` of the object in `text` begin; None if no such list is found."""
    position = _past_space(text, 0)
    if not text.startswith("{", position):
        return None
    try:
        while text.startswith(("{", ","), position):
            name, position = _DECODER.raw_decode(text, _past_space(text, position + 1))
            position = _past_space(text, position)
            if not isinstance(name, str) or not text.startswith(":", position):
                return None
            position = _past_space(text, position + 1)
            if name == key:
                return position + 1 if text.startswith("[", position) else None
            _, position = _DECODER.raw_decode(text, position)
            position = _past_space(text, position)
    except json.JSONDecodeError:
        return None
    return None


def _check_rest(text: str, position: int) -> None:
    """Raise JSONDecodeError unless what comes after the list in an object ends the object properly."""
    list_before = '{"":[]'
    try:
        json.loads(list_before + text[position:])
    except json.JSONDecodeError as error:
        raise json.JSONDecodeError(error.msg, text, error.pos - len(list_before) + position) from None


def _read_text(path: PathLike) -> str:
    raw = Path(path).read_bytes()
    if raw.startswith(GZIP_MAGIC):
        try:
            raw = gzip.decompress(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the gzip file is truncated or damaged ({error}); fetch it again") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: expected UTF-8, byte {error.start} is not; save the file as UTF-8") from error


@contextmanager
def _clear_errors(path: PathLike) -> Iterator[None]:
    """Turn what the decoder raises into a DataError that names the place."""
    try:
        yield
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
