"""What a run folder records of a run: versioned, typed, checked by hash on the way back."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Optional

import msgspec

from vqa.errors import ConfigError, RunError
from vqa.files import parse_json, sha256_of_file
from vqa.training.run_config import RunConfig, read_run_config
from vqa.training.run_folder import LOCK, UNSAVED, check_is_file, commit, recover, text_writer, to_json

FORMAT_VERSION = 1
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

_version = functools.lru_cache(importlib.metadata.version)  # which reads a file each time


def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that its numbers depend on, as far as they are there."""
    found = {}
    for name in ("vqa", "mxnet", "numpy"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = _version(name)
    return found


def record_json(record: Mapping[str, Any]) -> str:
    """Return the text of ``run.json`` or ``loop.json``: a JSON object that begins with the format version."""
    return to_json({"format_version": FORMAT_VERSION, **record})


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
    for file in FILES:
        check_is_file(folder / file)
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


def check_empty(folder: Path) -> None:
    """Check that a folder holds nothing yet, apart from what a process left that died before it had begun a run.

    Raises
    ------
    RunError
        It holds something.
    """
    ours = (LOCK, *(f"{name}{UNSAVED}" for name in FILES))
    present = sorted(path.name for path in folder.iterdir() if path.name not in ours)
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
        The folder holds no run, one on other data, or one without its last state.
    ConfigError
        A choice differs from the run's.
    """
    stored = read_record(folder, "run.json")
    if stored["best_epoch"]:
        read_record(folder, "loop.json")  # whose loss would begin the run anew
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
