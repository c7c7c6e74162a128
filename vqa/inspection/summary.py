"""The summary above the gallery's question list: the report's numbers between baseline and ceiling, and charts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pandas as pd

from vqa.evaluation.predictions import prediction_rows
from vqa.inspection import charts
from vqa.inspection.charts import Bin, Series
from vqa.inspection.explorer import expected_answer

# The most rows of a table and answers of the confusion table that remain readable.
MOST_TYPES = 12
MOST_ANSWERS = 8
OTHER = "others"

_BASELINES = {
    "prior": "blind baseline: commonest answer",
    "prior_per_question_type": "blind baseline: per question type",
    "prior_per_question": "blind baseline: per exact question",
}


def summary(report: Mapping[str, Any], frame: pd.DataFrame, history: pd.DataFrame | None) -> dict[str, Any]:
    """Return the values of the gallery's template.

    Parameters
    ----------
    report : the JSON of an Evaluation
    frame : predictions table
    history : one row per epoch, or None where there is none
    """
    return {
        "headline": _value(report["any_of"]),
        "rungs": _rungs(report),
        "rules": _rules(report),
        "notes": _notes(report),
        "mistakes": _mistakes(report),
        "charts": [*_learning_charts(history), *_reliability(report)],
        "groups": _groups(report),
        "confusion": confusion(frame),
    }


def facts(report: Mapping[str, Any], provenance: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the names and values of the line below the page's title."""
    values = {**provenance, **{name: value for name, value in report.items() if value}}
    pairs: list[tuple[str, Any]] = [
        ("data", values.get("card")),
        ("split", values.get("split")),
        ("questions", f"{values['questions']:,}"),
        ("images", f"{values['images']:,}" if values.get("images") else None),
        ("activation", values.get("activation")),
        ("seed", values.get("seed")),
        ("data hash", str(values["data_hash"])[:12] if values.get("data_hash") else None),
        *((name, version) for name, version in (values.get("versions") or {}).items()),
    ]
    return [(name, str(value)) for name, value in pairs if value is not None]


def _value(rate: Mapping[str, Any] | float | None) -> dict[str, float | None]:
    """Return value, low and high of a rate, a number without an interval, or None."""
    if isinstance(rate, Mapping):
        return {name: rate[name] for name in ("value", "low", "high")}
    return {"value": rate, "low": None, "high": None}


def _rungs(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the any-of accuracy between its blind baselines and its ceilings, the simplest baseline first."""
    ceilings = report["ceilings"]
    human = ceilings["human_leave_one_out"]
    rungs = [
        *((label, "baseline", report["baselines"][name]) for name, label in _BASELINES.items()),
        ("this run", "own", report["any_of"]),
        ("human agreement", "ceiling", human and human["any_of"]),
        ("ceiling of the answer vocabulary", "ceiling", ceilings["vocabulary_any_of"]),
    ]
    return [{"name": label, "style": style, **_value(rate)} for label, style, rate in rungs if rate is not None]


def _rules(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the accuracies under the other rules, each with its ceiling."""
    ceilings = report["ceilings"]
    rules = [
        ("per split", report["per_split"], report["per_split"]["ceiling"]),
        ("VQA official", report["vqa_official"] and report["vqa_official"]["overall"], ceilings["vocabulary_official"]),
        ("VQA lenient", report["vqa_lenient"] and report["vqa_lenient"]["overall"], None),
        ("human agreement, VQA official", ceilings["human_leave_one_out"], None),
    ]
    return [
        {"name": name, **_value(rate), "ceiling": _value(ceiling)["value"]}
        for name, rate, ceiling in rules
        if rate is not None
    ]


def _notes(report: Mapping[str, Any]) -> list[str]:
    return [f"{name.replace('_', ' ').replace('vqa', 'VQA')}: {note}" for name, note in report["notes"].items()]


def _mistakes(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    counts = {name: count for name, count in report["mistakes"].items() if count}
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


def _reliability(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    calibration = report["calibration"]
    if not calibration:
        return []
    bins = [Bin(group["confidence"], group["accuracy"], group["n"]) for group in calibration["bins"] if group["n"]]
    return [
        {
            "title": "Reliability",
            "note": (
                "Accuracy by confidence; the area of a dot is its share of the questions. Expected "
                f"calibration error {calibration['ece']['value']:.4f}, Brier score {calibration['brier']['value']:.4f}."
            ),
            "legend": "",
            "svg": charts.reliability_chart(bins),
        }
    ]


def _groups(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tables of accuracy per type, the most frequent type first."""
    groups = []
    for key, title in (
        ("by_answer_type", "Accuracy per answer type"),
        ("by_question_type", "Accuracy per question type"),
    ):
        types = report[key]
        if len(types) < 2:
            continue
        rows = [
            {"name": name, "count": int(group["n"]), **_value(group)}
            for name, group in sorted(types.items(), key=lambda item: -item[1]["n"])
        ]
        groups.append(
            {
                "title": title,
                "note": "Any-of accuracy with its 95 % interval, and the number of questions.",
                "facet": key[3:],
                "rows": rows[:MOST_TYPES],
                "rest": max(0, len(rows) - MOST_TYPES),
            }
        )
    return groups


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
