"""Calls that fail and deaths, at sampled places in every command; scripts/failures.py tries all of them."""

from __future__ import annotations

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from supervised import Call, Kill, Outcome, is_supported, run_supervised

from vqa.data.image_sources import find_sources
from vqa.scoring.parquet_parts import Source, parquet_files
from vqa.scoring.parts_job import Job
from vqa.training import run_folder

pytestmark = pytest.mark.skipif(not is_supported(), reason="watching calls needs Linux 5.9 or newer on x86-64")


NOTHING = Source((), "", "", "")


def test_every_call_of_a_save_failing_or_killed_leaves_the_old_or_the_new(tmp_path: Path) -> None:
    scratch, outcomes = tmp_path / "scratch", set()
    scratch.mkdir()

    def save(folder: Path, value: str) -> None:
        run_folder.commit(folder, {name: run_folder.text_writer(value) for name in "ab"}, ["c"])

    def attempt(place: int, fault: int | Kill) -> Outcome:
        here = tmp_path / f"{place} {fault}"
        here.mkdir()
        for name in "abc":
            (here / name).write_text("1")
        outcome = run_supervised(lambda: save(here, "2"), here, lambda n, _: fault if n == place else None, scratch)
        run_folder.recover(here)
        found = {path.name: path.read_text() for path in here.glob("[abc]")}
        assert found in ({"a": "1", "b": "1", "c": "1"}, {"a": "2", "b": "2"}), (place, fault, outcome)
        if not isinstance(fault, Kill):
            assert not list(here.glob(".*.tmp")), (place, fault, outcome)
        outcomes.add((outcome.code, len(found)))
        return outcome

    calls = attempt(-1, 0).calls
    names = {call.name for call in calls}
    assert names == {"open", "write", "fsync", "close", "rename", "unlink"}
    for place in range(len(calls)):
        for fault in (errno.ENOSPC, errno.EIO, Kill(), Kill(torn=True)):
            attempt(place, fault)
    # Each way was seen: saved; failed or killed before the save, and after it.
    assert outcomes >= {(0, 2), (1, 3), (1, 2), (-9, 3), (-9, 2)}


def test_a_call_of_c_code_fails_as_well(tmp_path: Path) -> None:
    here, scratch = tmp_path / "here", tmp_path / "scratch"
    here.mkdir()
    scratch.mkdir()

    def write() -> None:
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        libc.fopen.restype = ctypes.c_void_p
        if not libc.fopen(str(here / "x").encode(), b"w"):
            raise OSError(ctypes.get_errno(), "fopen")

    def fail(number: int, call: Call) -> int | None:
        return errno.EROFS if call.name == "open" else None

    assert run_supervised(write, here, fail, scratch).code == 1
    assert run_supervised(write, here, lambda number, call: None, scratch).code == 0


@pytest.mark.parametrize(
    "listed",
    [
        lambda here: parquet_files([here]),
        lambda here: find_sources(here),
        lambda here: Job(NOTHING, NOTHING, (), False, str(here), 1, None).add(0),
    ],
)
def test_a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(
    tmp_path: Path, listed: Callable[[Path], object]
) -> None:
    """Path.rglob leaves such a folder out: rows and images would be missing without a word."""
    here, scratch = tmp_path / "here", tmp_path / "scratch"
    share = here / "sums" / "share=0"
    share.mkdir(parents=True)
    scratch.mkdir()
    for name in ("x.parquet", "x.png"):
        (here / name).touch()

    def fail(number: int, call: Call) -> int | None:
        return errno.EACCES if call.name == "open" and call.path == "sums/share=0" else None

    def names_the_folder() -> None:
        with pytest.raises(PermissionError, match="share=0"):
            listed(here)

    assert run_supervised(names_the_folder, here, fail, scratch).code == 0


@pytest.mark.slow
def test_sampled_failures_of_every_command(project: Path) -> None:
    command = [sys.executable, str(project / "scripts" / "failures.py"), "--every", "199"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
