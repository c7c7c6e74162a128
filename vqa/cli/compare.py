"""``vqa compare``: two prediction files on the same questions."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import emit, json_option, seed_option

FILE = click.Path(path_type=Path)


@click.command()
@click.argument("first", type=FILE)
@click.argument("second", type=FILE)
@click.option(
    "--changed",
    type=click.IntRange(0),
    default=5,
    show_default=True,
    metavar="N",
    help="Print up to N questions won and lost; the JSON report has all.",
)
@click.option("--html", type=FILE, help="Write one HTML page with both predictions of every question.")
@click.option("--data", "card", type=FILE, metavar="CARD", help="Card of the data set that the files answer.")
@click.option("--split", default="test", show_default=True, help="Split of the card that the files answer.")
@json_option
@seed_option
def command(
    first: Path,
    second: Path,
    changed: int,
    html: Path | None,
    card: Path | None,
    split: str,
    json_file: str | None,
    seed: int,
) -> None:
    """Compare two prediction files question by question: of `vqa evaluate`, or with --data of any system.

    Paired bootstrap and exact test over images, overall and by type, with the questions that one side
    has right and the other wrong. Files of another data hash, split or protocol are refused.

    \b
    Example:
      vqa train easy_vqa_3 --run runs/a
      vqa train easy_vqa_3 --run runs/b --seed 2
      vqa evaluate runs/a --predictions a.csv
      vqa evaluate runs/b --predictions b.csv
      vqa compare a.csv b.csv
    """
    from vqa.inspection.source import read_source
    from vqa.scoring.compare import PredictionSet, compare

    sources = [read_source(path, card, split) for path in (first, second)]
    sides = [PredictionSet(source.name, source.frame, source.provenance) for source in sources]
    comparison = compare(*sides, seed=seed)
    if html:
        from vqa.display import visible
        from vqa.inspection.comparison import left_out, write_comparison_html

        write_comparison_html(html, sources[0], sources[1], comparison.report)
        for reason in left_out(sources[0], sources[1]):
            click.echo(visible(reason), err=True)
    emit(comparison.to_text(changed=changed), comparison.to_json(), json_file)
