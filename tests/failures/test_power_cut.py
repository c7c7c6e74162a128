"""After a power cut at any moment, with everything that was not flushed lost or reordered, the last state is there."""

from __future__ import annotations

import errno
import random
import shutil
from pathlib import Path

import pytest
from power_cut import Disk, states_after_power_cuts, write_state
from supervised import Call, is_supported, run_supervised

from vqa.files import replacing
from vqa.training import run_folder

pytestmark = pytest.mark.skipif(not is_supported(), reason="watching calls needs Linux 5.9 or newer on x86-64")


def save(folder: Path, value: str) -> None:
    run_folder.commit(folder, {name: run_folder.text_writer(value) for name in "abc"})


def test_the_model_of_a_disk(tmp_path: Path) -> None:
    """By hand: unflushed data may be missing or zeros, an unflushed name missing; a flush makes both safe."""
    (tmp_path / "x").write_bytes(b"old")
    calls = [
        Call("open", "y", cuts=True), Call("write", "y", data=b"new"), Call("rename", "y", "x"), Call("fsync", "x"),
        Call("fsync", "."),
    ]  # fmt: skip

    def states(count: int) -> set[tuple[tuple[str, bytes], ...]]:
        return {tuple(sorted(state.items())) for state in states_after_power_cuts(tmp_path, calls[:count])}

    old = ("x", b"old")
    written = {(old,), (old, ("y", b"")), (old, ("y", b"new")), (old, ("y", b"\0\0\0"))}
    assert states(2) == written
    renamed = {(("x", b""),), (("x", b"new"),), (("x", b"\0\0\0"),)}  # a name may arrive before the data
    assert states(3) == written | renamed
    disk = Disk.of(tmp_path)
    for call in calls:
        disk.apply(call)
    assert list(disk.after_power_cut(random.Random(1))) == [{"x": b"new"}]


def test_a_file_that_is_replaced_is_old_or_new(tmp_path: Path) -> None:
    here, scratch = tmp_path / "here", tmp_path / "scratch"
    here.mkdir()
    scratch.mkdir()
    (here / "report").write_text("old")

    def write() -> None:
        with replacing(here / "report") as file:
            file.write("new")

    before = tmp_path / "before"
    shutil.copytree(here, before)
    calls = run_supervised(write, here, lambda number, call: None, scratch).calls
    states = states_after_power_cuts(before, calls)
    assert {state["report"] for state in states} == {b"old", b"new"}
    disk = Disk.of(before)
    for call in calls:
        disk.apply(call)
    assert [state["report"] for state in disk.after_power_cut(random.Random(1))] == [b"new"]


def test_two_saves_of_a_run_each_whole_or_not_at_all(tmp_path: Path) -> None:
    here, scratch, before = (tmp_path / name for name in ("here", "scratch", "before"))
    here.mkdir()
    scratch.mkdir()
    save(here, "1")
    shutil.copytree(here, before)

    def save_twice() -> None:
        save(here, "22")
        save(here, "333")

    calls = run_supervised(save_twice, here, lambda number, call: None, scratch).calls
    seen = set()
    states = states_after_power_cuts(before, calls)
    for number, state in enumerate(states):
        folder = tmp_path / str(number)
        write_state(state, folder)
        run_folder.recover(folder)
        found = {(folder / name).read_bytes() for name in "abc"}
        assert len(found) == 1, f"mixed: {state}"
        seen |= found
    print(f"{len(states)} states after a power cut")
    assert seen == {b"1", b"22", b"333"}


def test_an_error_when_the_folder_is_flushed_is_no_silence(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    here = tmp_path / "here"
    here.mkdir()

    def write() -> None:
        with replacing(here / "report") as file:
            file.write("new")

    def fail(number: int, call: Call) -> int | None:
        return errno.EIO if call.name == "fsync" and call.path == "." else None

    assert run_supervised(write, here, fail, scratch).code == 1
