"""A run's history as TensorBoard event files; needs the extra "tensorboard"."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pandas as pd

from vqa.errors import InstallationError

# Names that put the training and the validation loss into one chart, and the accuracies into another.
TAGS = {
    "train_loss": "loss/training",
    "loss": "loss/validation",
    "any_of": "accuracy/any_of",
    "per_split": "accuracy/per_split",
    "per_split_ceiling": "accuracy/per_split_ceiling",
    "vqa_official": "accuracy/vqa_official",
}


def can_write_events() -> bool:
    """Return whether the extra is installed."""
    return importlib.util.find_spec("tensorboardX") is not None


def write_events(folder: str | Path, history: pd.DataFrame) -> None:
    """Write the history of a run as one event file that replaces those in `folder`.

    Parameters
    ----------
    folder : for ``tensorboard --logdir``
    history : the run's history.csv; a value that is not there (NaN) is left out

    Raises
    ------
    InstallationError
        The extra is not installed.
    """
    if not can_write_events():
        raise InstallationError("event files need tensorboardX: pip install 'vqa[tensorboard]'")
    from tensorboardX import SummaryWriter

    folder = Path(folder)
    # TensorBoard would draw the curves of all the files it finds on top of one another.
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    with SummaryWriter(str(folder)) as writer:
        for name, tag in TAGS.items():
            for epoch, value in zip(history["epoch"], history[name]):
                if not pd.isna(value):
                    writer.add_scalar(tag, float(value), int(epoch))
