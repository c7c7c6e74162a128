"""``vqa train``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vqa.cli._options import device_option, seed_option


@click.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="Run folder; default runs/NAME-MODEL.")
@click.option("--model", metavar="PRESET", help="Network preset; default by the kind of images.")
@click.option(
    "--option", "model_options", metavar="NAME=NUMBER", multiple=True, help="Option of the preset; repeatable."
)
@click.option("--loss", metavar="NAME", help="softmax (default), soft-score, any or bce.")
@click.option("--epochs", type=int, help="Passes over the training questions; default 12.")
@click.option("--batch-size", type=int, help="Questions a step; default 256.")
@click.option("--learning-rate", type=float, help="Highest learning rate; default 0.002.")
@click.option("--weight-decay", type=float, help="L2 penalty; default 0.")
@click.option("--validation-fraction", type=float, help="Part of the training images held out; default 0.1.")
@click.option("--patience", type=int, help="Stop after so many epochs without progress; default 0: never.")
@click.option("--metric", metavar="NAME", help="Chooses the best epoch: any_of (default), vqa_official or loss.")
@click.option("--max-answers", type=int, help="Keep only the commonest answers; default 0: all.")
@click.option("--min-word-count", type=int, help="Rarer words are unknown; default 1.")
@click.option("--max-bad", type=float, help="Fraction of bad lines (and images) allowed in a split; default 0.01.")
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that cannot be used, within --max-bad.")
@click.option("--word-vectors", metavar="FILE", help="Word vectors in GloVe's text format.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="JSON file of options; flags win over it."
)
@click.option("--resume", is_flag=True, help="Go on where the run in --run stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --run.")
@seed_option
@device_option
@click.pass_context
def command(ctx: click.Context, card: Path, **options: Any) -> None:
    """Train a network on the data set of CARD and write a run folder.

    Validates after each epoch on a part of the training split held out by image (or on the card's split "val") and
    keeps the best checkpoint. The test split is not read.

    \b
    Example:
      vqa train data/easy_vqa_3.toml --run runs/easy
    """
    from vqa.cli._training import train

    given = {name for name in options if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    train(card, {name: value for name, value in options.items() if name in given})
