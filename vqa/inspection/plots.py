"""Plots into the run folder, each as SVG and PNG: learning curves under their ceiling, and a reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from vqa.files import replacing
from vqa.inspection.events import can_write_events, write_events

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
    # Same numbers, same file: no random ids and (below) no date.
    "svg.hashsalt": "vqa",
}


def learning_curves(history: pd.DataFrame) -> Figure:
    """Return accuracy (per-split below its ceiling) and loss by epoch, side by side.

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
        loss.set(title="Loss in nats a question", xlabel="epoch", ylim=(0, None))
        for axes in (accuracy, loss):
            axes.legend(frameon=False)
            axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def _curve(axes: Axes, epochs: pd.Series, values: pd.Series, colour: str, label: str) -> None:
    axes.plot(epochs, values, color=colour, marker="o", markersize=4, linewidth=2, label=label)


def reliability_diagram(calibration: Mapping[str, Any]) -> Figure:
    """Return confidence against accuracy over a histogram of confidence.

    Parameters
    ----------
    calibration : of a report's JSON: ece, brier and the bins with n, confidence and accuracy
    """
    bins: Sequence[Mapping[str, Any]] = [group for group in calibration["bins"] if group["n"]]
    confidence = [group["confidence"] for group in bins]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(4.6, 5.2), layout="constrained")
        diagram, histogram = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
        diagram.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as sure as right")
        diagram.plot(confidence, [group["accuracy"] for group in bins], color=BLUE, marker="o", label="this run")
        ece = calibration["ece"]["value"]
        diagram.set(title=f"Reliability, calibration error {ece:.4f}", ylabel="accuracy", ylim=(0, 1.02), xlim=(0, 1))
        diagram.legend(frameon=False)
        edges = [group["low"] for group in bins]
        widths = [group["high"] - group["low"] for group in bins]
        histogram.bar(edges, [group["n"] for group in bins], widths, align="edge", color=BLUE, edgecolor="white")
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
    run_dir: str | Path, history: pd.DataFrame | None = None, report: Mapping[str, Any] | None = None
) -> list[Path]:
    """Write the plots of a run into its folder and return their paths.

    Where the extra "tensorboard" is installed, event files are written to the folder's ``tensorboard`` as well.

    Parameters
    ----------
    run_dir : the run folder
    history : one row an epoch; None reads the folder's history.csv
    report : JSON of a report; with it (and probabilities in it) ``reliability`` is drawn beside ``learning_curves``

    Raises
    ------
    OSError
        A file cannot be read or written.
    """
    folder = Path(run_dir)
    rows = pd.read_csv(folder / "history.csv") if history is None else history
    paths = save_figure(learning_curves(rows), folder, "learning_curves") if len(rows) else []
    if report and report.get("calibration"):
        paths += save_figure(reliability_diagram(report["calibration"]), folder, "reliability")
    if can_write_events():
        write_events(folder / "tensorboard", rows)
    return paths
