"""The summary above the gallery's question list: the report's numbers between baseline and ceiling, and charts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from vqa.evaluation.predictions import prediction_rows
from vqa.inspection import charts
from vqa.inspection.charts import Series
from vqa.inspection.explorer import expected_answer
from vqa.scoring.comparison_schema import ComparisonReport
from vqa.scoring.formatting import format_count
from vqa.scoring.intervals import Rate
from vqa.scoring.report_schema import Report

# The most rows of a table and answers of the confusion table that remain readable.
MOST_TYPES = 12
MOST_ANSWERS = 8
OTHER = "others"


def summary(report: Report, frame: pd.DataFrame, history: pd.DataFrame | None) -> dict[str, Any]:
    """Return the values of the gallery's template.

    Parameters
    ----------
    report : of an Evaluation
    frame : predictions table
    history : one row per epoch, or None where there is none
    """
    return {
        "headline": report.any_of,
        "rungs": _rungs(report),
        "rules": _rules(report),
        "notes": _notes(report),
        "mistakes": _mistakes(report),
        "charts": [*_learning_charts(history), *_reliability(report)],
        "groups": type_groups(report),
        "confusion": confusion(frame),
    }


def facts(report: Report, provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names and values of the line below the page's title."""
    pairs: list[tuple[str, Any]] = [
        ("data", report.card or provenance.get("card")),
        ("split", report.split or provenance.get("split")),
        ("questions", f"{report.questions:,}"),
        ("images", f"{report.images:,}" if report.images else None),
        ("activation", provenance.get("activation")),
        ("seed", provenance.get("seed")),
        ("data hash", (report.data_hash or str(provenance.get("data_hash") or ""))[:12]),
        *report.versions.items(),
    ]
    return [(name, str(value)) for name, value in pairs if value not in (None, "")]


def _rungs(report: Report) -> list[dict[str, Any]]:
    """Return the any-of accuracy between its blind baselines and its ceilings, the simplest baseline first."""
    human = report.ceilings.human_leave_one_out
    rungs = [
        ("blind baseline: commonest answer", "baseline", report.baselines.prior),
        ("blind baseline: per question type", "baseline", report.baselines.prior_per_question_type),
        ("blind baseline: per exact question", "baseline", report.baselines.prior_per_question),
        ("this run", "own", report.any_of),
        ("human agreement", "ceiling", human.any_of if human else None),
        ("ceiling of the answer vocabulary", "ceiling", report.ceilings.vocabulary_any_of),
    ]
    return [
        {"name": _with_count(label, rate, report), "style": style, "rate": rate}
        for label, style, rate in rungs
        if rate is not None
    ]


def _with_count(name: str, rate: Rate, report: Report) -> str:
    """Return the name of a rate, with the number of its questions where those are not all."""
    return name if rate.n == report.questions else f"{name} ({format_count(rate.n)} questions)"


def _rules(report: Report) -> list[dict[str, Any]]:
    """Return the accuracies under the other rules, each with its ceiling."""
    official, lenient = report.vqa_official, report.vqa_lenient
    ceiling = report.ceilings.vocabulary_official
    rules: list[tuple[str, Rate | None, float | None]] = [
        ("per split", report.per_split, report.per_split.ceiling),
        ("VQA official", official.overall if official else None, ceiling.value if ceiling else None),
        ("VQA lenient", lenient.overall if lenient else None, None),
        ("human agreement, VQA official", report.ceilings.human_leave_one_out, None),
    ]
    for threshold, rate in (report.wups or {}).items():
        best = rate.vocabulary_ceiling
        rules.append((f"WUPS@{threshold}", rate, best.value if best else None))
    return [
        {"name": _with_count(name, rate, report), "rate": rate, "ceiling": ceiling}
        for name, rate, ceiling in rules
        if rate is not None
    ]


def _notes(report: Report) -> list[str]:
    return [f"{name.replace('_', ' ').replace('vqa', 'VQA')}: {note}" for name, note in report.notes.items()]


def _mistakes(report: Report) -> list[dict[str, Any]]:
    counts = {name: count for name, count in report.mistakes.items() if count}
    total = sum(counts.values())
    return [
        {"name": name.replace("_", " "), "count": count, "share": count / total}
        for name, count in sorted(counts.items(), key=lambda item: -item[1])
    ]


def _learning_charts(history: pd.DataFrame | None) -> list[dict[str, Any]]:
    """Return the charts of accuracy (with its ceiling) and loss by epoch."""
    if history is None or not len(history):
        return []
    accuracy = [
        Series("any-of", "a", _points(history, "any_of")),
        Series("per split", "b", _points(history, "per_split")),
        Series("per-split ceiling", "b", _points(history, "per_split_ceiling"), dashed=True),
    ]
    loss = [
        Series("training", "c", _points(history, "train_loss")),
        Series("validation", "a", _points(history, "loss")),
    ]
    return [
        {
            "title": "Learning curve",
            "note": "Accuracy on the validation questions after each epoch.",
            "legend": charts.legend(accuracy),
            "svg": charts.line_chart(accuracy, "epoch", 0.0, 1.0),
        },
        {
            "title": "Loss",
            "note": "Loss per question in nats, after each epoch.",
            "legend": charts.legend(loss),
            "svg": charts.line_chart(loss, "epoch", 0.0),
        },
    ]


def _points(history: pd.DataFrame, name: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in zip(history["epoch"], history[name])]


def _reliability(report: Report) -> list[dict[str, Any]]:
    calibration = report.calibration
    if calibration is None:
        return []
    return [
        {
            "title": "Reliability",
            "note": (
                f"How often the predicted event ({calibration.event}) occurs, by confidence; the area of a dot is its "
                "share of the questions. Expected "
                f"calibration error {calibration.ece.value:.4f}, Brier score {calibration.brier.value:.4f}."
            ),
            "legend": "",
            "svg": charts.reliability_chart(calibration.bins),
        }
    ]


def type_groups(report: Report | ComparisonReport) -> list[dict[str, Any]]:
    """Return the tables of accuracy per type, the most frequent type first."""
    return [
        {"title": title, "facet": name, "rows": list(types.items())[:MOST_TYPES], "rest": len(types) - MOST_TYPES}
        for title, name, types in (
            ("Accuracy per answer type", "answer_type", report.by_answer_type),
            ("Accuracy per question type", "question_type", report.by_question_type),
        )
        if len(types) > 1
    ]


def confusion(frame: pd.DataFrame) -> dict[str, Any] | None:
    """Return the table of expected answers by predictions, or None if there is only one answer.

    The expected answer of a hit is its prediction, so that everything off the diagonal is a mistake.
    """
    pairs = Counter((expected_answer(question), question.prediction) for question in prediction_rows(frame))
    occurrences: Counter[str] = Counter()
    for (expected, predicted), count in pairs.items():
        occurrences[expected] += count
        occurrences[predicted] += count
    names = [name for name, _ in occurrences.most_common(MOST_ANSWERS)]
    if len(names) < 2:
        return None
    others = len(occurrences) > len(names)
    columns = [*names, OTHER] if others else names
    rows = []
    for expected in names:
        counts = [pairs[expected, predicted] for predicted in names]
        if others:
            whole = sum(count for (first, _), count in pairs.items() if first == expected)
            counts.append(whole - sum(counts))
        largest = max(sum(counts), 1)
        cells = [
            {
                "count": count,
                "search": "" if predicted == OTHER else _search(expected, predicted),
                "style": "hit" if predicted == expected else "miss",
                "opacity": round(0.12 + 0.5 * math.sqrt(count / largest), 3),
            }
            for predicted, count in zip(columns, counts)
        ]
        rows.append({"name": expected, "cells": cells})
    return {"columns": columns, "rows": rows}


def _search(expected: str, predicted: str) -> str:
    """Return the query for the page's search field; empty for an answer with a quotation mark, which has no query."""
    return "" if '"' in expected + predicted else f'truth:"{expected}" prediction:"{predicted}"'
