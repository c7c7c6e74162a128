"""Errors that are addressed to users: one line saying what was expected, what came, where, and what to do.

::

    VqaError
    ├── InstallationError   MXNet or an optional package cannot be used here
    ├── ConfigError         a dataset card, a training configuration or an option is wrong
    ├── DataError           a file of questions, answers or results cannot be read as such
    │   └── ImageError      an image, video or feature file is missing or cannot be decoded
    ├── RunError            a run folder is missing, damaged, of another version or for another data set
    ├── TrainingError       training cannot continue: not finite, disk full
    └── OtherWorkerError    another of the processes that train together failed
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from vqa.display import visible


class VqaError(Exception):
    """An error whose message is one line for the user; the command prints it and exits with 1."""

    def __str__(self) -> str:
        # A name or an id that it quotes from a file may have line breaks.
        return visible(super().__str__())


class InstallationError(VqaError, ImportError):
    """MXNet or an optional package is missing or cannot be imported."""


class ConfigError(VqaError):
    """A dataset card, a training configuration or an option has an unknown key or a wrong value."""


class DataError(VqaError):
    """A file of questions, answers or results cannot be read as such."""


class ImageError(DataError):
    """An image, video or feature file is missing or cannot be decoded."""


class RunError(VqaError):
    """A run folder is missing, damaged, of another version or for another data set."""


class TrainingError(VqaError):
    """Training cannot continue."""


class OtherWorkerError(VqaError):
    """Another of the processes that train together failed, and reports its own error."""


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop (Ctrl-C, SIGTERM) and has saved what it had; the message says how to resume."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number


class OtherWorkerInterrupted(Interrupted):
    """The same in another of the processes that train together than the one that reports it."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word nearest to `word`, else the list of known words.

    >>> did_you_mean("epoch", ["epochs", "seed"])
    "; did you mean 'epochs'?"
    >>> did_you_mean("zzz", ["epochs", "seed"])
    '; known: epochs, seed'
    """
    known = sorted(known)
    nearest = difflib.get_close_matches(word, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else f"; known: {', '.join(known)}"
