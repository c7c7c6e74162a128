"""The run folder: opened by one process, written all at once or not at all, versioned, checked by hash on the way back.

A save of several files is one transaction. Every file is written beside its name with the suffix ``.next`` and
flushed; then ``commit.json``, which lists them, appears by one rename: from that moment the save has happened. The
files are renamed to their names, files that the save removes go, and so does ``commit.json``. The folder is flushed
between these steps. Whoever opens the folder after a crash finishes what a ``commit.json`` announces, and ignores
``.next`` files without one.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import importlib.metadata
import json
import os
import re
import shlex
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Optional

import msgspec
from filelock import FileLock, Timeout

from vqa.errors import ConfigError, RunError, TrainingError
from vqa.files import make_folder, parse_json, replacing, sha256_of_file, sync_folder
from vqa.training.run_config import RunConfig, read_run_config

FORMAT_VERSION = 1
COMMIT = "commit.json"
LOCK = ".lock"
# How long another process may take to rename the files of a save.
RECOVERY_SECONDS = 10
FILES = (
    "config.json", "vocab.json", "run.json", "best.params", "last.params", "trainer.states", "loop.json",
    "history.csv", "train.log",
)  # fmt: skip

# Choices that the result does not depend on: a run may be resumed with others.
WITHOUT_INFLUENCE = ("save_every",)

Count = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]
Seed = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]


class RunRecord(msgspec.Struct):
    """The part of ``run.json`` that is read again, and its types."""

    best_epoch: Count
    card: str
    data_hash: dict[str, str]
    network: dict[str, Any]
    loss: str
    activation: str
    seed: Seed
    sha256: dict[str, str]
    metric: str = ""
    best: Optional[dict[str, Any]] = None  # noqa: UP045 (msgspec evaluates it, on Python 3.9 too)


class OptimizerRecord(msgspec.Struct):
    """How often the optimizer has changed each parameter."""

    num_update: Count
    index_update_count: dict[Annotated[str, msgspec.Meta(pattern="^[0-9]{1,9}$")], Count]


class LoopRecord(msgspec.Struct):
    """The part of ``loop.json`` that is read again, and its types."""

    epoch: Count
    step: Count
    loss_sum: float
    known_sum: Count
    seconds: float
    best_epoch: Count
    best: Optional[dict[str, Optional[float]]]  # noqa: UP045
    optimizer: OptimizerRecord
    sha256: dict[str, str]
    plan_version: Count = 1


RECORDS: dict[str, Any] = {"run.json": RunRecord, "loop.json": LoopRecord}

_NAME = re.compile(r"\w[\w.]*", re.ASCII)

Writer = Callable[[Path], None]


_version = functools.lru_cache(importlib.metadata.version)  # which reads a file each time


def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that its numbers depend on, as far as they are there."""
    found = {}
    for name in ("vqa", "mxnet", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = _version(name)
    return found


def to_json(value: Any) -> str:
    """Return `value` as indented JSON text that ends with a newline; NaN is refused."""
    return json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def record_json(record: Mapping[str, Any]) -> str:
    """Return the text of ``run.json`` or ``loop.json``: a JSON object that begins with the format version."""
    return to_json({"format_version": FORMAT_VERSION, **record})


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
            path = folder / f"{name}.next"
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
            os.replace(folder / f"{name}.next", folder / name)
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


def read_record(folder: Path, name: str) -> dict[str, Any]:
    """Read ``run.json`` or ``loop.json`` and check its version.

    Raises
    ------
    RunError
        The folder or file is missing or damaged, or was written in another format version.
    """
    if folder.is_file():
        advice = f"; `vqa train {shlex.quote(str(folder))}` trains one" if folder.suffix == ".toml" else ""
        raise RunError(f"expected a run, which is a folder that `vqa train` wrote, got the file {folder}{advice}")
    if not folder.is_dir():
        made_by = shlex.join(["--run", str(folder)])
        raise RunError(f"expected a run folder, but {folder} is not there; `vqa train CARD {made_by}` makes one")
    recover(folder)
    path = folder / name
    if not path.is_file():
        raise RunError(f"{folder} holds no {name}: not a run folder, or training has not finished an epoch in it")
    try:
        record = parse_json(path.read_text(encoding="utf-8"))
        version = record["format_version"]
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path} is damaged ({type(error).__name__}: {error}); train the run again") from error
    if version != FORMAT_VERSION:
        raise RunError(
            f"{path} has format version {version}, this program reads version {FORMAT_VERSION}; "
            "use the version of vqa that wrote it, or train the run again"
        )
    try:
        checked = msgspec.convert(record, RECORDS[name])
        if odd := sorted(set(checked.sha256) - set(FILES)):
            raise ValueError(f"hashes of {odd}, which are no files of a run")
    except (msgspec.ValidationError, ValueError) as error:
        raise RunError(f"{path} is damaged ({error}); train the run again") from error
    return dict(record)


def check_hash(path: Path, expected: str) -> None:
    """Check a file of the run against the hash that was recorded when it was saved.

    Raises
    ------
    RunError
        The file is missing or differs.
    """
    if not path.is_file():
        raise RunError(f"{path} is missing; restore it or train the run again")
    if sha256_of_file(path) != expected:
        raise RunError(f"{path} is damaged: its content differs from what was saved; restore it or train the run again")


def _lock(folder: Path) -> FileLock:
    path = folder / LOCK
    if path.is_symlink():  # opening the lock would empty the file that the link leads to
        raise RunError(f"{path} is a link, which no run folder holds; remove it")
    return FileLock(str(path))


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


def check_empty(folder: Path) -> None:
    """Check that a folder holds nothing yet.

    Raises
    ------
    RunError
        It holds something.
    """
    present = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if present:
        raise RunError(
            f"{folder} is not empty (it holds {', '.join(present[:3])}{', ...' if len(present) > 3 else ''}); resume "
            "the run (--resume, resume=True), replace it (--overwrite, overwrite=True) or choose another folder "
            "(--run, run_dir)"
        )


def start_folder(folder: Path, config: RunConfig, vocabulary: str, record: dict[str, Any], overwrite: bool) -> None:
    """Write what a run folder holds before the first step: config.json, vocab.json, run.json.

    Parameters
    ----------
    vocabulary : the vocabulary as JSON
    record : what run.json holds besides the best epoch
    overwrite : remove the files of an earlier run first

    Raises
    ------
    RunError
        The folder is not empty and `overwrite` is false.
    """
    if not overwrite:
        check_empty(folder)
    texts = {
        "config.json": config.to_json(),
        "vocab.json": vocabulary,
        "run.json": record_json({**record, "best_epoch": 0}),
    }
    commit(
        folder,
        {name: text_writer(text) for name, text in texts.items()},
        [name for name in FILES if name not in texts],
    )


def check_resumable(folder: Path, config: RunConfig, record: dict[str, Any]) -> None:
    """Check that a run folder was written with these choices, but for those WITHOUT_INFLUENCE, and this data.

    Raises
    ------
    RunError
        The folder holds no run, or one on other data.
    ConfigError
        A choice differs from the run's.
    """
    stored = read_record(folder, "run.json")
    before, now = read_run_config(folder).to_dict(), config.to_dict()
    different = [
        f"{name} was {before[name]!r}, is {now[name]!r}"
        for name in now
        if now[name] != before[name] and name not in WITHOUT_INFLUENCE
    ]
    if different:
        raise ConfigError(f"a run is resumed with the choices that it was started with, but {'; '.join(different)}")
    if stored["data_hash"]["train"] != record["data_hash"]["train"]:
        raise RunError(
            f"{folder} was trained on other data than {record['card']} holds now; restore the data, "
            "or train in another folder (--run, run_dir)"
        )
