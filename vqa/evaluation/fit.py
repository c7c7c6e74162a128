"""Train a network and open the resulting run."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from pathlib import Path

from vqa._mxnet import mx
from vqa.data.dataset import Dataset
from vqa.data.options import DataOptions
from vqa.errors import ConfigError
from vqa.evaluation.run import Run, load_run
from vqa.files import portable_paths, sha256_of_text
from vqa.nn.losses import LOSSES
from vqa.nn.network import VqaNetwork
from vqa.training.config import TrainConfig
from vqa.training.log import log_file, shown_on_stderr
from vqa.training.loop import train
from vqa.training.run_config import RunConfig, read_run_config
from vqa.training.run_folder import locked, to_json
from vqa.training.run_records import check_resumable, start_folder, versions
from vqa.training.threads import check_threads
from vqa.training.workers import current_workers

# What workers must have in common before they begin.
CHOICES = "its choices, its training questions or its versions of the libraries"


def fit(
    network: VqaNetwork,
    dataset: Dataset,
    loss: mx.gluon.Block,
    *,
    run_dir: str | Path,
    config: TrainConfig | None = None,
    resume: bool = False,
    overwrite: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    warmup: float | None = None,
    weight_decay: float | None = None,
    gradient_clip: float | None = None,
    validation_fraction: float | None = None,
    patience: int | None = None,
    metric: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    save_every: int | None = None,
    parts: int | None = None,
    threads: int | None = None,
    **misplaced: object,
) -> Run:
    """Train a network on a data set's split "train" and return the run with its best checkpoint.

    Parameters
    ----------
    network : from `vqa.build_network`, with initialised parameters
    dataset : from `vqa.load_dataset`
    loss : one of the losses of `vqa.nn.losses`
    run_dir : folder that the run is written to
    config : choices of training; the choices given one by one win over it
    resume : resume the run in `run_dir` where it stopped, bit for bit
    overwrite : replace the run in `run_dir`
    epochs, batch_size, learning_rate, warmup, weight_decay, gradient_clip, validation_fraction, patience, metric, seed,
    device, save_every, parts, threads : as in `vqa.TrainConfig`, which has their meaning and defaults
    misplaced : always refused; the error names the function that an option such as max_answers belongs to

    Raises
    ------
    ConfigError
        An option is unknown, wrong or belongs elsewhere, or differs from the run that is resumed.
    RunError
        The folder is not empty, is in use, or (resuming) holds no run on this data.
    TrainingError
        The loss is not finite, or the folder cannot be written.
    OtherWorkerError
        Another of the workers that train together failed.
    Interrupted
        Ctrl-C or SIGTERM came; the state is saved.
    """
    choices = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "warmup": warmup,
        "weight_decay": weight_decay,
        "gradient_clip": gradient_clip,
        "validation_fraction": validation_fraction,
        "patience": patience,
        "metric": metric,
        "seed": seed,
        "device": device,
        "save_every": save_every,
        "parts": parts,
        "threads": threads,
    }
    _check_places(misplaced)
    given = {name: value for name, value in choices.items() if value is not None}
    config = (config or TrainConfig()).updated({**given, **misplaced}, "vqa.fit")
    config = _with_network_and_loss(config, network, loss)
    folder = Path(run_dir)
    vocabulary = dataset.vocabulary.to_json()
    record = {
        "versions": versions(),
        **portable_paths({"card": dataset.card.path}, folder),
        "data_hash": {"train": dataset.table("train").content_hash()},
        "network": dataclasses.asdict(network.spec),
        "loss": config.loss,
        "activation": loss.activation,
        "seed": config.seed,
        "metric": config.metric,
        "sha256": {"vocab.json": sha256_of_text(vocabulary)},
    }
    workers = current_workers()
    with workers.ending_together(), shown_on_stderr(workers.is_first), ExitStack() as while_training:
        all_choices = RunConfig(config, dataset.options, network.word_vectors)
        with workers.agreed():
            check_threads(config)
            if workers.is_first:
                while_training.enter_context(locked(folder))
                if resume:
                    check_resumable(folder, _with_recorded_word_vectors(all_choices, folder), record)
                else:
                    start_folder(folder, all_choices, vocabulary, record, overwrite)
                while_training.enter_context(log_file(folder / "train.log"))
        common = to_json([all_choices.to_dict(), record["data_hash"], record["versions"]])
        workers.check_equal(common.encode, CHOICES)
        train(network, dataset, loss, config, folder, record, resume and (folder / "loop.json").exists(), workers)
    return load_run(folder, device=config.device, dataset=dataset)


def _check_places(options: dict[str, object]) -> None:
    """Refuse an option that is no choice of training, and name the function that it belongs to."""
    places = {field.name: "vqa.load_dataset(CARD, {}={!r})" for field in dataclasses.fields(DataOptions)}
    places.update(
        model="vqa.build_network({1!r}, dataset)",
        model_options="vqa.build_network(PRESET, dataset, **{1!r})",
        loss="the third argument, such as vqa.nn.losses.LOSSES[{1!r}]()",
        word_vectors="vqa.nn.word_vectors.load_word_vectors(network, dataset.vocabulary, {1!r})",
    )
    for name, value in options.items():
        if name in places:
            raise ConfigError(f"{name} is not an option of vqa.fit; choose it with {places[name].format(name, value)}")


def _with_network_and_loss(config: TrainConfig, network: VqaNetwork, loss: mx.gluon.Block) -> TrainConfig:
    """Return the configuration completed by the network's preset and options and the loss's name.

    Raises
    ------
    ConfigError
        The configuration names others, or the loss cannot be found by its name.
    """
    # Of the class itself: a loss derived from another one is another loss.
    name = vars(type(loss)).get("name")
    if name not in LOSSES:
        raise ConfigError(
            f"expected one of this package's losses ({', '.join(LOSSES)}), got {type(loss).__name__}: a run is "
            "evaluated with its loss, found by name; give the class a `name` and put it into vqa.nn.losses.LOSSES"
        )
    spec = network.spec
    options = {**spec.options, **config.model_options}
    for what, chosen, given in (
        ("model", config.model or spec.preset, spec.preset),
        ("model_options", options, spec.options),
        ("loss", name if config.loss == TrainConfig.loss else config.loss, name),
    ):
        if chosen != given:
            raise ConfigError(f"the configuration says {what} {chosen!r}, but {given!r} is to be trained")
    return config.replace(model=spec.preset, model_options=dict(spec.options), loss=name)


def _with_recorded_word_vectors(config: RunConfig, folder: Path) -> RunConfig:
    """Return the choices with the run's own word vectors: its checkpoint holds what became of them."""
    path = folder / "config.json"
    if config.word_vectors or not path.is_file():
        return config
    return dataclasses.replace(config, word_vectors=read_run_config(folder).word_vectors)
