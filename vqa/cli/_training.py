"""What ``vqa train`` does, apart from its options."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from vqa.errors import ConfigError, did_you_mean
from vqa.training.config import TrainConfig, read_config

log = logging.getLogger(__name__)


def train(card: Path, given: dict[str, Any]) -> None:
    """Train on a data set with the options that were given on the command line.

    Parameters
    ----------
    given : option name -> value, without the options that were left at their default
    """
    from vqa.data.dataset import load_dataset
    from vqa.evaluation.fit import fit
    from vqa.inspection.plots import save_training_plots
    from vqa.nn.losses import LOSSES
    from vqa.nn.network import build_network, default_preset
    from vqa.nn.word_vectors import load_word_vectors
    from vqa.scoring.formatting import format_rate
    from vqa.training.split import train_validation_split

    _log_to_stderr()
    run_dir: Path | None = given.pop("run_dir", None)
    resume, overwrite = given.pop("resume", False), given.pop("overwrite", False)
    config = effective_config(given, run_dir if resume else None)
    if config.loss not in LOSSES:
        raise ConfigError(f"unknown loss {config.loss!r}{did_you_mean(config.loss, LOSSES)}")
    dataset = load_dataset(
        card, max_bad=config.max_bad, max_answers=config.max_answers or None, min_word_count=config.min_word_count
    )
    model = config.model or default_preset(dataset.images.kind)
    run_dir = run_dir or Path("runs") / f"{dataset.card.name}-{model}"
    network = build_network(model, dataset, seed=config.seed, device=config.device, **config.model_options)
    if config.word_vectors and not resume:
        found = load_word_vectors(network, dataset.vocabulary, Path(config.word_vectors))
        log.info("%s: vectors for %d of %d words", config.word_vectors, found, dataset.vocabulary.num_words)
    run = fit(
        network, dataset, LOSSES[config.loss](), run_dir=run_dir, config=config, resume=resume, overwrite=overwrite
    )
    _, split, rows = train_validation_split(dataset, config)
    validation = dataset.table(split).take(rows)
    save_training_plots(run_dir, report=run.report(validation).to_json())
    best = run.record["best"]
    click.echo(
        f"{run_dir}: best epoch {run.record['best_epoch']}, validation any-of {format_rate(best['any_of'])}; "
        f"now: vqa evaluate {run_dir}"
    )


def _log_to_stderr() -> None:
    """Show what the package logs, once, however often one process trains."""
    logger = logging.getLogger("vqa")
    logger.setLevel(logging.INFO)
    if not any(type(handler) is logging.StreamHandler for handler in logger.handlers):
        logger.addHandler(logging.StreamHandler())


def effective_config(given: dict[str, Any], resumed: Path | None) -> TrainConfig:
    """Return defaults < --config FILE (or the resumed run's own configuration) < flags.

    Raises
    ------
    ConfigError
        An option is unknown or wrong.
    """
    config_file = given.pop("config_file", None)
    if resumed is not None and (resumed / "config.json").is_file():
        base = read_config(resumed / "config.json")
    else:
        base = read_config(config_file) if config_file else TrainConfig()
    options = [_parsed(text) for text in given.pop("model_options", ())]
    changes = {**given, **({"model_options": {**base.model_options, **dict(options)}} if options else {})}
    return base.replace(**changes)


def _parsed(text: str) -> tuple[str, int | float]:
    """Return the name and number of ``NAME=NUMBER``."""
    name, _, number = text.partition("=")
    for kind in (int, float):
        try:
            return name, kind(number)
        except ValueError:
            continue
    raise ConfigError(f"--option: expected NAME=NUMBER, like hidden=256, got {text!r}")
