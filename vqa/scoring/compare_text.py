"""A comparison of two prediction sets as text, and as HTML for notebooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from vqa.display import html_table, html_text
from vqa.scoring.comparison_schema import (
    ChangedQuestion,
    ComparisonReport,
    PairedRates,
    TypeComparison,
)
from vqa.scoring.formatting import format_count, format_rate

TYPES_SHOWN = 8
ANSWERS_SHOWN = 3
_LABEL = 24
_SMALLEST_P = 0.0001


def render(report: ComparisonReport, changed: int) -> str:
    """Return the comparison as text, with up to `changed` questions won and lost each."""
    images = f" about {format_count(report.images)} images" if report.images else ""
    lines = [
        f"first:  {report.first['file']}",
        f"second: {report.second['file']}",
        f"{format_count(report.questions)} questions{images}, "
        f"{format_count(report.predictions_differ)} with different predictions",
        "",
        f"{'':<{_LABEL}}{'first':>8}{'second':>8}{'second - first':>16}  95 % interval",
        _row("any-of accuracy", report.any_of),
    ]
    if report.vqa_official:
        lines.append(_row("VQA official", report.vqa_official))
    lines += [
        "",
        _test(report),
        _verdict(report),
        *_power(report),
        *margin_remark(report),
        *_types("answer type", report.by_answer_type),
        *_types("question type", report.by_question_type),
        *_changes("won", "second right, first wrong", report.changed, changed),
        *_changes("lost", "first right, second wrong", report.changed, changed),
    ]
    return "\n".join([*lines, *(f"note: {note}" for note in report.notes)])


def render_html(report: ComparisonReport, changed: int = 5) -> str:
    """Return the comparison as HTML tables for a notebook, with up to `changed` questions won and lost each."""
    title = (
        f"first: {report.first['file']}, second: {report.second['file']}, {format_count(report.questions)} questions"
    )
    header = ("", "first", "second", "second - first", "95 % interval")
    rules = [("any-of accuracy", report.any_of), ("VQA official", report.vqa_official)]
    tables = [html_table(header, [_cells(name, paired) for name, paired in rules if paired], "lrrrr", title)]
    for name, types in (("answer type", report.by_answer_type), ("question type", report.by_question_type)):
        rows = [
            (*_cells(type_name, paired), format_p(paired.p_value_holm), format_count(paired.n))
            for type_name, paired in list(types.items())[:TYPES_SHOWN]
        ]
        if rows:
            tables.append(html_table((*header, "p-value", "questions"), rows, "lrrrrrr", f"any-of by {name}"))
    for change in ("won", "lost"):
        chosen = [each for each in report.changed if each.change == change]
        cells = [(each.question, ", ".join(each.answers), each.first, each.second) for each in chosen[:changed]]
        if cells:
            caption = f"{change}: {len(cells)} of {format_count(len(chosen))}"
            tables.append(html_table(("question", "human answers", "first", "second"), cells, "llll", caption))
    remarks = (_test(report), _verdict(report), *margin_remark(report), *(f"note: {note}" for note in report.notes))
    return "".join(tables) + "".join(f"<p>{html_text(remark)}</p>" for remark in remarks)


def _cells(label: str, paired: PairedRates | TypeComparison) -> tuple[str, ...]:
    difference = paired.difference
    return (
        label,
        format_rate(paired.first.value),
        format_rate(paired.second.value),
        f"{difference.value:+.4f}",
        f"[{difference.low:+.4f}, {difference.high:+.4f}]",
    )


def _row(label: str, paired: PairedRates | TypeComparison, extra: str = "") -> str:
    shown, first, second, difference, interval = _cells(label, paired)
    shown = shown if len(shown) < _LABEL else shown[: _LABEL - 2] + "…"
    line = f"{shown:<{_LABEL}}{first:>8}{second:>8}{difference:>16}  {interval}"
    return f"{line}  {extra}" if extra else line


def format_p(p_value: float) -> str:
    """Return "p = 0.1234", or that it is smaller than what four decimals show."""
    return f"p < {_SMALLEST_P}" if p_value < _SMALLEST_P else f"p = {format_rate(p_value)}"


def _test(report: ComparisonReport) -> str:
    test, p_value = report.mcnemar, report.permutation.p_value
    return (
        f"signs of images flipped: {format_p(p_value)}; only first right {format_count(test.only_first_right)}, "
        f"only second right {format_count(test.only_second_right)}, both right {format_count(test.both_right)}, "
        f"both wrong {format_count(test.both_wrong)}"
    )


def _verdict(report: ComparisonReport) -> str:
    difference = report.any_of.difference
    if report.permutation.p_value < 0.05 and difference.low > 0:
        return "second is better: p is below 0.05, and the interval of the difference lies above 0"
    if report.permutation.p_value < 0.05 and difference.high < 0:
        return "first is better: p is below 0.05, and the interval of the difference lies below 0"
    return "these questions do not tell which is better"


def _power(report: ComparisonReport) -> list[str]:
    """Return the smallest difference that these questions could have shown."""
    test = report.permutation
    if test.detectable is None:
        return []
    effect = "" if test.design_effect is None else f"; design effect of the images {test.design_effect:.2f}"
    return [f"smallest difference that these questions show in 80 % of cases: {format_rate(test.detectable)}{effect}"]


def margin_remark(report: ComparisonReport) -> list[str]:
    """Return what the interval says of the margin, [] where none was given."""
    test = report.margin
    if test is None:
        return []
    within = f"by more than {format_rate(test.margin)}"
    if test.equivalent:
        return [f"neither is worse than the other {within}: the interval of the difference lies within this margin"]
    better, worse = ("second", "first") if test.second_no_worse else ("first", "second")
    if test.second_no_worse or test.first_no_worse:
        return [f"{better} is no worse than {worse} {within}: the interval of the difference lies on this side of it"]
    return [f"not shown that either is no worse than the other {within}"]


def _types(title: str, paired_by_name: Mapping[str, TypeComparison]) -> list[str]:
    if not paired_by_name:
        return []
    shown = list(paired_by_name.items())[:TYPES_SHOWN]
    left = len(paired_by_name) - len(shown)
    lines = [
        "",
        f"any-of by {title} (each interval and p for itself; then p corrected for the number of types)",
        *(
            _row(
                f"  {name}",
                paired,
                f"{format_p(paired.p_value)}, corrected {format_p(paired.p_value_holm).removeprefix('p = ')}, "
                f"{format_count(paired.n)} questions",
            )
            for name, paired in shown
        ),
    ]
    return [*lines, f"  and {left} rarer ones in the JSON report"] if left else lines


def _changes(change: str, meaning: str, changed: Sequence[ChangedQuestion], limit: int) -> list[str]:
    chosen = [each for each in changed if each.change == change]
    if not chosen or not limit:
        return []
    lines = ["", f"{change} ({meaning}), {min(limit, len(chosen))} of {format_count(len(chosen))}"]
    for each in chosen[:limit]:
        answers = list(dict.fromkeys(each.answers))
        more = ", …" if len(answers) > ANSWERS_SHOWN else ""
        lines.append(
            f"  {each.question_id}: {each.question}  {each.first!r} -> {each.second!r}  "
            f"(answers: {', '.join(answers[:ANSWERS_SHOWN])}{more})"
        )
    return lines
