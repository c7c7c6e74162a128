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
@json_option
@seed_option
def command(first: Path, second: Path, changed: int, json_file: str | None, seed: int) -> None:
    """Compare two prediction files (.csv, .jsonl, .parquet) question by question.

    Paired bootstrap over images and McNemar's exact test, overall and by type, with the questions that one side
    has right and the other wrong. Files of another data hash, split or protocol are refused.

    \b
    Example, from a fresh clone:
      vqa train data/easy_vqa_3.toml --run runs/a
      vqa train data/easy_vqa_3.toml --run runs/b --seed 2
      vqa evaluate runs/a --predictions a.csv
      vqa evaluate runs/b --predictions b.csv
      vqa compare a.csv b.csv
    """
    from vqa.inspection.predictions import read_predictions, read_provenance
    from vqa.scoring.compare import PredictionSet, compare

    sides = [PredictionSet(str(path), read_predictions(path), read_provenance(path)) for path in (first, second)]
    comparison = compare(*sides, seed=seed)
    emit(comparison.to_text(changed=changed), comparison.to_json(), json_file)
