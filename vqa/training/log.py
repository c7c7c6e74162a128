"""What training shows while it runs: a progress bar and one line per epoch, on stderr and in the run's train.log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any, TypeVar

from tqdm import tqdm

from vqa.scoring.formatting import format_rate

Item = TypeVar("Item")

# The logger above those of all modules of this package.
PACKAGE = logging.getLogger("vqa")


def epoch_line(row: dict[str, Any], epochs: int, is_best: bool) -> str:
    """Return the line that training prints for one epoch: losses in nats, accuracies as fractions."""
    return (
        f"epoch {row['epoch']:>3}/{epochs}  train loss {row['train_loss']:.4f}  validation loss {row['loss']:.4f}  "
        f"any-of {format_rate(row['any_of'])}  per-split {format_rate(row['per_split'])} of at most "
        f"{format_rate(row['per_split_ceiling'])}  "
        f"{row['seconds']:.1f} s{'  best' if is_best else ''}"
    )


def progress_bar(
    batches: Iterable[Item], description: str, start: int, total: int, shown: bool = True
) -> Iterator[Item]:
    """Pass batches through with a progress bar on stderr if it is `shown` and stderr is a terminal or a notebook."""
    # None: only on a terminal. A notebook's stderr is none, and shows the bar all the same.
    disable = not shown or (False if "ipykernel" in sys.modules else None)
    return iter(tqdm(batches, description, total, initial=start, leave=False, disable=disable, unit="batch"))


@contextmanager
def shown_on_stderr(shown: bool = True) -> Iterator[None]:
    """Show what the package logs within the block on stderr, unless the program has set up logging itself.

    Where it is not to be `shown`, it goes nowhere.
    """
    if PACKAGE.hasHandlers():
        yield
        return
    with _handling(logging.StreamHandler() if shown else logging.NullHandler()):
        yield


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), 0o666)


class _LogFile(logging.FileHandler):
    """A log file that may fall silent: a full disk is reported where a checkpoint is saved, not here.

    It is never a link: in a folder from elsewhere, a link could lead to any file of the user's.
    """

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_no_link)

    def handleError(self, record: logging.LogRecord) -> None:
        """Do nothing; logging would print a traceback."""


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Append what the package logs within the block to a file."""
    handler = _LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    with closing(handler), _handling(handler):
        yield


@contextmanager
def _handling(handler: logging.Handler) -> Iterator[None]:
    """Give the handler all messages of the package within the block, from INFO on."""
    level = PACKAGE.level
    PACKAGE.addHandler(handler)
    PACKAGE.setLevel(min(logging.INFO, PACKAGE.getEffectiveLevel()))
    try:
        yield
    finally:
        PACKAGE.removeHandler(handler)
        PACKAGE.setLevel(level)
