"""What changed between two runs: one HTML file with the paired test and every question with both predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from vqa.evaluation.predictions import check_predictions, prediction_rows
from vqa.inspection.explorer import System, explorer_data, facet, order
from vqa.inspection.page import write_page
from vqa.inspection.prediction_rows import hardness, margins
from vqa.inspection.source import Source
from vqa.inspection.summary import type_groups
from vqa.scoring.compare_text import margin_remark
from vqa.scoring.comparison_schema import ComparisonReport, PairedRates
from vqa.scoring.questions import question_types

BOTH_RIGHT, FIRST_ONLY, SECOND_ONLY = "both right", "only A right", "only B right"
SAME_MISTAKE, OTHER_MISTAKE = "both wrong, same answer", "both wrong, other answers"


def write_comparison_html(path: str | Path, first: Source, second: Source, comparison: ComparisonReport) -> int:
    """Write one self-contained HTML file that shows two sets of predictions, A and B, side by side.

    Parameters
    ----------
    path : the file
    first, second : predictions on the same questions, in any order
    comparison : report of `vqa.scoring.compare.compare` on the two

    Returns
    -------
    the size of the file in bytes
    """
    left = check_predictions(first.frame, first.name)
    right = check_predictions(second.frame, second.name).set_index("question_id", drop=False)
    right = right.loc[left["question_id"]].reset_index(drop=True)
    changes = [
        _change(one.hit, other.hit, one.prediction == other.prediction)
        for one, other in zip(prediction_rows(left), prediction_rows(right))
    ]
    questions = explorer_data(
        [System("A", left), System("B", right)],
        [
            facet("change", "Change", changes),
            *question_facets(left),
        ],
        orders(left, right),
    )
    images = first.thumbnails(questions["images"]).page or second.thumbnails(questions["images"]).page
    return write_page(
        Path(path),
        "comparison.html",
        title=f"{first.name} and {second.name}",
        page_class=" ".join(["two-systems", *([] if images else ["no-images"])]),
        facts=facts(comparison.questions, comparison.images, {**comparison.second, **comparison.first}),
        names={"A": first.name, "B": second.name},
        accuracies=_accuracies(comparison),
        p_value=_p_text(comparison.permutation.p_value),
        table=_table(changes, comparison),
        groups=type_groups(comparison),
        notes=[*margin_remark(comparison), *comparison.notes],
        left_out=left_out(first, second),
        questions=questions,
        images=images,
    )


def left_out(*sources: Source) -> list[str]:
    """Return why images are left out; nothing else of the page needs the data set."""
    reasons = dict.fromkeys(reason for source in sources for reason in source.missing.values())
    return [f"left out: images ({reason})" for reason in reasons]


def _change(first_hit: int, second_hit: int, same_prediction: bool) -> str:
    if first_hit and second_hit:
        return BOTH_RIGHT
    if first_hit or second_hit:
        return FIRST_ONLY if first_hit else SECOND_ONLY
    return SAME_MISTAKE if same_prediction else OTHER_MISTAKE


def question_facets(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the filters by type of a predictions table's questions."""
    return [
        facet("answer_type", "Answer type", frame["answer_type"].tolist()),
        facet("question_type", "Question type", question_types(frame["question"], frame["question_type"])),
    ]


def orders(left: pd.DataFrame, right: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the sort orders of two predictions tables, A and B, of the same questions."""
    margin = margins(right)[0] - margins(left)[0]
    with np.errstate(invalid="ignore"):  # a loss that is infinite on both sides neither rose nor fell
        harder = hardness(right) - hardness(left)
    return [
        order("as in the file"),
        order("B gained most margin", margin, descending=True),
        order("B lost most margin", margin),
        order("loss rose most", harder, descending=True),
        order("loss fell most", harder),
        order("highest loss of A", hardness(left), descending=True),
        order("highest loss of B", hardness(right), descending=True),
    ]


def facts(questions: int, images: int, known: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the head of a page says: numbers of questions and images, and what is known of the data."""
    pairs = [
        ("questions", f"{questions:,}"),
        ("images", f"{images:,}" if images else ""),
        ("data", known.get("card")),
        ("split", known.get("split")),
        ("data hash", str(known.get("data_hash", ""))[:12]),
    ]
    return [(name, str(value)) for name, value in pairs if value]


def _accuracies(comparison: ComparisonReport) -> list[tuple[str, PairedRates]]:
    """Return any-of and, where defined, official accuracy of A and B with their difference."""
    rules = (("any-of", comparison.any_of), ("VQA official", comparison.vqa_official))
    return [(name, rates) for name, rates in rules if rates is not None]


def _p_text(value: float) -> str:
    return f"{value:.4f}" if value >= 0.0001 else f"{value:.1e}"


def _table(changes: list[str], comparison: ComparisonReport) -> list[dict[str, Any]]:
    """Return the number of questions in each class of change, with its share of all questions."""
    styles = {
        BOTH_RIGHT: "hit",
        FIRST_ONLY: "miss",
        SECOND_ONLY: "own",
        SAME_MISTAKE: "baseline",
        OTHER_MISTAKE: "baseline",
    }
    counts = {name: changes.count(name) for name in styles}
    return [
        {"name": name, "style": styles[name], "count": count, "share": count / comparison.questions}
        for name, count in counts.items()
        if count
    ]
