"""The rates of predictions in Parquet parts, with the intervals that a table in memory gives."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.intervals import Rate, rates_from_sums
from vqa.scoring.parquet_parts import Source
from vqa.scoring.parts import UNIT, Kinds, check_ids
from vqa.scoring.parts_job import run_job
from vqa.scoring.protocols import PROTOCOLS

DEFAULT_PROTOCOLS = ("any-of", "per-split", "vqa-official", "vqa-lenient")


@dataclass(frozen=True)
class ProtocolRates:
    """The mean score under one protocol, over all questions where it is defined and by the type of the answer."""

    protocol: str
    overall: Rate | None
    by_answer_type: dict[str, Rate]


@dataclass(frozen=True)
class PartsReport:
    """The scores of predictions in Parquet parts.

    Attributes
    ----------
    predictions, questions : number of files
    scored : questions with a prediction
    clusters : images that these are about, questions without an image among them
    questions_without_answer : questions without a prediction; 0 unless that was allowed
    protocols : the rates
    """

    predictions: int
    questions: int
    scored: int
    clusters: int
    questions_without_answer: int
    protocols: list[ProtocolRates]
    notes: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the report, fit for `json.dump`."""
        return asdict(self)

    def to_text(self) -> str:
        """Return one line per protocol, and one per answer type."""
        lines = [
            f"{format_count(self.scored)} questions about {format_count(self.clusters)} images, from "
            f"{format_count(self.predictions)} files of predictions and {format_count(self.questions)} of questions"
        ]
        if self.questions_without_answer:
            lines.append(f"--partial: {format_count(self.questions_without_answer)} questions without an answer")
        lines += ["", f"{'':<24}{'score':>7}  {'95 % interval':<17}{'questions':>13}"]
        for each in self.protocols:
            lines.append(_line(each.protocol, each.overall, PROTOCOLS[each.protocol].undefined))
            lines += [_line(f"  {name}", rate, "") for name, rate in each.by_answer_type.items()]
        return "\n".join(lines)


def _line(name: str, rate: Rate | None, reason: str) -> str:
    if rate is None:
        return f"{name[:24]:<24}{'n/a':>7}  not defined: {reason}"
    interval = format_interval(rate.low, rate.high)
    return f"{name[:24]:<24}{format_rate(rate.value):>7}  {interval:<17}{format_count(rate.n):>13}"


def score_parts(
    predictions: Source,
    questions: Source,
    protocols: Sequence[str] = DEFAULT_PROTOCOLS,
    *,
    normalized: bool = False,
    partial: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
    scratch: str | Path | None = None,
) -> PartsReport:
    """Score predictions in Parquet files against questions in Parquet files, in bounded memory.

    Parameters
    ----------
    predictions, questions : of `vqa.scoring.parquet_parts`
    protocols : names, those of options and of WordNet apart
    normalized : human answers and predictions are compared in their lenient form
    partial : questions may be without a prediction
    workers, scheduler : processes to start, or the address of a Dask cluster to use, instead of this process alone
    scratch : folder for files of a while, which all workers must see; the system's own by default

    Raises
    ------
    DataError
        Ids are unknown, missing or repeated, or a question has no answer.
    InstallationError
        DuckDB, or with workers Dask, is not installed.
    """
    with tempfile.TemporaryDirectory(prefix="vqa-parts-", dir=scratch) as folder:
        counts, squares, kinds = run_job(
            predictions, questions, protocols, folder, normalized=normalized, workers=workers, scheduler=scheduler
        )
    check_ids(counts, predictions, questions, partial=partial)
    rates = []
    for name in protocols:
        overall = rates_of_kinds(kinds[name][0], {"": sum(squares[name].values())}).get("")
        by_type = rates_of_kinds(kinds[name][1], squares[name])
        by_type.pop("", None)
        ordered = sorted(by_type.items(), key=lambda item: (-item[1].n, item[0]))
        rates.append(ProtocolRates(name, overall, dict(ordered)))
    clusters = max(sum(kinds[name][0].clusters) for name in protocols)
    return PartsReport(len(predictions.files), len(questions.files), counts.matched, clusters, counts.missing, rates)


def rates_of_kinds(kinds: Kinds, squares: dict[str, int]) -> dict[str, Rate]:
    """Return the rate of each answer type among the kinds of clusters, with its interval.

    Parameters
    ----------
    squares : by answer type the sum of the squared scores, in 1 / `UNIT`
    """
    places: dict[str, list[int]] = {}
    for place, name in enumerate(kinds.answer_type):
        places.setdefault(name, []).append(place)
    return rates_from_sums({name: _sums(kinds, chosen, squares[name]) for name, chosen in places.items()})


def _sums(kinds: Kinds, places: Sequence[int], squares: int) -> list[float]:
    """Return the numbers of `ClusterSums` for the kinds at some places."""
    questions = sum(kinds.questions[place] * kinds.clusters[place] for place in places)
    total = sum(kinds.total[place] * kinds.clusters[place] for place in places)
    rate = total / (questions * UNIT)
    clusters = np.array([kinds.clusters[place] for place in places], dtype=np.float64)
    sizes = np.array([kinds.questions[place] for place in places], dtype=np.float64)
    gaps = np.array([kinds.total[place] for place in places], dtype=np.float64) / UNIT - rate * sizes
    spread = max(0.0, squares / UNIT - total / UNIT * rate)
    return [
        questions, clusters.sum(), rate, spread, clusters @ gaps**2, clusters @ gaps**4, clusters @ sizes**2,
    ]  # fmt: skip
