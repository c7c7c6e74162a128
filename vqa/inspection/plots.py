"""The plots of a run folder as SVG and PNG (learning curves, reliability), and its TensorBoard event files."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from vqa.errors import InstallationError
from vqa.files import replacing
from vqa.scoring.calibration import Calibration
from vqa.scoring.report_schema import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes

log = logging.getLogger(__name__)

FORMATS = ("svg", "png")
# Colours that people with any colour vision tell apart (Okabe and Ito).
BLUE, GREEN, ORANGE, GREY = "#0072b2", "#009e73", "#d55e00", "#7f7f7f"
_STYLE: Any = {
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.axisbelow": True,
    "axes.edgecolor": "#8a95a3",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "font.size": 10,
    "svg.fonttype": "none",
    # The same numbers give the same file: no random ids and (below) no date.
    "svg.hashsalt": "vqa",
}

# TensorBoard draws tags with the same prefix in one group.
TAGS = {
    "train_loss": "loss/training",
    "loss": "loss/validation",
    "any_of": "accuracy/any_of",
    "per_split": "accuracy/per_split",
    "per_split_ceiling": "accuracy/per_split_ceiling",
    "vqa_official": "accuracy/vqa_official",
}


def learning_curves(history: pd.DataFrame) -> Figure:
    """Return the plots of accuracy (per-split with its ceiling) and loss by epoch, side by side.

    Parameters
    ----------
    history : the run's history.csv: epoch, train_loss and loss in nats, any_of, per_split, per_split_ceiling
    """
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(10, 3.8), layout="constrained")
        accuracy, loss = figure.subplots(1, 2)
        epochs = history["epoch"]
        _curve(accuracy, epochs, history["any_of"], BLUE, "any-of")
        _curve(accuracy, epochs, history["per_split"], GREEN, "per split")
        accuracy.plot(epochs, history["per_split_ceiling"], color=GREEN, linestyle="--", label="per-split ceiling")
        accuracy.axhline(1.0, color=GREY, linestyle=":", linewidth=1)
        accuracy.set(title="Accuracy on the validation questions", xlabel="epoch", ylim=(None, 1.02))
        _curve(loss, epochs, history["train_loss"], ORANGE, "training")
        _curve(loss, epochs, history["loss"], BLUE, "validation")
        loss.set(title="Loss per question in nats", xlabel="epoch", ylim=(0, None))
        for axes in (accuracy, loss):
            axes.legend(frameon=False)
            axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _curve(axes: Axes, epochs: pd.Series, values: pd.Series, colour: str, label: str) -> None:
    axes.plot(epochs, values, color=colour, marker="o", markersize=4, linewidth=2, label=label)


def reliability_diagram(calibration: Calibration) -> Figure:
    """Return the plot of accuracy by confidence above a histogram of confidence."""
    bins = [group for group in calibration.bins if group.n]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 5.2), layout="constrained")
        diagram, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        diagram.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="perfectly calibrated")
        confidence, accuracy = [group.confidence for group in bins], [group.accuracy for group in bins]
        diagram.plot(confidence, accuracy, color=BLUE, marker="o", label="this run")
        title = f"Reliability, calibration error {calibration.ece.value:.4f}"
        diagram.set(title=title, ylabel=f"frequency of: {calibration.event}", ylim=(0, 1.02), xlim=(0, 1))
        diagram.legend(frameon=False)
        edges, widths = [group.low for group in bins], [group.high - group.low for group in bins]
        histogram.bar(edges, [group.n for group in bins], widths, align="edge", color=BLUE, edgecolor="white")
        histogram.set(xlabel="confidence", ylabel="questions")
    return figure


def save_figure(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as ``name.svg`` and ``name.png`` into a folder and return the paths.

    Raises
    ------
    OSError
        A file cannot be written.
    """
    paths = []
    for suffix in FORMATS:
        path = folder / f"{name}.{suffix}"
        metadata = {"Date": None} if suffix == "svg" else {"Software": None}
        with mpl.rc_context(_STYLE), replacing(path, "wb") as file:
            figure.savefig(file, format=suffix, dpi=150, metadata=metadata)
        paths.append(path)
    return paths


def save_training_plots(
    run_dir: str | Path, history: pd.DataFrame | None = None, report: Report | None = None
) -> list[Path]:
    """Write the plots of a run into its folder and return their paths.

    If the extra "tensorboard" is installed, event files are written to the folder's ``tensorboard`` as well, unless
    that is a link, which leads out of the folder.

    Parameters
    ----------
    run_dir : the run folder
    history : one row per epoch; None reads the folder's history.csv
    report : of an Evaluation; if it has a calibration, ``reliability`` is drawn as well as ``learning_curves``

    Raises
    ------
    OSError
        A file cannot be read or written.
    """
    folder = Path(run_dir)
    rows = pd.read_csv(folder / "history.csv") if history is None else history
    paths = save_figure(learning_curves(rows), folder, "learning_curves") if len(rows) else []
    if report is not None and report.calibration is not None:
        paths += save_figure(reliability_diagram(report.calibration), folder, "reliability")
    events = folder / "tensorboard"
    if events.is_symlink():
        log.warning("no event files are written: %s is a link, which a run folder must not hold; remove it", events)
    elif can_write_events():
        write_events(events, rows)
    return paths


def can_write_events() -> bool:
    """Return whether the extra "tensorboard" is installed."""
    return importlib.util.find_spec("tensorboardX") is not None


def write_events(folder: str | Path, history: pd.DataFrame) -> None:
    """Write the history of a run as one event file that replaces those in `folder`.

    Parameters
    ----------
    folder : for ``tensorboard --logdir``
    history : the run's history.csv; a missing value (NaN) is left out

    Raises
    ------
    InstallationError
        The extra is not installed.
    """
    if not can_write_events():
        raise InstallationError("event files need tensorboardX: pip install 'vqa[tensorboard]'")
    folder = Path(folder)
    # TensorBoard draws the curves of all event files in a folder on top of one another.
    for old in folder.glob("events.out.tfevents.*"):
        old.unlink()
    with _tensorboard().SummaryWriter(str(folder)) as writer:
        for name, tag in TAGS.items():
            for epoch, value in zip(history["epoch"], history[name]):
                if not pd.isna(value):
                    writer.add_scalar(tag, float(value), int(epoch))


def _tensorboard() -> Any:
    """Return the module tensorboardX without PyTorch, which it imports where it can: 190 MB and two seconds."""
    hidden = {"torch": None} if "torch" not in sys.modules else {}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None makes an import fail, which tensorboardX expects
    try:
        return importlib.import_module("tensorboardX")
    finally:
        for name in hidden:
            del sys.modules[name]
