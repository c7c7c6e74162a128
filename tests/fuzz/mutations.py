"""How valid files are damaged: anywhere in their bytes, or in one value of one part, so that the rest still holds."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import NamedTuple

LARGEST = 100_000
# What readers have tripped over before: numbers at the edges of types, empty and odd texts, brackets, other alphabets.
TOKENS = (
    b"0", b"-1", b"1e999", b"-0.0", b"NaN", b"Infinity", b"null", b"true", b"9223372036854775808", b"4294967296",
    b'"', b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b",", b"[", b"]", b"{", b"}",
    b"[" * 2000, b"../", b"/dev/zero", b"=cmd", "\u202e".encode(), "é".encode(), b" " * 500, b'"a":1,', b"[]", b'""',
    b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x00\x00\x00\x80", b"1" + b"0" * 400, b"9" * 5000,
    "\u2028".encode(), "\x85".encode(), "²".encode(), "١".encode(), b"\x1f\x8b", b"PAR1", b"PK\x03\x04", b";", b"\t",
)  # fmt: skip
# Values as JSON writes them; TOML, Python and XML write most of them alike.
VALUES = (
    b"null", b"true", b"false", b"0", b"-1", b"1", b"2", b"3.5", b"1e308", b"1e999", b"NaN", b"-Infinity",
    b"2147483648", b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 400, b"9" * 4300, b"[1, 2, 3]",
    b'""', b'" "', b'"a"', b'"1"', b'"\\u0000"', b'"\\ud800"', b'"../x"', b'"/dev/zero"', b'"a\\nb"', b'"%s{0}"',
    b'"' + b"9" * 4301 + b'"', b"[]", b"{}", b"[[]]", b"[null]", b'["a"]', b'{"a": 1}', b'[["a", 0.5]]',
    b"[" * 50 + b"]" * 50, b"[100000, 100000]", '"é\u202e"'.encode(), b'"{image_id:>9999999999}"', b'"undefined"',
)  # fmt: skip
_VALUE = re.compile(
    rb'"(?:[^"\\\n]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?|\b(?:true|false|null|None|True|False)\b'
    rb"|\[[^\[\]{}]*\]|\{[^\[\]{}]*\}|'[^'\n]*'|>[^<>]+<"
)


class Format(NamedTuple):
    """How a file is taken apart and put together again, with lengths and checksums that are right.

    Attributes
    ----------
    unpack : from the file to its parts by name
    pack : from parts to a file; ValueError for parts that no file holds
    """

    unpack: Callable[[bytes], dict[str, bytes]]
    pack: Callable[[dict[str, bytes]], bytes]


TEXT = Format(lambda data: {"": data}, lambda parts: parts[""])


def mutated(data: bytes, numbers: random.Random) -> bytes:
    """Return a file with one to eight changes: bits, tokens, pieces that go, come twice or change places, an end."""
    for _ in range(numbers.randint(1, 8)):
        place = numbers.randint(0, len(data))
        end = min(len(data), place + numbers.choice((1, 2, 4, 8, 40)))
        how = numbers.randrange(7)
        if how == 0 and place < len(data):
            data = data[:place] + bytes([data[place] ^ 1 << numbers.randrange(8)]) + data[place + 1 :]
        elif how == 1:
            data = data[:place] + numbers.choice(TOKENS) + data[place:]
        elif how == 2:
            data = data[:place] + numbers.choice(TOKENS) + data[end:]
        elif how == 3:
            data = data[:place] + data[end:]
        elif how == 4:
            data = data[:end] + data[place:end] * numbers.choice((1, 1, 50)) + data[end:]
        elif how == 5:
            other = numbers.randint(0, len(data))
            data = data[:other] + data[place:end] + data[other:]
        elif numbers.random() < 0.3:
            data = data[:place]
    return data[:LARGEST]


def revalued(data: bytes, numbers: random.Random) -> bytes:
    """Return a text in which one to three values are others: a text, a number, a short list or object."""
    for _ in range(numbers.randint(1, 3)):
        found = _VALUE.search(data, numbers.randint(0, len(data)))
        if found is None:
            continue
        value, start, end = found[0], found.start(), found.end()
        how = numbers.randrange(6)
        if how == 0 and value[:1] == b'"':
            inner = mutated(value[1:-1], numbers).decode("utf-8", "surrogateescape")
            new = json.dumps(inner).encode("ascii")
        elif how == 1:
            # The value and what lies between it and a value before it come several times: members of a list.
            start = max(0, start - numbers.choice((0, 2, 20, 60)))
            new = data[start:end] * numbers.choice((2, 30))
        elif how == 2:
            new = numbers.choice(_VALUE.findall(data))
        elif value[:1] in b">'":
            new = value[:1] + numbers.choice(VALUES).strip(b'"') + value[-1:]
        else:
            new = numbers.choice(VALUES)
        data = data[:start] + new + data[end:]
    return data[:LARGEST]


def damaged(data: bytes, form: Format, numbers: random.Random) -> bytes:
    """Return a file with damage anywhere, or inside one of its parts and then perhaps anywhere."""
    if numbers.random() < 0.4:
        return mutated(data, numbers)
    try:
        parts = form.unpack(data)
        name = numbers.choice(list(parts))
        parts[name] = numbers.choice((mutated, revalued, revalued))(parts[name], numbers)
        data = form.pack(parts)
    except Exception:
        return mutated(data, numbers)  # already damaged beyond its form
    return mutated(data, numbers) if numbers.random() < 0.1 else data[:LARGEST]
