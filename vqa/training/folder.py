"""Opening a run folder to train in: new, resumed or overwritten, by one process at a time."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from vqa.atomic import replacing
from vqa.errors import ConfigError, RunError
from vqa.training import checkpoint
from vqa.training.config import TrainConfig, read_config

LOCK = ".lock"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the run folder and hold it against a second training process.

    Raises
    ------
    RunError
        Another process trains in this folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(str(folder / LOCK))
    try:
        with lock.acquire(timeout=0):
            yield
    except Timeout as error:
        raise RunError(f"another process is training in {folder}; wait for it, or give another --run") from error


class _LogFile(logging.FileHandler):
    """A log file that may fall silent: a full disk is reported where a checkpoint is saved, not here."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing; logging would print a traceback."""


@contextmanager
def log_file(folder: Path) -> Iterator[None]:
    """Append what the package logs within the block to ``train.log``."""
    handler = _LogFile(folder / "train.log", encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("vqa")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        handler.close()


def start_folder(folder: Path, config: TrainConfig, vocabulary: str, record: dict[str, Any], overwrite: bool) -> None:
    """Write what a run folder holds before the first step: config.json, vocab.json, run.json.

    Parameters
    ----------
    vocabulary : the vocabulary as JSON
    record : what run.json holds beside the best epoch
    overwrite : remove the files of an earlier run first

    Raises
    ------
    RunError
        The folder is not empty and `overwrite` is false.
    """
    present = sorted(path.name for path in folder.iterdir() if path.name != LOCK)
    if present and not overwrite:
        raise RunError(
            f"{folder} is not empty (it holds {', '.join(present[:3])}{', ...' if len(present) > 3 else ''}); "
            "go on with --resume, replace it with --overwrite, or give another --run"
        )
    for name in checkpoint.FILES:
        for suffix in ("", ".next"):
            (folder / f"{name}{suffix}").unlink(missing_ok=True)
    (folder / checkpoint.COMMIT).unlink(missing_ok=True)
    with replacing(folder / "config.json") as file:
        file.write(config.to_json())
    with replacing(folder / "vocab.json") as file:
        file.write(vocabulary)
    with replacing(folder / "run.json") as file:
        file.write(checkpoint.record_json({**record, "best_epoch": 0}))


def check_resumable(folder: Path, config: TrainConfig, record: dict[str, Any]) -> None:
    """Check that a run folder was written with these choices and this data.

    Raises
    ------
    RunError
        The folder holds no run, or one on other data.
    ConfigError
        An option differs from the run's.
    """
    stored = checkpoint.read_record(folder, "run.json")
    before, now = dataclasses.asdict(read_config(folder / "config.json")), dataclasses.asdict(config)
    different = [f"{name} was {before[name]!r}, is {now[name]!r}" for name in now if now[name] != before[name]]
    if different:
        raise ConfigError(
            f"--resume goes on with the options that {folder} was started with, but {'; '.join(different)}"
        )
    if stored["data_hash"]["train"] != record["data_hash"]["train"]:
        raise RunError(f"{folder} was trained on other data than {record['card']} holds now; start a new --run")
