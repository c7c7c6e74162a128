"""The loop finds what it is made to find: a reader that fails in each way is found, a good one is not."""

from __future__ import annotations

import os
import signal
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import running
from readers import READERS, Reader

from vqa.errors import VqaError

MANY_BYTES = 10**9


def one_line(path: Path) -> None:
    raise VqaError(f"{path}: not a number")


def two_lines(path: Path) -> None:
    raise OSError("not a number\nnor a letter")


def another_error(path: Path) -> None:
    int("x")


def much_memory(path: Path) -> None:
    bytearray(MANY_BYTES)


def hidden_memory(path: Path) -> None:
    try:
        bytearray(MANY_BYTES)
    except MemoryError as error:
        raise VqaError("a file that cannot be read") from error


def warning(path: Path) -> None:
    warnings.warn("this is odd", UserWarning, stacklevel=1)


def hang(path: Path) -> None:
    time.sleep(60)


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, read: Callable[[Path], object]) -> running.Result:
    """Give a reader three damaged files; the valid one, which is read first, it takes."""
    seed = b"1, 2, 3"
    monkeypatch.setitem(
        READERS, "x", Reader("x.txt", lambda path: None if path.read_bytes() == seed else read(path), seed)
    )
    monkeypatch.setattr(running, "SECONDS", 1)
    return running.run("x", 60, 3, 1, folder, running.at_random)


def test_a_good_reader_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert run(monkeypatch, tmp_path, one_line)[:2] == (3, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (two_lines, "more than one line: not a number"),
        (another_error, "ValueError at"),
        (much_memory, "MemoryError at"),
        (hidden_memory, "MemoryError, hidden"),
        (warning, "warned: this is odd"),
        (hang, "took more than 1 s"),
        (crash, "the process ended with signal 9"),
    ],
)
def test_each_way_to_fail_is_found(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    read: Callable[[Path], object],
    said: str,
) -> None:
    found = run(monkeypatch, tmp_path, read)
    printed = capfd.readouterr().out
    assert found.finds >= 1
    assert said in printed
    assert len(list(tmp_path.iterdir())) >= 1
