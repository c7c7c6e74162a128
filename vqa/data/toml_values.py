"""Checked values of a TOML table: each is returned in its type, or a ConfigError says what was expected and where."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from vqa.errors import ConfigError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Table = dict[str, Any]
MAX_DOTS = 200


def read_toml(path: Path) -> Table:
    """Return the content of a TOML file."""
    try:
        content = path.read_bytes().decode("utf-8")
        # Python's reader takes the square of the number of parts of a name.
        if any(line.count(".") > MAX_DOTS and not line.lstrip().startswith("#") for line in content.splitlines()):
            raise ConfigError(f"{path}: not a dataset card: it has a line with more than {MAX_DOTS} dots")
        return tomllib.loads(content)
    except FileNotFoundError:
        raise ConfigError(f"no such dataset card: {path}") from None
    except ValueError as error:  # not TOML, not UTF-8, or a number of too many digits
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except RecursionError:
        raise ConfigError(f"{path}: not valid TOML: nested too deeply to read") from None


def check_keys(table: Table, known: Iterable[str], where: str) -> None:
    """Refuse a key that is not among the known ones."""
    known = tuple(known)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) if known else "; it takes no keys here"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")


def sub_table(table: Table, key: str, path: Path) -> Table:
    """Return the table under a key, such as [images]."""
    value = table[key]
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: {key} must be a table, written as [{key}], got {value!r}")
    return value


def text(table: Table, key: str, where: str) -> str:
    """Return a text that is not blank."""
    value = table.get(key)
    if value is None:
        raise ConfigError(f"{where}: the key {key!r} is missing")
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} must be a text that is not empty, got {value!r}")
    return value


def choice(table: Table, key: str, known: Iterable[str], where: str) -> str:
    """Return a text that is one of the known words."""
    value = text(table, key, where)
    if value not in known:
        raise ConfigError(f"{where}: unknown {key} {value!r}{did_you_mean(value, known)}")
    return value


def is_whole(value: Any, least: int) -> bool:
    """Return whether a value is a whole number of at least `least`."""
    # bool is a subclass of int in Python, but `annotators = true` is a mistake.
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def flag(table: Table, key: str, where: str) -> bool:
    """Return true or false, and false where the key is missing."""
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise ConfigError(f"{where}: {key} must be true or false, got {value!r}")
    return value


def existing(table: Table, key: str, path: Path, where: str) -> Path:
    """Return a file or folder that exists; its name is relative to the card `path`."""
    name = text(table, key, where)
    file = path.parent / name
    if not file.exists():
        raise ConfigError(f"{where}: {key} = {name!r}: no such file or folder: {file}")
    return file
