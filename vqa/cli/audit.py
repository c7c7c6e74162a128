"""``vqa audit``: what a data set holds."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import emit, json_option, seed_option


@click.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--images/--no-images", default=True, help="Whether to look at every image; default yes.")
@json_option
@seed_option
def command(card: Path, images: bool, json_file: str | None, seed: int) -> None:
    """List what can make a data set's numbers misleading, before anything is trained on it.

    Bad lines, repeated ids and questions, images and questions shared between splits, agreement of the annotators,
    the ceilings of the usual answer vocabularies and the blind baselines; images that cannot be used, show one
    colour, or have the pixels of another one.

    \b
    Example:
      vqa audit easy_vqa_3
    """
    from vqa.audit.audit import audit

    findings = audit(card, seed=seed, images=images)
    emit(findings.to_text(), findings.to_json(), json_file)
