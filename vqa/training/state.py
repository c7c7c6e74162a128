"""The state of a training run, to its folder and back: parameters, optimizer, progress, history."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from vqa._mxnet import mx
from vqa.hashing import sha256_of_file
from vqa.training import checkpoint
from vqa.training.config import TrainConfig
from vqa.training.history import history_csv, read_history
from vqa.training.parameters import load_network, load_optimizer, network_arrays, optimizer_arrays, save_arrays


@dataclass
class Progress:
    """Where training stands: all that a resume needs beside parameters and optimizer state.

    Every random draw is a function of (seed, epoch, step), so that these numbers are the random state.
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    known_sum: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best: dict[str, float] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)


def save_state(
    folder: Path,
    network: mx.gluon.Block,
    trainer: mx.gluon.Trainer,
    progress: Progress,
    config: TrainConfig,
    record: dict[str, Any],
    is_best: bool,
) -> None:
    """Save parameters, optimizer state and progress as one transaction; with `is_best` the best checkpoint as well.

    Raises
    ------
    TrainingError
        A file cannot be written; the state saved before is intact.
    """
    parameters = network_arrays(network)
    optimizer, counts = optimizer_arrays(trainer)
    values = asdict(progress)
    history = values.pop("history")
    hashes: dict[str, str] = {}

    def arrays_writer(name: str, arrays: dict[str, mx.nd.NDArray]) -> checkpoint.Writer:
        def write(path: Path) -> None:
            save_arrays(arrays, path)
            hashes[name] = sha256_of_file(path)

        return write

    # Written after the arrays, whose hashes they hold.
    def write_loop(path: Path) -> None:
        state = {"seed": config.seed, "optimizer": counts, **values, "sha256": hashes}
        path.write_text(checkpoint.record_json(state), encoding="utf-8")

    def write_run(path: Path) -> None:
        best = {"best_epoch": progress.best_epoch, "metric": config.metric, "best": progress.best}
        digests = {**record["sha256"], "best.params": hashes["best.params"]}
        path.write_text(checkpoint.record_json({**record, **best, "sha256": digests}), encoding="utf-8")

    writers = {
        "last.params": arrays_writer("last.params", parameters),
        "trainer.states": arrays_writer("trainer.states", optimizer),
        "history.csv": checkpoint.text_writer(history_csv(history)),
        "loop.json": write_loop,
    }
    if is_best:
        writers.update({"best.params": arrays_writer("best.params", parameters), "run.json": write_run})
    checkpoint.commit(folder, writers)


def restore_state(folder: Path, network: mx.gluon.Block, trainer: mx.gluon.Trainer) -> Progress:
    """Load what `save_state` saved into a network and a trainer of the same shape, and return the progress.

    Raises
    ------
    RunError
        A file of the run folder is missing, damaged or of another network.
    """
    record = checkpoint.read_record(folder, "loop.json")
    for name, digest in record["sha256"].items():
        checkpoint.check_hash(folder / name, digest)
    load_network(network, folder / "last.params")
    load_optimizer(trainer, folder / "trainer.states", record["optimizer"])
    values = {name: record[name] for name in Progress.__dataclass_fields__ if name != "history"}
    return Progress(**values, history=read_history(folder / "history.csv"))
