"""The findings of an audit as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Union

from vqa.audit.schema import AuditReport, BlindRates, ImageFiles, SharedBySplits, SplitAudit, VocabularyCeiling
from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.intervals import Rate

Learned = Union[VocabularyCeiling, BlindRates]
_LABEL = 37
_WIDE = 44
COUNTED = {"majority": "majority answers", "all_answers": "all answers"}
BASELINE_LABELS = {
    "prior": "commonest train answer",
    "prior_per_question_type": "commonest per question type",
    "prior_per_question": "commonest per exact question",
}


def render(report: AuditReport, width: int = 100) -> str:
    """Return the findings as text of about `width` characters per line."""
    simulated = report.simulated_annotators
    lines = [f"{report.name} ({report.format}), {report.card}"]
    if simulated:
        lines.append(f"the {simulated} answers per question are SIMULATED from one published answer")
    for name, split in report.splits.items():
        lines += ["", *_split(name, split, width)]
        if name in report.image_files:
            lines += _image_files(report.image_files[name], width)
    for shared in report.shared:
        lines += ["", *_shared(shared, report.splits)]
    lines += _ceilings(report.vocabulary_ceilings)
    lines += _baselines(report.baselines)
    if not report.baselines:
        lines += ["", "no split train, or no other: no vocabulary ceilings and no blind baselines"]
    return "\n".join(lines)


def _cell(rate: Rate | None) -> str:
    if rate is None:
        return f"{'n/a':<26}"
    return f"{format_rate(rate.value)} {format_interval(rate.low, rate.high)}".ljust(26)


def _plural(count: int, noun: str) -> str:
    return f"{format_count(count)} {noun}{'' if count == 1 else 's'}"


def _split(name: str, split: SplitAudit, width: int) -> list[str]:
    fewest, most = split.answers_per_question
    lines = [
        f"{name}: {_plural(split.questions, 'question')} ({_plural(split.question_texts, 'different text')}) "
        f"about {_plural(split.images, 'image')}, data {split.data_hash[:12]}"
    ]
    for listed, noun in (
        (split.bad_lines, "bad line"),
        (split.duplicate_ids, "repeated question id"),
        (split.duplicate_questions, "duplicate question"),
    ):
        lines.append(f"  {_plural(listed.count, noun)}")
        for example in listed.first:
            lines += textwrap.wrap(example, width, initial_indent="    ", subsequent_indent="      ")
    commonest = ", ".join(f"{answer!r} {count:,}" for answer, count in split.commonest_answers)
    each = f"{most}" if fewest == most else f"{fewest} to {most}"
    lines += [
        f"  {each} answers per question, {split.distinct_answers_per_question:.2f} of them different; "
        f"{_plural(split.distinct_answers, 'different answer')} in all",
        f"  commonest: {commonest}",
        f"  {'all annotators agree':<{_LABEL}}{_cell(split.unanimous)}",
        f"  {'ceiling of per-split accuracy':<{_LABEL}}{_cell(split.per_split_ceiling)}",
        f"  {'human agreement, any-of':<{_LABEL}}{_cell(split.human_any_of)}",
        f"  {'human agreement, VQA official':<{_LABEL}}{_cell(split.human_leave_one_out)}",
    ]
    return [line.rstrip() for line in (*lines, *_spellings(split, width))]


def _spellings(split: SplitAudit, width: int) -> list[str]:
    """Return the answers that differ only in spelling, and what merging them gives."""
    spellings, merged = split.spellings, split.spellings.merged
    if not spellings.answers:
        return []
    lines = [
        f"  {_plural(spellings.answers, 'answer')} written in {format_count(spellings.spellings)} ways "
        f"({format_count(spellings.occurrences)} times), such as"
    ]
    for group in spellings.first:
        example = ", ".join(f"{answer!r} {count:,}" for answer, count in group.items())
        lines += textwrap.wrap(example, width, initial_indent="    ", subsequent_indent="      ")
    return [
        *lines,
        f'  merged (answers = "normalized"): {_plural(merged.distinct_answers, "different answer")} in all',
        f"  {'  all annotators agree':<{_LABEL}}{_cell(merged.unanimous)}",
        f"  {'  ceiling of per-split accuracy':<{_LABEL}}{_cell(merged.per_split_ceiling)}",
        f"  {'  human agreement, any-of':<{_LABEL}}{_cell(merged.human_any_of)}",
    ]


def _image_files(images: ImageFiles, width: int) -> list[str]:
    lines = []
    if images.smallest and images.largest:
        smallest, largest = (" x ".join(map(str, size)) for size in (images.smallest, images.largest))
        sizes = f"of {smallest}" if smallest == largest else f"from {smallest} to {largest}"
        lines.append(f"  images {sizes} pixels (height x width)")
    for listed, noun in (
        (images.unusable, "image{s} that cannot be used"),
        (images.one_colour, "image{s} of one colour"),
        (images.repeated, "image{s} with the pixels of another one"),
    ):
        plural = "" if listed.count == 1 else "s"
        lines.append(f"  {format_count(listed.count)} {noun.format(s=plural)}")
        for example in listed.first:
            lines += textwrap.wrap(example, width, initial_indent="    ", subsequent_indent="      ")
    return lines


def _shared(shared: SharedBySplits, splits: dict[str, SplitAudit]) -> list[str]:
    one, other = shared.splits
    whole = splits[other]
    lines = [
        f"{one} and {other} share",
        f"  {format_count(shared.images)} of the {_plural(whole.images, 'image')} of {other}",
        f"  {format_count(shared.questions)} questions with the same text about the same image",
        f"  {format_count(shared.questions_with_shared_text)} of the {_plural(whole.questions, 'question')} of "
        f"{other} have a text that occurs in {one}",
    ]
    ids = shared.question_ids
    if ids.count:
        first = ", ".join(ids.first)
        lines.append(f"  PROBLEM: {_plural(ids.count, 'question id')}, which must be unique: {first}")
    return lines


def _learned(title: str, rows: Sequence[Learned], labels: list[str]) -> list[str]:
    """Return tables of any-of and official rates, one per split and way of counting train's answers."""
    lines: list[str] = []
    place = None
    for row, label in zip(rows, labels):
        if place != (row.split, row.counted):
            place = (row.split, row.counted)
            heading = f"{row.split}: {title}, {COUNTED[row.counted]}"
            lines += ["", f"{heading:<{_WIDE}}{'any-of':<26}VQA official"]
        lines.append(f"  {label:<{_WIDE - 2}}{_cell(row.any_of)}{_cell(row.vqa_official)}".rstrip())
    return lines


def _ceilings(ceilings: list[VocabularyCeiling]) -> list[str]:
    labels = [f"{format_count(ceiling.size)} commonest train answers" for ceiling in ceilings]
    return _learned("ceiling", ceilings, labels)


def _baselines(baselines: list[BlindRates]) -> list[str]:
    labels = [BASELINE_LABELS[row.baseline] + (f" ({row.answer!r})" if row.answer else "") for row in baselines]
    return _learned("blind baselines", baselines, labels)
