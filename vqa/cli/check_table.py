"""``vqa check-table``: can a printed accuracy come from whole hits?"""

from __future__ import annotations

import click

from vqa.cli._options import emit, json_option


@click.command()
@click.argument("accuracies", nargs=-1, required=True, metavar="PERCENT...")
@click.option("--n", "questions", required=True, type=click.IntRange(1), help="Number of questions.")
@json_option
def command(accuracies: tuple[str, ...], questions: int, json_file: str | None) -> None:
    """Say whether accuracies in percent can come from a whole number of hits on N questions.

    \b
    Example, from a fresh clone:
      vqa check-table 72.5 72.4 --n 451
    """
    from dataclasses import asdict

    from vqa.scoring.whole_hits import whole_hits

    found = [whole_hits(accuracy, questions) for accuracy in accuracies]
    emit("\n".join(each.to_text() for each in found), [asdict(each) for each in found], json_file)
