"""The evaluation report as plain text of one screen."""

from __future__ import annotations

import textwrap
from typing import Any

from vqa.scoring.formatting import format_count, format_rate

TYPES_SHOWN = 8
_LABEL = 34


def render(report: dict[str, Any], width: int = 100) -> str:
    """Return the JSON report of `vqa.scoring.report` as text of at most `width` characters a line."""
    lines = [*_heading(report), "", *_headline(report), *_soft_scores(report), *_calibration(report), ""]
    lines += _types("answer type", report["by_answer_type"], report, "per_answer_type")
    lines += _types("question type", report["by_question_type"], report, "per_question_type")
    for remark in (_mistakes(report), *(f"note: {key}: {note}" for key, note in report["notes"].items())):
        lines += textwrap.wrap(remark, width, subsequent_indent="  ")
    return "\n".join(line[:width].rstrip() for line in lines)


def _heading(report: dict[str, Any]) -> list[str]:
    fewest, most = report["answers_per_question"]
    answers = f"{most}" if fewest == most else f"{fewest} to {most}"
    images = f" about {format_count(report['images'])} images" if report["images"] else ""
    place = ", ".join(f"{name} {report[name]}" for name in ("card", "split") if report[name])
    provenance = f"protocol {report['protocol']}, seed {report['seed']}"
    if report["data_hash"]:
        provenance += f", data {report['data_hash'][:12]}"
    return [
        f"{place + ': ' if place else ''}{format_count(report['questions'])} questions{images}, "
        f"{answers} answer{'' if answers == '1' else 's'} each",
        provenance,
    ]


def _row(label: str, rate: dict[str, Any] | None, extra: str = "") -> str:
    """Return one line: label, value, interval, n."""
    if rate is None:
        return f"{label:<{_LABEL}}{'n/a':>7}"
    interval = f"[{format_rate(rate['low'])}, {format_rate(rate['high'])}]"
    line = f"{label:<{_LABEL}}{format_rate(rate['value']):>7}  {interval:<17} {format_count(rate['n']):>9}"
    return f"{line}  {extra}" if extra else line


def _headline(report: dict[str, Any]) -> list[str]:
    baselines, ceilings = report["baselines"], report["ceilings"]
    prior = baselines["prior"]
    always = f"always {prior['answer']!r}" if prior else ""
    per_split = report["per_split"]
    return [
        f"{'':<{_LABEL}}{'value':>7}  {'95 % interval':<17} {'questions':>9}",
        _row("any-of accuracy", report["any_of"]),
        _row("  floor: commonest train answer", prior, always),
        _row("  floor: per question type, blind", baselines["prior_per_question_type"]),
        _row("  floor: per exact question, blind", baselines["prior_per_question"]),
        _row("  roof: answer vocabulary", ceilings["vocabulary_any_of"]),
        _row("  human: another's answer again", (ceilings["human_leave_one_out"] or {}).get("any_of")),
        _row("per-split accuracy", per_split, f"roof {format_rate(per_split['ceiling'])}"),
    ]


def _soft_scores(report: dict[str, Any]) -> list[str]:
    official, lenient = report["vqa_official"], report["vqa_lenient"]
    if official is None:
        return [_row("VQA official", None)]
    baselines, ceilings = report["baselines"], report["ceilings"]
    loss = f"formatting loss {format_rate(report['formatting_loss']['value'])}"
    lines = [_row("VQA official", official["overall"]), _row("VQA lenient", lenient["overall"], loss)]
    if baselines["prior"]:
        floor = max((baselines[name] for name in baselines), key=lambda rate: rate["vqa_official"]["value"])
        lines.append(_row("  floor: best blind baseline", floor["vqa_official"]))
    lines.append(_row("  roof: answer vocabulary", ceilings["vocabulary_official"]))
    lines.append(_row("  human leave-one-out", ceilings["human_leave_one_out"]))
    return lines


def _calibration(report: dict[str, Any]) -> list[str]:
    calibration = report["calibration"]
    if calibration is None:
        return [_row("calibration error", None)]
    return [_row("calibration error (ECE)", calibration["ece"]), _row("Brier score", calibration["brier"])]


def _types(title: str, rates: dict[str, Any], report: dict[str, Any], key: str) -> list[str]:
    """Return a table of the most frequent types, any-of with its interval and the official score beside it."""
    if not rates:
        return []
    shown = list(rates.items())[:TYPES_SHOWN]
    left = len(rates) - len(shown)
    official = report["vqa_official"]
    heading = f"{'any-of by ' + title:<{_LABEL}}"
    lines = [heading + (f"{'':>36}  VQA official" if official else "")]
    for name, rate in shown:
        label = f"  {name if len(name) <= _LABEL - 3 else name[: _LABEL - 4] + '…'}"
        extra = format_rate(official[key][name]["value"]) if official else ""
        lines.append(_row(label, rate, extra))
    if left:
        lines.append(f"  and {left} rarer ones in the JSON report")
    return [*lines, ""]


def _mistakes(report: dict[str, Any]) -> str:
    mistakes = report["mistakes"]
    parts = " + ".join(f"{format_count(count)} {name.replace('_', ' ')}" for name, count in mistakes.items())
    return f"mistakes: {format_count(sum(mistakes.values()))} wrong = {parts}"
