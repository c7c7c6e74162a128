"""What ``vqa train`` does, apart from its options."""

from __future__ import annotations

import dataclasses
import logging
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqa.errors import ConfigError, RunError, did_you_mean
from vqa.training.config import TrainConfig
from vqa.training.run_config import RunConfig, read_config, read_run_config
from vqa.training.run_folder import recover
from vqa.training.run_records import check_empty
from vqa.training.seed_folders import seed_folder, seed_folders

if TYPE_CHECKING:
    from vqa.data.dataset import Dataset
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
            seeds: int | None = given.pop("seeds", None)
            resume, overwrite = given.pop("resume", False), given.pop("overwrite", False)
            resumed = run_dir if resume else None
            if seeds and resumed:
                resumed = next(iter(seed_folders(resumed)), None)
                given.setdefault("seed", TrainConfig.seed)
            choices = effective_config(given, resumed)
            choose_threads(choices.training)  # before MXNet is imported
        if seeds:
            _train_seeds(seeds, card, choices, run_dir, resume, overwrite, workers)
            return
        dataset = _opened(card, choices, workers)
        run_dir = run_dir or _default_folder(dataset, choices.training)
        run = _trained(dataset, choices, run_dir, resume, overwrite, workers)
    if workers.is_first:
        _report(run)


def _train_seeds(
    seeds: int, card: Path, choices: RunConfig, folder: Path | None, resume: bool, overwrite: bool, workers: Workers
) -> None:
    """Train one run per seed in a folder; when that is resumed, those that are finished are reported again."""
    dataset = _opened(card, choices, workers)
    folder = folder or _default_folder(dataset, choices.training)
    with workers.agreed():
        if folder.is_dir() and not resume and not overwrite:
            check_empty(folder)
    first = choices.training.seed
    for seed in range(first, first + seeds):
        config, run_dir = choices.training.replace(seed=seed), seed_folder(folder, seed)
        with workers.agreed():
            begun = resume and _is_begun(run_dir)
        run = _trained(dataset, dataclasses.replace(choices, training=config), run_dir, begun, overwrite, workers)
        if workers.is_first:
            _report(run)
    if workers.is_first:
        click.echo(f"{folder}: {seeds} seeds; now: {_evaluation(folder, dataset.splits)}")


def _is_begun(run_dir: Path) -> bool:
    """Return whether there is a run in a folder of one seed.

    Raises
    ------
    RunError
        The folder is a link: whoever made the folder above it would choose where this run is written.
    """
    if run_dir.is_symlink():
        raise RunError(f"{run_dir} is a link, which is not written through; resume what it leads to, or remove it")
    if run_dir.is_dir():
        recover(run_dir)
    return (run_dir / "run.json").exists()


def _opened(card: Path, choices: RunConfig, workers: Workers) -> Dataset:
    from vqa.data.dataset import load_dataset
    from vqa.nn.losses import LOSSES
    from vqa.training.log import shown_on_stderr

    with shown_on_stderr(workers.is_first), workers.agreed():
        loss = choices.training.loss
        if loss not in LOSSES:
            raise ConfigError(f"unknown loss {loss!r}{did_you_mean(loss, LOSSES)}")
        return load_dataset(card, **dataclasses.asdict(choices.data))


def _default_folder(dataset: Dataset, config: TrainConfig) -> Path:
    return Path("runs") / f"{dataset.card.name}-{_preset(dataset, config)}"


def _preset(dataset: Dataset, config: TrainConfig) -> str:
    from vqa.nn.network import default_preset

    return config.model or default_preset(dataset.images.kind)


def _trained(
    dataset: Dataset, choices: RunConfig, run_dir: Path, resume: bool, overwrite: bool, workers: Workers
) -> Run:
    from vqa.evaluation.fit import fit
    from vqa.nn.losses import LOSSES
    from vqa.nn.network import build_network
    from vqa.nn.word_vectors import load_word_vectors
    from vqa.training.log import shown_on_stderr

    config = choices.training
    with shown_on_stderr(workers.is_first):
        with workers.agreed():
            model = _preset(dataset, config)
            network = build_network(model, dataset, seed=config.seed, device=config.device, **config.model_options)
            # Before its first state is saved, a run that is resumed starts where it started.
            if choices.word_vectors and not (resume and (run_dir / "loop.json").exists()):
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
    click.echo(
        f"{run.path}: best epoch {run.record['best_epoch']}, validation any-of {format_rate(best['any_of'])}; "
        f"now: {_evaluation(run.path, dataset.splits)}"
    )


def _evaluation(folder: Path, splits: list[str]) -> str:
    """Return the command that evaluates on the most telling split of a data set; "test" is its default."""
    option = [] if "test" in splits else ["--split", "val" if "val" in splits else "train"]
    return shlex.join(["vqa", "evaluate", str(folder), *option])


def effective_config(given: dict[str, Any], resumed: Path | None) -> RunConfig:
    """Return defaults (or the resumed run's own configuration) < --config FILE < flags.

    Raises
    ------
    ConfigError
        An option is unknown or wrong.
    """
    config_file = given.pop("config_file", None)
    base = RunConfig()
    if resumed is not None and resumed.is_dir():
        recover(resumed)
        if (resumed / "config.json").is_file():
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
