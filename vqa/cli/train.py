"""``vqa train``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from vqa.data.options import DataOptions
from vqa.training.config import TrainConfig

# The one place of the defaults, for the help and for what is not given.
TRAINING, DATA = TrainConfig(), DataOptions()


def choice(name: str, help_text: str, **settings: Any) -> Callable[[Any], Any]:
    """Return an option whose type and default are those of the field `name` of the configuration."""
    default = getattr(TRAINING if hasattr(TRAINING, name) else DATA, name)
    settings = {"type": type(default), "default": default, "show_default": True, **settings}
    return click.option(f"--{name.replace('_', '-')}", help=help_text, **settings)


@click.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--run", "run_dir", type=click.Path(path_type=Path), help="Run folder.  [default: runs/NAME-MODEL]")
@choice(
    "model",
    "Network preset: question-only, softmax-regression, mlp, cnn-gru, mcb, mcb-attention, lstm-product, updn or san.",
    metavar="PRESET",
    show_default="by the kind of images",
)
@click.option(
    "--option",
    "model_options",
    metavar="NAME=NUMBER",
    multiple=True,
    help="Option of the preset, such as hidden_size=256; repeatable.",
)
@choice("loss", "softmax, soft-score, any or bce.", metavar="NAME")
@choice("epochs", "Passes over the training questions.")
@choice("batch_size", "Questions per step.")
@choice("learning_rate", "Highest learning rate.")
@choice("warmup", "Fraction of all steps in which the learning rate rises.")
@choice("weight_decay", "L2 penalty.")
@choice("gradient_clip", "Bound on each element of the gradient; 0 is none.")
@choice("validation_fraction", "Part of the training images held out.")
@choice("patience", "Stop after this many epochs without progress; 0 is never.")
@choice(
    "metric",
    "Chooses the best epoch: any-of, vqa-official or loss.",
    metavar="NAME",
    default=TRAINING.metric.replace("_", "-"),
)
@choice("max_answers", "Keep only this many of the commonest answers; 0 is all.")
@choice("min_word_count", "Words that occur less often are unknown.")
@choice("max_bad", "Fraction of bad lines (and images) that a split may have.")
@click.option("--skip-bad-images", is_flag=True, help="Leave out images that cannot be used, within --max-bad.")
@choice(
    "answers",
    "How answers are compared: exact (as written) or normalized.",
    metavar="NAME",
    show_default="as the card says",
)
@click.option("--word-vectors", metavar="FILE", help="Word vectors in GloVe's text format.")
@click.option(
    "--config", "config_file", type=click.Path(path_type=Path), help="JSON file of options; flags win over it."
)
@click.option("--resume", is_flag=True, help="Resume the run in --run where it stopped.")
@click.option("--overwrite", is_flag=True, help="Replace the run in --run.")
@choice("seed", "Of the initial parameters, the order of questions, dropout and the held-out part.")
@click.option(
    "--seeds",
    type=click.IntRange(2),
    metavar="N",
    help="Make N runs, seed-1, seed-2, ... in --run, counted from --seed.",
)
@choice("device", "Where the network is trained.", metavar="cpu|gpu:0")
@choice("save_every", "Save the state after every so many steps as well; 0 is after every epoch alone.")
@choice("parts", "Parts of a batch, which as many workers can share: mpiexec -n 4 vqa train CARD --parts 4.")
@choice("threads", "Threads that compute a part.", show_default="1; of a batch in one part: all cores")
@click.pass_context
def command(ctx: click.Context, card: Path, **options: Any) -> None:
    """Train a network on the data set of CARD and write a run folder.

    Validates after each epoch on a part of the training split held out by image (or on the card's split "val") and
    keeps the best checkpoint. The test split is not read.

    \b
    Example:
      vqa train easy_vqa_3 --run runs/easy
    """
    from vqa.cli._training import train

    given = {name for name in options if ctx.get_parameter_source(name) is not click.core.ParameterSource.DEFAULT}
    train(card, {name: value for name, value in options.items() if name in given})
