"""``vqa compare``: prediction files on the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqa.cli._options import emit, json_option, margin_option, seed_option

if TYPE_CHECKING:
    from vqa.inspection.source import Source
    from vqa.scoring.compare import PredictionSet

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE FILE [FILE]...", type=FILE)
@click.option(
    "--changed",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="Print up to N questions won and lost; the JSON report has all. With two files.",
)
@margin_option
@click.option("--html", type=FILE, help="Write one HTML page; of two files with both predictions of every question.")
@click.option("--data", "card", type=FILE, metavar="CARD", help="Card of the data set that the files answer.")
@click.option("--split", default="test", show_default=True, help="Split of the card that the files answer.")
@json_option
@seed_option
def command(files: tuple[Path, ...], card: Path | None, split: str, **options: Any) -> None:
    """Compare prediction files question by question: of `vqa evaluate`, or with --data of any system.

    Two files: a test and an interval over images, overall and by type, with the questions that one side
    has right and the other wrong. More: a table by rank, each pair tested, p-values corrected for their
    number; so is a folder that `vqa train --seeds` wrote, which is one system. A run is predicted now.
    Files of another data hash, split or protocol are refused.

    \b
    Example:
      vqa train easy_vqa_3 --run runs/a
      vqa train easy_vqa_3 --run runs/b --seed 2
      vqa evaluate runs/a --predictions a.csv
      vqa evaluate runs/b --predictions b.csv
      vqa compare a.csv b.csv
    """
    if len(files) < 2:
        raise click.UsageError("expected at least two files to compare")
    systems = [_read(path, card, split) for path in files]
    several_seeds = any(system.other_seeds for _, system in systems)
    if options["margin"] and (len(files) > 2 or several_seeds):
        raise click.UsageError("--margin compares two files")
    if len(files) == 2 and not several_seeds:
        _compare_two(systems, **options)
    else:
        _rank(systems, **options)


def _read(path: Path, card: Path | None, split: str) -> tuple[Source, PredictionSet]:
    from vqa.evaluation.seed_runs import evaluate_seeds
    from vqa.export.opening import open_seeds
    from vqa.inspection.source import Source, open_source
    from vqa.scoring.compare import PredictionSet

    if runs := open_seeds(path, card=card):
        system = evaluate_seeds(str(path), runs, split).prediction_set()
        return Source(system.name, system.frame, dict(system.provenance), run=runs[0], card=card), system
    source = open_source(path, split, card)
    return source, PredictionSet(source.name, source.frame, source.provenance)


def _compare_two(
    systems: list[tuple[Source, PredictionSet]], changed: int, margin: float | None, html: Path | None,
    json_file: str | None, seed: int,
) -> None:  # fmt: skip
    from vqa.scoring.compare import compare

    (first, one), (second, other) = systems
    comparison = compare(one, other, seed=seed, margin=margin)
    if html:
        from vqa.inspection.comparison import left_out, write_comparison_html

        write_comparison_html(html, first, second, comparison.report)
        _say(left_out(first, second))
    emit(comparison.to_text(changed=changed), comparison.to_json(), json_file)


def _rank(
    systems: list[tuple[Source, PredictionSet]], html: Path | None, json_file: str | None, seed: int, **_: Any
) -> None:
    from vqa.scoring.ranking import rank

    ranking = rank([system for _, system in systems], seed=seed)
    if html:
        from vqa.inspection.ranking import write_ranking_html

        _say(write_ranking_html(html, [source for source, _ in systems], ranking.report))
    emit(ranking.to_text(), ranking.to_json(), json_file)


def _say(reasons: list[str]) -> None:
    """Print on stderr what a page leaves out."""
    from vqa.display import visible

    for reason in reasons:
        click.echo(visible(reason), err=True)
