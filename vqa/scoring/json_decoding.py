"""JSON files, plain or gzipped, decoded into typed records by msgspec, with one clear line for each error."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from pathlib import Path
from typing import TypeVar, Union

import msgspec

from vqa.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MEMBER = GZIP_MAGIC + b"\x08"  # and the number of the one method there is
_GZIP_FORMAT = 16 + zlib.MAX_WBITS
_MOST_PACKED = 1032  # bytes that one packed byte can stand for
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PathLike = Union[str, Path]
Decoded = TypeVar("Decoded")

_TYPE_NAMES = {
    "object": "an object",
    "array": "a list",
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true/false",
    "null": "null",
}


def unpacked_bytes(path: PathLike) -> bytes:
    """Return a file's content, unpacked when it is gzipped (whatever its name).

    Raises
    ------
    DataError
        The gzip file is truncated or damaged.
    OSError
        The file cannot be read.
    """
    raw = Path(path).read_bytes()
    if raw.startswith(GZIP_MAGIC):
        try:
            return _gunzipped(raw)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{path}: the gzip file is truncated or damaged ({error}); fetch it again") from error
    return raw


def _gunzipped(raw: bytes) -> bytes:
    """Return ``gzip.decompress(raw)``, in less time for a file of one member, whose end says how long its content is.

    It is then unpacked into one piece of memory of that size; gzip's own pieces are copied, and after each of them it
    waits for the interpreter lock.
    """
    size = int.from_bytes(raw[-4:], "little")
    if 0 < size <= _MOST_PACKED * len(raw) and raw.find(_GZIP_MEMBER, 1) < 0:
        content = zlib.decompress(raw, wbits=_GZIP_FORMAT, bufsize=size)
        if len(content) == size:
            return content
    return gzip.decompress(raw)


def read_bytes(path: PathLike) -> bytes:
    """Return a UTF-8 file's content, unpacked when it is gzipped (whatever its name), without a byte order mark.

    Raises
    ------
    DataError
        The gzip file is truncated or damaged, or the text is not UTF-8.
    OSError
        The file cannot be read.
    """
    raw = json_bytes(path)
    if not raw.isascii():
        _utf8_text(raw, str(path))
    return raw


def json_bytes(path: PathLike) -> bytes:
    """Return what `read_bytes` does of a JSON file, except that UTF-8 is checked where `decode` reads a text.

    Raises
    ------
    DataError
        The gzip file is truncated or damaged.
    OSError
        The file cannot be read.
    """
    raw = unpacked_bytes(path)
    return raw[len(BYTE_ORDER_MARK) :] if raw.startswith(BYTE_ORDER_MARK) else raw


def _utf8_text(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"{where}: expected UTF-8, byte {error.start} is not; save the file as UTF-8") from error


def decode(raw: bytes | msgspec.Raw, decoder: msgspec.json.Decoder[Decoded], where: str = "") -> Decoded:
    """Return a JSON text in UTF-8 as the type of `decoder`.

    NaN and Infinity, which JSON does not have and Python writes, become null, and so does 1e999; half a surrogate pair
    becomes the replacement character.

    Parameters
    ----------
    where : the file or record, begins every message; "" where the caller says it

    Raises
    ------
    DataError
        The text is not JSON (with line and column), or a value is of another type (with its path).
    """
    try:
        try:
            return decoder.decode(raw)
        except msgspec.ValidationError:
            raise
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return decoder.decode(_rewritten(bytes(raw), where))
    except msgspec.ValidationError as error:
        raise DataError(f"{where}: {describe(error)}" if where else describe(error)) from None


def _rewritten(raw: bytes, where: str) -> bytes:
    """Return what Python's own decoder reads as JSON that every decoder reads, or raise DataError with the place."""
    try:
        content = json.loads(_utf8_text(raw, where), parse_constant=lambda _: None, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}:{error.lineno}: expected JSON, {error.msg} at column {error.colno}") from error
    except ValueError as error:  # a number of thousands of digits
        raise DataError(f"{where}: expected JSON, {str(error).partition(';')[0]}") from error
    except RecursionError as error:
        raise DataError(f"{where}: expected a list of records, got JSON nested too deeply to read") from error
    text = json.dumps(content, ensure_ascii=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode("utf-8")


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def describe(error: msgspec.ValidationError) -> str:
    """Return what is wrong with a value in words: the place, what was expected and what was found.

    >>> try:
    ...     msgspec.json.decode(b'{"answers": ["yes", 2]}', type=dict[str, list[str]])
    ... except msgspec.ValidationError as error:
    ...     print(describe(error))
    [...][1]: expected a string, got an integer
    """
    reason, _, path = str(error).partition(" - at ")
    missing = re.fullmatch(r"Object missing required field `(.*)`", reason)
    place = path.strip("`").removeprefix("$").removeprefix(".")
    if missing:
        return f'{place or "the record"} has no "{missing.group(1)}"'
    words = re.sub(r"`([^`]*)`", lambda match: _in_words(match.group(1)), reason[:1].lower() + reason[1:])
    return f"{place}: {words}" if place else words


def type_name(value: object) -> str:
    """Return the name of a decoded JSON value's type for messages: an object, a list, a string, null ..."""
    names = {dict: "object", list: "array", type(None): "null"}
    return _in_words(names.get(type(value), type(value).__name__))


def _in_words(types: str) -> str:
    return " or ".join(_TYPE_NAMES.get(name, name) for name in types.split(" | "))
