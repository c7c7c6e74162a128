"""What ``vqa train`` does, apart from its options."""

from __future__ import annotations

import dataclasses
import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqa.errors import ConfigError, did_you_mean
from vqa.training.run_config import RunConfig, read_config, read_run_config

if TYPE_CHECKING:
    from vqa.evaluation.run import Run
    from vqa.training.workers import Workers

log = logging.getLogger(__name__)


def train(card: Path, given: dict[str, Any]) -> None:
    """Train on a data set with the options that were given on the command line.

    Parameters
    ----------
    given : option name -> value, without the options that were left at their default
    """
    from vqa.training.threads import choose_threads
    from vqa.training.workers import current_workers

    workers = current_workers()
    with workers.ending_together():
        with workers.agreed():
            run_dir: Path | None = given.pop("run_dir", None)
            resume, overwrite = given.pop("resume", False), given.pop("overwrite", False)
            choices = effective_config(given, run_dir if resume else None)
            choose_threads(choices.training)  # before MXNet is imported
        run = _trained(card, choices, run_dir, resume, overwrite, workers)
    if workers.is_first:
        _report(run)


def _trained(
    card: Path, choices: RunConfig, run_dir: Path | None, resume: bool, overwrite: bool, workers: Workers
) -> Run:
    from vqa.data.dataset import load_dataset
    from vqa.evaluation.fit import fit
    from vqa.nn.losses import LOSSES
    from vqa.nn.network import build_network, default_preset
    from vqa.nn.word_vectors import load_word_vectors
    from vqa.training.log import shown_on_stderr

    config = choices.training
    with shown_on_stderr(workers.is_first):
        with workers.agreed():
            if config.loss not in LOSSES:
                raise ConfigError(f"unknown loss {config.loss!r}{did_you_mean(config.loss, LOSSES)}")
            dataset = load_dataset(card, **dataclasses.asdict(choices.data))
            model = config.model or default_preset(dataset.images.kind)
            run_dir = run_dir or Path("runs") / f"{dataset.card.name}-{model}"
            network = build_network(model, dataset, seed=config.seed, device=config.device, **config.model_options)
            if choices.word_vectors and not resume:
                found = load_word_vectors(network, dataset.vocabulary, Path(choices.word_vectors))
                log.info("%s: vectors for %d of %d words", choices.word_vectors, found, dataset.vocabulary.num_words)
            loss = LOSSES[config.loss]()
        return fit(network, dataset, loss, run_dir=run_dir, config=config, resume=resume, overwrite=overwrite)


def _report(run: Run) -> None:
    """Draw the run's plots, and say what came out and what to do next."""
    from vqa.inspection.plots import save_training_plots
    from vqa.scoring.formatting import format_rate
    from vqa.training.split import train_validation_split

    dataset = run.dataset
    split = train_validation_split(dataset, run.config)
    validation = dataset.table(split.validation_split).take(split.validation_rows)
    save_training_plots(run.path, report=run.report(validation).report)
    best = run.record["best"]
    evaluate = ["vqa", "evaluate", str(run.path), *_split_to_evaluate(dataset.splits)]
    click.echo(
        f"{run.path}: best epoch {run.record['best_epoch']}, validation any-of {format_rate(best['any_of'])}; "
        f"now: {shlex.join(evaluate)}"
    )


def _split_to_evaluate(splits: list[str]) -> list[str]:
    """Return the option of ``vqa evaluate`` for the most telling split of a data set; "test" is its default."""
    if "test" in splits:
        return []
    return ["--split", "val" if "val" in splits else "train"]


def effective_config(given: dict[str, Any], resumed: Path | None) -> RunConfig:
    """Return defaults (or the resumed run's own configuration) < --config FILE < flags.

    Raises
    ------
    ConfigError
        An option is unknown or wrong.
    """
    config_file = given.pop("config_file", None)
    base = RunConfig()
    if resumed is not None and (resumed / "config.json").is_file():
        base = read_run_config(resumed)
    if config_file:
        base = read_config(config_file, base)
    options = dict(_parsed(text) for text in given.pop("model_options", ()))
    if options:
        given["model_options"] = {**base.training.model_options, **options}
    return base.updated(given, "options")


def _parsed(text: str) -> tuple[str, int | float]:
    """Return the name and number of ``NAME=NUMBER``."""
    name, _, number = text.partition("=")
    for kind in (int, float):
        try:
            return name, kind(number)
        except ValueError:
            continue
    raise ConfigError(f"--option: expected NAME=NUMBER, such as hidden_size=256, got {text!r}")
