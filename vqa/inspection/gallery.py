"""The gallery: one HTML file with the report and every question with its image, answers and prediction."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqa.errors import ConfigError
from vqa.evaluation.predictions import check_predictions
from vqa.inspection.explorer import System, attention_data, explorer_data, facet, order
from vqa.inspection.page import write_page
from vqa.inspection.prediction_rows import hardness, margins
from vqa.inspection.source import Source
from vqa.inspection.summary import facts, summary
from vqa.scoring.mistakes import RIGHT
from vqa.scoring.questions import question_types

# Browsers lose precision, then rows, in pages of some ten million pixels.
MOST_QUESTIONS = 50_000


_PARTS = {
    "run": "learning curves, ceiling of the answer vocabulary, out-of-vocabulary mistakes",
    "data": "images, blind baselines, classes of mistakes that need the training answers",
    "images": "images",
}


def left_out(source: Source) -> list[str]:
    """Return what a page of the source has to leave out, each with the reason."""
    return [f"left out: {_PARTS[name]} ({reason})" for name, reason in source.missing.items()]


def write_gallery(path: str | Path, source: Source, rows: npt.NDArray[np.int64] | None = None) -> int:
    """Write one self-contained HTML file that makes no request and works on a phone, by keyboard and in dark mode.

    Parameters
    ----------
    path : the file
    source : predictions and what is known about their origin
    rows : the questions to list, int64 (M,), in this order; None lists all. The report always covers every question.

    Returns
    -------
    the size of the file in bytes

    Raises
    ------
    ConfigError
        There are more questions to list than a browser can scroll through.
    """
    frame = check_predictions(source.frame, source.name)
    report = source.evaluation.report
    chosen = np.arange(len(frame)) if rows is None else rows
    if len(chosen) > MOST_QUESTIONS:
        raise ConfigError(
            f"a page holds at most {MOST_QUESTIONS:,} questions, got {len(chosen):,}; choose some with --wrong, "
            "--top-losses N, --type or --limit N"
        )
    listed = frame.iloc[chosen].reset_index(drop=True)
    mistakes = ["" if name == RIGHT else name.replace("_", " ") for name in source.evaluation.mistakes[chosen]]
    margin = margins(listed)[0]
    questions = explorer_data(
        [System(source.name, listed, mistakes)],
        [
            facet("result", "Result", ["hit" if hit else "miss" for hit in listed["hit"]]),
            facet("mistake", "Mistake", mistakes),
            facet("answer_type", "Answer type", listed["answer_type"].tolist()),
            facet("question_type", "Question type", question_types(listed["question"], listed["question_type"])),
        ],
        [
            order("as in the file"),
            order("highest loss", hardness(listed), descending=True),
            order("lowest margin", margin),
            order("narrowest margin", np.abs(margin)),
            order("most confident", listed["probability"], descending=True),
            order("least confident", listed["probability"]),
        ],
    )
    images = source.thumbnails(questions["images"]).page
    weights = source.attention(chosen) if images else None
    if weights is not None:
        questions["attention"] = attention_data(weights)
    shown = summary(report, frame, source.history())
    return write_page(
        Path(path),
        "gallery.html",
        title=source.name,
        page_class="" if images else "no-images",
        facts=facts(report, source.provenance),
        questions=questions,
        images=images,
        left_out=left_out(source),
        **shown,
    )
