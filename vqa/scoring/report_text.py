"""The evaluation report as plain text of one screen, and as tables for notebooks."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from vqa.display import html_table, html_text
from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.intervals import Rate
from vqa.scoring.report_schema import Report

TYPES_SHOWN = 8
_LABEL = 39


class Line(NamedTuple):
    """One number of the report: its label, its rate (None where there is none) and a remark."""

    label: str
    rate: Rate | None
    remark: str = ""

    def cells(self) -> tuple[str, str, str, str, str]:
        """Return label, value, interval, number of questions and remark as text."""
        if self.rate is None:
            return self.label, "n/a", "", "", self.remark
        rate = self.rate
        interval = format_interval(rate.low, rate.high)
        return self.label, format_rate(rate.value), interval, format_count(rate.n), self.remark

    def to_text(self) -> str:
        """Return the cells in columns."""
        label, value, interval, n, remark = self.cells()
        return f"{label:<{_LABEL}}{value:>7}  {interval:<17} {n:>9}  {remark}".rstrip()


def render(report: Report, width: int = 100) -> str:
    """Return the report as text of at most `width` characters per line."""
    lines = [*_heading(report), "", f"{'':<{_LABEL}}{'value':>7}  {'95 % interval':<17} {'questions':>9}"]
    lines += [line.to_text() for line in _numbers(report)]
    for title, rows, left in _tables_by_type(report):
        official = f"{'':>36}  VQA official" if report.vqa_official else ""
        lines += ["", f"{title:<{_LABEL}}{official}".rstrip()]
        lines += [row._replace(label=_shortened(row.label)).to_text() for row in rows]
        if left:
            lines.append(f"  and {left} rarer ones in the JSON report")
    lines.append("")
    for remark in _remarks(report):
        lines += textwrap.wrap(remark, width, subsequent_indent="  ")
    return "\n".join(line[:width].rstrip() for line in lines)


def render_html(report: Report) -> str:
    """Return the report as HTML tables for a notebook."""
    header = ("", "value", "95 % interval", "questions", "")
    first, *more = _heading(report)
    tables = [html_table(header, (line.cells() for line in _numbers(report)), "lrrrl", first)]
    for title, rows, _ in _tables_by_type(report):
        official = "VQA official" if report.vqa_official else ""
        tables.append(html_table((*header[:4], official), (row.cells() for row in rows), "lrrrl", title))
    remarks = "".join(f"<p>{html_text(remark)}</p>" for remark in (*more, *_remarks(report)))
    return "".join(tables) + remarks


def _heading(report: Report) -> list[str]:
    fewest, most = report.answers_per_question
    answers = f"{most}" if fewest == most else f"{fewest} to {most}"
    images = f" about {format_count(report.images)} images" if report.images else ""
    place = ", ".join(f"{name} {value}" for name, value in (("card", report.card), ("split", report.split)) if value)
    provenance = f"protocol {report.protocol}, seed {report.seed}"
    if report.data_hash:
        provenance += f", data {report.data_hash[:12]}"
    return [
        f"{place + ': ' if place else ''}{format_count(report.questions)} questions{images}, "
        f"{answers} answer{'' if answers == '1' else 's'} each",
        provenance,
    ]


def _numbers(report: Report) -> Iterator[Line]:
    """Yield the accuracies, each followed by its blind baselines and its ceilings."""
    baselines, ceilings = report.baselines, report.ceilings
    human = ceilings.human_leave_one_out
    prior = baselines.prior
    yield Line("any-of accuracy", report.any_of)
    yield Line("  blind baseline: commonest answer", prior, f"always {prior.answer!r}" if prior else "")
    yield Line("  blind baseline: per question type", baselines.prior_per_question_type)
    yield Line("  blind baseline: per exact question", baselines.prior_per_question)
    yield Line("  ceiling: answer vocabulary", ceilings.vocabulary_any_of)
    yield Line("  human agreement", human.any_of if human else None)
    yield Line("per-split accuracy", report.per_split, f"ceiling {format_rate(report.per_split.ceiling)}")
    yield from _soft_scores(report)
    yield from _wups(report)
    if report.calibration is None:
        yield Line("calibration error", None)
    else:
        yield Line("calibration error (ECE)", report.calibration.ece)
        yield Line("Brier score", report.calibration.brier)


def _soft_scores(report: Report) -> Iterator[Line]:
    official, lenient, loss = report.vqa_official, report.vqa_lenient, report.formatting_loss
    if official is None or lenient is None or loss is None:
        yield Line("VQA official", None)
        return
    yield Line("VQA official", official.overall)
    yield Line("VQA lenient", lenient.overall, f"formatting loss {format_rate(loss.value)}")
    baselines = vars(report.baselines).values()
    scores = [baseline.vqa_official for baseline in baselines if baseline and baseline.vqa_official]
    if scores:
        yield Line("  best blind baseline", max(scores, key=lambda rate: rate.value))
    yield Line("  ceiling: answer vocabulary", report.ceilings.vocabulary_official)
    yield Line("  human agreement, leave one out", report.ceilings.human_leave_one_out)


def _wups(report: Report) -> Iterator[Line]:
    for threshold, rate in (report.wups or {}).items():
        yield Line(f"WUPS@{threshold}", rate)
        if rate.baselines:
            yield Line("  best blind baseline", max(rate.baselines.values(), key=lambda baseline: baseline.value))
        yield Line("  ceiling: answer vocabulary", rate.vocabulary_ceiling)


def _tables_by_type(report: Report) -> Iterator[tuple[str, list[Line], int]]:
    """Yield title, the most frequent types and the number of the others; any-of, the official score as remark."""
    official = report.vqa_official
    for title, rates, scores in (
        ("any-of by answer type", report.by_answer_type, official.per_answer_type if official else {}),
        ("any-of by question type", report.by_question_type, official.per_question_type if official else {}),
    ):
        if rates:
            shown = list(rates.items())[:TYPES_SHOWN]
            rows = [
                Line(f"  {name}", rate, format_rate(scores[name].value) if name in scores else "")
                for name, rate in shown
            ]
            yield title, rows, len(rates) - len(shown)


def _shortened(label: str) -> str:
    return label if len(label) < _LABEL else label[: _LABEL - 2] + "…"


def _remarks(report: Report) -> list[str]:
    mistakes = report.mistakes
    parts = " + ".join(f"{format_count(count)} {name.replace('_', ' ')}" for name, count in mistakes.items())
    remarks = [f"mistakes: {format_count(sum(mistakes.values()))} wrong = {parts}"]
    if report.calibration is not None:
        remarks.append(f"calibration: the event whose probability is judged is: {report.calibration.event}")
    return [*remarks, *(f"note: {key}: {note}" for key, note in report.notes.items())]
