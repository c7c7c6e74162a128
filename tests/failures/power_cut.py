"""What a disk may hold after a power cut: recorded calls, replayed with what was not flushed lost or reordered.

A file's data are safe once the file was flushed (fsync), and its name once its folder was flushed afterwards. All else
may have arrived or not, in any order: each name on its own, a rename whole or not at all, data whole, not at all, or as
zeros. This is what POSIX allows; the usual file systems lose less.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from supervised import Call

# Changes of names of which all subsets are tried; of more, this many subsets drawn at random.
EXHAUSTIVE, DRAWN = 10, 1024

State = dict[str, bytes]


@dataclass
class _File:
    flushed: bytes
    data: bytes

    def may_hold(self) -> list[bytes]:
        """Return what may be read after a power cut."""
        return list(dict.fromkeys([self.flushed, self.data, bytes(len(self.data))])) if self.is_dirty else [self.data]

    @property
    def is_dirty(self) -> bool:
        return self.flushed != self.data


@dataclass
class Disk:
    """Files below a folder, as programs see them and as they are safe.

    Attributes
    ----------
    names, safe_names : path -> file, as programs see it, and as it was when the folders were flushed
    pending : changes of names that are not flushed: path -> file, or None where the name went
    """

    names: dict[str, _File]
    safe_names: dict[str, _File] = field(default_factory=dict)
    pending: list[dict[str, _File | None]] = field(default_factory=list)

    @classmethod
    def of(cls, folder: Path) -> Disk:
        """Return the disk that holds a folder's files, all of them safe."""
        files = {
            str(path.relative_to(folder)): _File(path.read_bytes(), path.read_bytes())
            for path in folder.rglob("*")
            if path.is_file()
        }
        return cls(files, dict(files))

    def apply(self, call: Call) -> None:
        """Do what a call did."""
        path = call.path
        if call.name == "open" and call.writes:
            if path not in self.names:
                self._change({path: _File(b"", b"")})
            elif call.cuts:
                self.names[path].data = b""
        elif call.name == "write":
            file = self.names[path]
            padded = file.data.ljust(call.offset, b"\0")
            file.data = padded[: call.offset] + call.data + padded[call.offset + len(call.data) :]
        elif call.name == "truncate":
            file = self.names[path]
            file.data = file.data[: call.offset].ljust(call.offset, b"\0")
        elif call.name == "fsync" and path in self.names:
            self.names[path].flushed = self.names[path].data
        elif call.name == "fsync":
            self._flush_names(path)
        elif call.name == "rename" and path in self.names:
            self._change({call.target: self.names[path], path: None})
        elif call.name == "unlink" and path in self.names:
            self._change({path: None})

    def _change(self, change: dict[str, _File | None]) -> None:
        self.pending.append(change)
        _apply(self.names, change)

    def _flush_names(self, folder: str) -> None:
        waiting = []
        for change in self.pending:
            if any(os.path.dirname(path) == folder.strip(".") for path in change):
                _apply(self.safe_names, change)
            else:
                waiting.append(change)
        self.pending = waiting

    def after_power_cut(self, random_numbers: random.Random) -> Iterator[State]:
        """Yield what may be on the disk if the power goes now."""
        count = len(self.pending)
        subsets = (
            itertools.product((False, True), repeat=count)
            if count <= EXHAUSTIVE
            else ([random_numbers.random() < 0.5 for _ in range(count)] for _ in range(DRAWN))
        )
        for chosen in subsets:
            names = dict(self.safe_names)
            for change in itertools.compress(self.pending, chosen):
                _apply(names, change)
            dirty = [file for file in {id(file): file for file in names.values()}.values() if file.is_dirty]
            for contents in itertools.product(*(file.may_hold() for file in dirty)):
                held = {id(file): data for file, data in zip(dirty, contents)}
                yield {path: held.get(id(file), file.data) for path, file in names.items()}


def _apply(names: dict[str, _File], change: dict[str, _File | None]) -> None:
    for path, file in change.items():
        if file is None:
            names.pop(path, None)
        else:
            names[path] = file


def states_after_power_cuts(before: Path, calls: list[Call], ignored: tuple[str, ...] = ()) -> list[State]:
    """Return all that may be on the disk if the power goes at any moment while `calls` are made, each state once.

    Parameters
    ----------
    before : a folder as it was before the calls
    ignored : files whose calls are left out, such as a log
    """
    disk, random_numbers = Disk.of(before), random.Random(1)
    states = {tuple(sorted(state.items())): state for state in disk.after_power_cut(random_numbers)}
    for call in calls:
        if any(Path(call.path).match(pattern) for pattern in ignored):
            continue
        disk.apply(call)
        for state in disk.after_power_cut(random_numbers):
            states.setdefault(tuple(sorted(state.items())), state)
    return list(states.values())


def write_state(state: State, folder: Path) -> None:
    """Write a state's files into a folder."""
    for name, data in state.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
