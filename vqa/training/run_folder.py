"""The run folder as a transaction: opened by one process, written all at once or not at all.

A save of several files is one transaction. Every file is written beside its name with the suffix ``.next`` and
flushed; then ``commit.json``, which lists them, appears by one rename: from that moment the save has happened. The
files are renamed to their names, files that the save removes go, and so does ``commit.json``. The folder is flushed
between these steps. Whoever opens the folder after a crash finishes what a ``commit.json`` announces, and ignores
``.next`` files without one.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vqa.errors import RunError, TrainingError
from vqa.files import lock_file, make_folder, parse_json, replacing, sync_folder

COMMIT = "commit.json"
LOCK = ".lock"
# What is added to the name of a file until the save that it belongs to is committed.
UNSAVED = ".next"
# How long another process may take to rename the files of a save.
RECOVERY_SECONDS = 10
_NAME = re.compile(r"\w[\w.]*", re.ASCII)

Writer = Callable[[Path], None]


def to_json(value: Any) -> str:
    """Return `value` as indented JSON text that ends with a newline; NaN is refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def text_writer(text: str) -> Writer:
    """Return a writer that fills a file with `text` in UTF-8."""

    def write(path: Path) -> None:
        path.write_bytes(text.encode("utf-8"))

    return write


def commit(folder: Path, writers: Mapping[str, Writer], removed: Collection[str] = ()) -> None:
    """Write several files of a run folder, and remove others, as one transaction.

    Parameters
    ----------
    folder : the run folder, which this process holds
    writers : file name -> function that writes that file at the path it is given
    removed : names of files that go

    Raises
    ------
    TrainingError
        A file cannot be written, for example because the disk is full; all files are as they were before.
    """
    _finish(folder)
    written: list[Path] = []
    try:
        for name, write in writers.items():
            path = folder / f"{name}{UNSAVED}"
            written.append(path)
            path.unlink(missing_ok=True)  # it may be a link, through which the file would be written elsewhere
            write(path)
            with open(path, "rb+") as file:
                os.fsync(file.fileno())
        # Flushed before the marker, as the marker is before the renames: after a power cut the later is not there
        # without the earlier.
        sync_folder(folder)
        with replacing(folder / COMMIT) as file:
            file.write(to_json({"written": list(writers), "removed": list(removed)}))
    except OSError as error:
        if not (folder / COMMIT).exists():
            for path in written:
                with contextlib.suppress(OSError):
                    path.unlink()
        reason = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else error.strerror
        raise TrainingError(
            f"cannot save {written[-1].with_suffix('')}: {reason}; the checkpoint saved before is intact: "
            "make room and resume the run (--resume, resume=True)"
        ) from error
    _finish(folder)


def recover(folder: Path) -> None:
    """Finish a save that had been committed when its process died; do nothing where there is none.

    Raises
    ------
    RunError
        The process that saves is alive and does not finish.
    OSError
        The files cannot be renamed.
    """
    deadline = time.monotonic() + RECOVERY_SECONDS
    while (folder / COMMIT).exists():
        # A process that is alive and holds the folder finishes its save itself, in milliseconds.
        with contextlib.suppress(Timeout), _lock(folder).acquire(timeout=0):
            _finish(folder)
            return
        if time.monotonic() > deadline:
            raise RunError(f"another process has been saving {folder} for {RECOVERY_SECONDS} seconds; try again")
        time.sleep(0.05)


def _finish(folder: Path) -> None:
    """Do what the marker of a committed save says; only for the process that holds the folder."""
    marker = folder / COMMIT
    if not marker.exists():
        return
    for name in _committed(marker, "written"):
        # Already renamed before the crash.
        with contextlib.suppress(FileNotFoundError):
            os.replace(folder / f"{name}{UNSAVED}", folder / name)
    for name in _committed(marker, "removed"):
        (folder / name).unlink(missing_ok=True)
    sync_folder(folder)
    marker.unlink(missing_ok=True)
    # Before the next save: its half-written files must not meet this marker after a power cut.
    sync_folder(folder)


def _committed(marker: Path, what: str) -> list[str]:
    """Return the names of the files that a save writes or removes.

    Raises
    ------
    RunError
        They are not names of files of a run: the marker was not written by `commit`.
    """
    check_is_file(marker)
    try:
        names = parse_json(marker.read_text(encoding="utf-8"))
        if isinstance(names, dict):
            names = names[what]
        elif what == "removed":  # a list, as version 0.1 wrote it, is of files that are written
            names = []
        if not isinstance(names, list) or not all(isinstance(name, str) and _NAME.fullmatch(name) for name in names):
            raise ValueError("expected names of files")
    except (ValueError, KeyError) as error:
        raise RunError(f"{marker} is damaged ({type(error).__name__}: {error}); remove it") from error
    return names


def check_is_file(path: Path) -> None:
    """Check that what is at a path is a file or a link to one: a pipe would be waited for, a device has no end.

    Raises
    ------
    RunError
        It is something else.
    """
    if path.exists() and not path.is_file():
        raise RunError(f"{path} is not a regular file, as it must be in a run folder; remove it")


def _lock(folder: Path) -> FileLock:
    try:
        return lock_file(folder / LOCK)
    except OSError as error:
        raise RunError(f"{error.filename} {error.strerror}") from error


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the run folder and hold it against a second training process.

    Raises
    ------
    RunError
        Another process trains in this folder, or its lock is a link.
    """
    make_folder(folder)
    lock = _lock(folder)
    try:
        with lock.acquire(timeout=0):
            _finish(folder)
            for leftover in folder.glob(f".{COMMIT}.*.tmp"):
                leftover.unlink()  # of a process that died: this one holds the folder
            yield
    except Timeout as error:
        raise RunError(
            f"another process is training in {folder}; wait for it, or choose another folder (--run, run_dir)"
        ) from error
