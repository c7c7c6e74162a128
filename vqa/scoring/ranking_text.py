"""A comparison of several systems as text, and as HTML for notebooks."""

from __future__ import annotations

from vqa.display import html_table, html_text
from vqa.scoring.compare_text import format_p
from vqa.scoring.formatting import format_count, format_interval, format_rate
from vqa.scoring.ranking_schema import RankedPair, RankedSystem, RankingReport
from vqa.scoring.seeds import render_spread

SYSTEM_HEADER = ("rank", "system", "any-of", "95 % interval", "VQA official")
PAIR_HEADER = ("difference", "", "95 % interval", "p", "corrected", "")
_NOT_TOLD = "not told apart"


def letters(report: RankingReport) -> dict[str, str]:
    """Return a short name for each system, A for the first of the table."""
    names = [each.system["file"] for each in report.systems]
    return {name: chr(ord("A") + place) if place < 26 else f"#{place + 1}" for place, name in enumerate(names)}


def system_cells(each: RankedSystem, short: str) -> tuple[str, ...]:
    """Return rank, name, rate, interval and official score of a system as text."""
    interval = format_interval(each.any_of.low, each.any_of.high)
    official = format_rate(each.vqa_official.value) if each.vqa_official else "n/a"
    return str(each.rank), f"{short}  {each.system['file']}", format_rate(each.any_of.value), interval, official


def pair_cells(pair: RankedPair, short: dict[str, str]) -> tuple[str, ...]:
    """Return the two systems, their difference, interval, both p-values and the verdict as text."""
    difference = pair.difference
    return (
        f"{short[pair.first]} - {short[pair.second]}",
        f"{difference.value:+.4f}",
        f"[{difference.low:+.4f}, {difference.high:+.4f}]",
        format_p(pair.p_value),
        format_p(pair.p_value_holm),
        "" if pair.told_apart else _NOT_TOLD,
    )


def remarks(report: RankingReport) -> list[str]:
    """Return what the corrected p-values say, and the notes."""
    undecided, number = sum(not pair.told_apart for pair in report.pairs), format_count(len(report.pairs))
    verdict = "these questions tell all systems apart"
    if undecided:
        verdict = f"{format_count(undecided)} of {number} differences cannot be told from chance on these questions"
    return [verdict, *(f"note: {note}" for note in report.notes)]


def heading(report: RankingReport) -> str:
    """Return the number of systems, questions and images."""
    images = f" about {format_count(report.images)} images" if report.images else ""
    return f"{len(report.systems)} systems, {format_count(report.questions)} questions{images}"


def render(report: RankingReport) -> str:
    """Return the comparison as text: systems by rank, then each pair."""
    short = letters(report)
    systems = [system_cells(each, short[each.system["file"]]) for each in report.systems]
    width = max(len(name) for _, name, *_ in systems) + 2
    lines = [
        heading(report),
        "",
        f"{'rank':<6}{'system':<{width}}{'any-of':>7}  {'95 % interval':<18}{'VQA official':>12}",
    ]
    lines += [
        f"{rank:<6}{name:<{width}}{rate:>7}  {interval:<18}{official:>12}"
        for rank, name, rate, interval, official in systems
    ]
    for each in report.systems:
        if each.seeds:
            lines += ["", *render_spread(f"{short[each.system['file']]}, any-of", each.seeds)]
    lines += [
        "",
        "differences of any-of accuracy (each interval and p for itself; then p corrected for the number of pairs)",
    ]
    for pair in report.pairs:
        name, difference, interval, p_value, corrected, verdict = pair_cells(pair, short)
        lines.append(f"  {name:<10}{difference:>8}  {interval:<20}  {p_value:<11}{corrected:<11}{verdict}".rstrip())
    return "\n".join([*lines, "", *remarks(report)])


def render_html(report: RankingReport) -> str:
    """Return the comparison as HTML tables for a notebook."""
    short = letters(report)
    systems = [system_cells(each, short[each.system["file"]]) for each in report.systems]
    pairs = [pair_cells(pair, short) for pair in report.pairs]
    return (
        html_table(SYSTEM_HEADER, systems, "rlrrr", heading(report))
        + html_table(PAIR_HEADER, pairs, "lrrrrl", "differences of any-of accuracy")
        + "".join(f"<p>{html_text(remark)}</p>" for remark in remarks(report))
    )
