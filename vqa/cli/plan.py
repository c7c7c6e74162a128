"""``vqa plan``: how many questions tell two systems apart?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vqa.cli._options import emit, json_option

if TYPE_CHECKING:
    from vqa.scoring.plan import PairedQuestions

FILE = click.Path(path_type=Path)
FRACTION = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command()
@click.argument("sources", nargs=-1, required=True, metavar="CARD or FILE [FILE]", type=FILE)
@click.option("--difference", required=True, type=FRACTION, help="Of the two accuracies, such as 0.01.")
@click.option("--level", type=FRACTION, default=0.05, show_default=True, help="Of the two-sided test.")
@click.option("--power", type=FRACTION, default=0.8, show_default=True, help="How often the difference is to be found.")
@click.option(
    "--disagreement",
    type=FRACTION,
    help="Share of the questions that one system only has right; measured on two files.  [default: 0.2]",
)
@click.option(
    "--correlation",
    type=click.FloatRange(0, 1),
    help="Of the differences on questions about one image; measured on files.  [default: 0.05]",
)
@click.option("--data", "card", type=FILE, metavar="CARD", help="Card of the data set that the files answer.")
@click.option("--split", default="test", show_default=True, help="Split of the card.")
@json_option
def command(
    sources: tuple[Path, ...],
    difference: float,
    level: float,
    power: float,
    disagreement: float | None,
    correlation: float | None,
    card: Path | None,
    split: str,
    json_file: str | None,
) -> None:
    """Say how many questions and images are needed to tell two systems apart.

    From a card: with assumptions on how often the systems disagree and how far the questions about one
    image go together. From the predictions of one system, the second is measured; from two, both are.

    \b
    Example, from a fresh clone:
      vqa plan easy_vqa_3 --difference 0.01
    """
    from vqa.scoring.plan import plan

    if len(sources) > 2:
        raise click.UsageError("expected a card, or one or two files of predictions")
    pair = _from_card(sources[0], split, disagreement, correlation) if len(sources) == 1 and not card else None
    if pair is None:
        pair = _from_files(sources, card, split, disagreement, correlation)
    found = plan(difference, pair, level=level, power=power)
    emit(found.to_text(), found.to_json(), json_file)


def _from_card(
    source: Path, split: str, disagreement: float | None, correlation: float | None
) -> PairedQuestions | None:
    """Return what the clusters of a card's split say; None where `source` is a file of another kind."""
    from vqa.data.cards import load_card
    from vqa.data.included_cards import find_card
    from vqa.data.readers import read_split
    from vqa.scoring.intervals import cluster_names
    from vqa.scoring.plan import CORRELATION, DISAGREEMENT, assumed

    if source.is_file() and source.suffix != ".toml":
        return None
    table = read_split(load_card(find_card(source), images=False), split, max_bad=1.0)
    return assumed(
        cluster_names(table.question_id, table.image_id),
        DISAGREEMENT if disagreement is None else disagreement,
        CORRELATION if correlation is None else correlation,
    )


def _from_files(
    files: tuple[Path, ...], card: Path | None, split: str, disagreement: float | None, correlation: float | None
) -> PairedQuestions:
    from vqa.inspection.source import read_source
    from vqa.scoring.answer_sets import AnswerSets
    from vqa.scoring.compare import PredictionSet, align, check_provenance
    from vqa.scoring.intervals import cluster_names
    from vqa.scoring.plan import DISAGREEMENT, measured
    from vqa.scoring.rules import any_of

    if correlation is not None or (disagreement is not None and len(files) == 2):
        raise click.UsageError("--correlation, and with two files --disagreement, are measured here: leave them out")
    sources = [read_source(path, card, split) for path in files]
    first, *others = [PredictionSet(source.name, source.frame, source.provenance) for source in sources]
    for other in others:
        check_provenance(first, other)
    frame = first.frame.reset_index(drop=True)
    sets = AnswerSets(frame["answers"])
    answers = [frame["prediction"], *(align(first, other)[1]["prediction"] for other in others)]
    hits = [any_of(each.tolist(), sets) for each in answers]
    return measured(
        cluster_names(frame["question_id"].tolist(), frame["image_id"].tolist()),
        hits[0],
        hits[1] if others else None,
        DISAGREEMENT if disagreement is None else disagreement,
    )
