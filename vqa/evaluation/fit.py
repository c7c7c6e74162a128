"""Train a network and open the run that comes of it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from vqa._mxnet import mx
from vqa.data.dataset import Dataset
from vqa.errors import ConfigError
from vqa.evaluation.run import Run, load_run
from vqa.files import sha256_of_text
from vqa.nn.losses import LOSSES
from vqa.nn.network import VqaNetwork
from vqa.training.config import TrainConfig
from vqa.training.loop import Training
from vqa.training.run_folder import check_resumable, locked, log_file, start_folder, versions


def fit(
    network: VqaNetwork,
    dataset: Dataset,
    loss: mx.gluon.Block,
    *,
    run_dir: str | Path,
    config: TrainConfig | None = None,
    resume: bool = False,
    overwrite: bool = False,
    **options: Any,
) -> Run:
    """Train a network on a data set's split "train" and return the run with its best checkpoint.

    Parameters
    ----------
    network : from `vqa.build_network`, with initialised parameters
    loss : one of the losses of `vqa.nn.losses`
    run_dir : folder that the run is written to
    config : choices of the run; `options` (names of `TrainConfig`) win over it
    resume : go on where the run in `run_dir` stopped, bit for bit
    overwrite : replace the run in `run_dir`

    Raises
    ------
    ConfigError
        An option is unknown or wrong, or differs from the run that is resumed.
    RunError
        The folder is not empty, is in use, or (resuming) holds no run on this data.
    TrainingError
        The loss is not finite, or the folder cannot be written.
    Interrupted
        Ctrl-C or SIGTERM came; the state is saved.
    """
    folder = Path(run_dir)
    config = (config or TrainConfig()).replace(**options)
    config = config.replace(model=network.spec.preset, model_options=dict(network.spec.options), loss=_name_of(loss))
    vocabulary = dataset.vocabulary.to_json()
    record = {
        "versions": versions(),
        "card": str(dataset.card.path),
        "data_hash": {"train": dataset.table("train").content_hash()},
        "network": dataclasses.asdict(network.spec),
        "loss": config.loss,
        "activation": loss.activation,
        "seed": config.seed,
        "sha256": {"vocab.json": sha256_of_text(vocabulary)},
    }
    with locked(folder):
        if resume:
            check_resumable(folder, config, record)
        else:
            start_folder(folder, config, vocabulary, record, overwrite)
        with log_file(folder):
            training = Training(network, dataset, loss, config, folder, record)
            if resume and (folder / "loop.json").exists():
                training.restore()
            training.run()
    return load_run(folder, device=config.device, dataset=dataset)


def _name_of(loss: mx.gluon.Block) -> str:
    """Return the name under which the run folder records a loss."""
    for name, block in LOSSES.items():
        if type(loss) is block:
            return name
    raise ConfigError(f"expected one of this package's losses ({', '.join(LOSSES)}), got {type(loss).__name__}")
