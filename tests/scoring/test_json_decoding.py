"""JSON files are decoded as the standard library decodes them, with one line for whatever is wrong."""

from __future__ import annotations

import gzip
import json
import tempfile
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from vqa.errors import DataError
from vqa.scoring.json_decoding import decode, read_bytes, type_name, unpacked_bytes

ANYTHING = msgspec.json.Decoder()
TEXTS = msgspec.json.Decoder(dict[str, list[str]])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_values_are_those_of_the_standard_library(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert decode(text.encode("utf-8"), ANYTHING) == json.loads(text)


def test_what_python_writes_and_json_does_not_have() -> None:
    assert decode(b'{"a": [NaN, Infinity, -Infinity, 1]}', ANYTHING) == {"a": [None, None, None, 1]}
    assert decode(rb'{"a": ["half \ud83d", "\ud83d\ude00"]}', TEXTS) == {"a": ["half �", "😀"]}


@pytest.mark.parametrize("end", range(1, 31))
def test_whatever_is_cut_off_is_an_error_with_its_place(end: int) -> None:
    whole = b'{"list": [1, {"a": "]"}],\n "b": 2}'
    with pytest.raises(DataError, match=r"^file\.json:[12]: expected JSON, .* at column \d+$"):
        decode(whole[:-end], ANYTHING, "file.json")


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"list": [],\n\n "b": oops}', "f.json:3: expected JSON, Expecting value at column 7"),
        (b"{} x", "f.json:1: expected JSON, Extra data at column 4"),
        (b'{"a": [1]}', "f.json: [...][0]: expected a string, got an integer"),
        (b'{"a": null}', "f.json: [...]: expected a list, got null"),
        (b"[]", "f.json: expected an object, got a list"),
    ],
)
def test_what_is_wrong(raw: bytes, message: str) -> None:
    with pytest.raises(DataError) as error:
        decode(raw, TEXTS, "f.json")
    assert str(error.value) == message


def test_files_are_unpacked_by_their_content(tmp_path: Path) -> None:
    path = tmp_path / "whatever"
    for content in (b"[1]", b"\xef\xbb\xbf[1]", gzip.compress(b"[1]"), gzip.compress(b"\xef\xbb\xbf[1]")):
        path.write_bytes(content)
        assert read_bytes(path) == b"[1]"
    path.write_bytes(b'{"a": ["\xff"]}')
    with pytest.raises(DataError, match="whatever: expected UTF-8, byte 8 is not; save the file as UTF-8"):
        read_bytes(path)


def test_names_of_types() -> None:
    names = [type_name(value) for value in ({}, [], "", 1, 1.5, True, None)]
    assert names == ["an object", "a list", "a string", "an integer", "a number", "true/false", "null"]


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), min_size=1, max_size=3), st.binary(max_size=20), st.booleans())
def test_gzip_files_are_unpacked_as_by_the_standard_library(parts: list[bytes], after: bytes, cut: bool) -> None:
    """Files of one member and of several, with bytes behind them or with an end that is missing."""
    # Bytes behind a member that happen to look like its end are taken for it.
    assume(not after or int.from_bytes(after[-4:], "little") != len(parts[0]))
    raw = b"".join(map(gzip.compress, parts)) + after
    raw = raw[: len(raw) - 1] if cut else raw
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(raw)
        try:
            expected = gzip.decompress(raw)
        except (EOFError, OSError, zlib.error):
            with pytest.raises(DataError, match="the gzip file is truncated or damaged"):
                unpacked_bytes(file.name)
        else:
            assert unpacked_bytes(file.name) == expected


def test_a_size_that_a_gzip_file_only_claims_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "claims.gz"
    path.write_bytes(gzip.compress(b"[1]")[:-4] + b"\xff\xff\xff\xff")
    tracemalloc.start()
    with pytest.raises(DataError, match="truncated or damaged"):
        unpacked_bytes(path)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()
