"""Plots show the numbers of the history; same numbers, same files."""

from __future__ import annotations

import dataclasses
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from vqa.data.table import QuestionTable
from vqa.errors import InstallationError
from vqa.inspection import plots
from vqa.inspection.plots import learning_curves, reliability_diagram, save_training_plots, write_events
from vqa.scoring.calibration import Calibration, ReliabilityBin
from vqa.scoring.intervals import Rate
from vqa.scoring.report import evaluate
from vqa.scoring.report_schema import Report

HISTORY = pd.DataFrame(
    {
        "epoch": [1, 2, 3],
        "train_loss": [2.0, 1.5, 1.25],
        "loss": [2.5, float("nan"), 1.75],
        "any_of": [0.25, 0.5, 0.75],
        "per_split": [0.125, 0.25, 0.5],
        "per_split_ceiling": [0.625, 0.625, 0.625],
        "vqa_official": [0.1, 0.2, 0.3],
        "seconds": [1.0, 1.0, 1.0],
    }
)
CALIBRATION = Calibration(
    event="in the answer set",
    ece=Rate(value=0.25, n=8, low=0.1, high=0.3),
    brier=Rate(value=0.125, n=8, low=0.1, high=0.2),
    bins=[
        ReliabilityBin(low=0.0, high=0.5, n=0, confidence=None, accuracy=None),
        ReliabilityBin(low=0.5, high=1.0, n=8, confidence=0.75, accuracy=0.5),
    ],
)


@pytest.fixture
def report() -> Report:
    """The report of two questions, with the calibration above."""
    questions = QuestionTable(["1", "2"], ["", ""], ["?", "?"], [("yes",), ("no",)])
    return dataclasses.replace(evaluate(questions, ["yes", "yes"]).report, calibration=CALIBRATION)


def lines(axes: object) -> dict[str, list[float]]:
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}  # type: ignore[attr-defined]


def test_learning_curves_draw_the_ceiling_beside_the_accuracy() -> None:
    accuracy, loss = learning_curves(HISTORY).axes
    drawn = lines(accuracy)
    assert drawn["any-of"] == [0.25, 0.5, 0.75]
    assert drawn["per split"] == [0.125, 0.25, 0.5]
    assert drawn["per-split ceiling"] == [0.625, 0.625, 0.625]
    assert lines(loss)["training"] == [2.0, 1.5, 1.25]
    np.testing.assert_array_equal(lines(loss)["validation"], [2.5, np.nan, 1.75])


def test_reliability_leaves_out_empty_bins() -> None:
    diagram, histogram = reliability_diagram(CALIBRATION).axes
    assert lines(diagram)["this run"] == [0.5]
    assert "0.2500" in diagram.get_title(loc="left")
    assert [bar.get_height() for bar in histogram.patches] == [8]


def test_files_are_written_whole_and_the_same_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, report: Report
) -> None:
    monkeypatch.setattr("vqa.inspection.plots.can_write_events", lambda: False)
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        HISTORY.to_csv(tmp_path / name / "history.csv", index=False)
        paths = save_training_plots(tmp_path / name, report=report)
        assert sorted(path.name for path in paths) == [
            "learning_curves.png", "learning_curves.svg", "reliability.png", "reliability.svg",
        ]  # fmt: skip
        assert sorted(path.name for path in (tmp_path / name).iterdir() if path.name != "history.csv") == sorted(
            path.name for path in paths
        )
        contents.append([path.read_bytes() for path in paths])
    assert contents[0] == contents[1]
    assert b"per-split ceiling" in b"".join(contents[0])


def test_a_run_without_epochs_has_no_curves(tmp_path: Path) -> None:
    assert save_training_plots(tmp_path, HISTORY.iloc[:0]) == []


def records(path: Path) -> list[bytes]:
    """Return the records of an event file: length, its checksum, content, its checksum."""
    data, start, found = path.read_bytes(), 0, []
    while start < len(data):
        (length,) = struct.unpack_from("<Q", data, start)
        found.append(data[start + 12 : start + 12 + length])
        start += length + 16
    return found


def test_event_files_hold_every_value_once(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="the extra tensorboard is not installed")
    for _ in range(2):
        write_events(tmp_path, HISTORY)
    (path,) = tmp_path.glob("events.out.tfevents.*")
    content = records(path)
    assert sum(b"accuracy/any_of" in record for record in content) == 3
    assert sum(b"loss/validation" in record for record in content) == 2
    last = [record for record in content if b"accuracy/any_of" in record][-1]
    assert struct.pack("<f", 0.75) in last


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plots, "can_write_events", lambda: False)
    with pytest.raises(InstallationError, match=r"pip install 'vqa\[tensorboard\]'"):
        write_events(tmp_path, HISTORY)


def test_event_files_are_written_without_pytorch(tmp_path: Path) -> None:
    """Where PyTorch is installed, tensorboardX imports it: 190 MB more for every training."""
    (tmp_path / "torch.py").write_text("raise AssertionError('torch was imported')\n")
    history = {"epoch": [1], **{key: [0.5] for key in plots.TAGS}}
    script = (
        "import sys, pandas; from vqa.inspection.plots import write_events\n"
        f"write_events({str(tmp_path / 'events')!r}, pandas.DataFrame({history!r}))\n"
        "assert 'torch' not in sys.modules\n"
        "try:\n    import torch\nexcept AssertionError:\n    print('torch can be imported afterwards')\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
    )
    assert ran.stdout == "torch can be imported afterwards\n", ran.stderr
    assert list((tmp_path / "events").glob("events.out.tfevents.*"))
