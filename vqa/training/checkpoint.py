"""A checkpoint: everything that resuming a run needs, written to its folder and read back, without pickle.

=================  ====================================================================================
last.params        parameters after the last step
trainer.states     arrays of the optimizer
loop.json          progress, update counts of the optimizer, hashes of the two files above
history.csv        one row per finished epoch
best.params        parameters after the best epoch; its number and scores go into run.json
=================  ====================================================================================
"""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from vqa._mxnet import mx
from vqa.data.batching import PLAN_VERSION
from vqa.errors import RunError
from vqa.files import sha256_of_file
from vqa.training.parameters import load_network, network_arrays, read_arrays, save_arrays
from vqa.training.run_folder import Writer, commit, text_writer
from vqa.training.run_records import check_hash, read_record, record_json
from vqa.training.validation import Validation


@dataclass
class Progress:
    """How far training has come: what resuming needs besides parameters and optimizer state.

    Every random draw is a function of (seed, epoch, step), so that these numbers are the random state.

    Attributes
    ----------
    epoch : number of finished epochs
    step : steps taken in the current epoch
    loss_sum, known_sum : of the current epoch: sum of the losses in nats, number of questions with a known answer
    seconds : spent on the steps of the current epoch
    best_epoch : 1 for the first; 0 before there is one
    best : validation scores of the best epoch
    history : one row per finished epoch
    """

    epoch: int = 0
    step: int = 0
    loss_sum: float = 0.0
    known_sum: int = 0
    seconds: float = 0.0
    best_epoch: int = 0
    best: dict[str, float] | None = None
    history: list[dict[str, Any]] = field(default_factory=list)

    def finish_epoch(self, scores: dict[str, float], metric: str) -> bool:
        """Write the epoch into the history, start the next, and return whether this one is the best so far."""
        self.epoch += 1
        train_loss = self.loss_sum / self.known_sum
        row = {"epoch": self.epoch, "train_loss": train_loss, **scores, "seconds": round(self.seconds, 3)}
        self.history.append(row)
        self.step, self.loss_sum, self.known_sum, self.seconds = 0, 0.0, 0, 0.0
        is_best = self.best is None or _rank(scores, metric) > _rank(self.best, metric)
        if is_best:
            self.best, self.best_epoch = scores, self.epoch
        return is_best


def _rank(scores: dict[str, float], metric: str) -> tuple[float, float]:
    """Order validation scores by a metric, the lower loss among equals; a score that is not defined is the worst."""
    lower_loss = -scores["loss"] if math.isfinite(scores["loss"]) else -math.inf
    score = lower_loss if metric == "loss" else scores[metric]
    return (-math.inf if math.isnan(score) else score), lower_loss


def save_checkpoint(
    folder: Path,
    network: mx.gluon.Block,
    trainer: mx.gluon.Trainer,
    progress: Progress,
    record: dict[str, Any],
    is_best: bool,
) -> None:
    """Save a checkpoint as one transaction; with `is_best` its parameters as the best ones as well.

    Parameters
    ----------
    record : what run.json holds besides the best epoch

    Raises
    ------
    TrainingError
        A file cannot be written; the state saved before is intact.
    """
    parameters = network_arrays(network)
    optimizer, counts = optimizer_arrays(trainer)
    values = asdict(progress)
    history = values.pop("history")
    # JSON has no NaN, which stands for a score that is not defined on the validation questions.
    best = values["best"] = progress.best and {
        name: None if math.isnan(score) else score for name, score in progress.best.items()
    }
    hashes: dict[str, str] = {}

    def arrays_writer(name: str, arrays: dict[str, mx.nd.NDArray]) -> Writer:
        def write(path: Path) -> None:
            save_arrays(arrays, path)
            hashes[name] = sha256_of_file(path)

        return write

    # Written after the arrays, whose hashes they hold.
    def write_loop(path: Path) -> None:
        state = {
            "seed": record["seed"], "plan_version": PLAN_VERSION, "optimizer": counts, **values, "sha256": hashes,
        }  # fmt: skip
        path.write_text(record_json(state), encoding="utf-8")

    def write_run(path: Path) -> None:
        digests = {**record["sha256"], "best.params": hashes["best.params"]}
        state = {**record, "best_epoch": progress.best_epoch, "best": best, "sha256": digests}
        path.write_text(record_json(state), encoding="utf-8")

    writers = {
        "last.params": arrays_writer("last.params", parameters),
        "trainer.states": arrays_writer("trainer.states", optimizer),
        "history.csv": text_writer(history_csv(history)),
        "loop.json": write_loop,
    }
    if is_best:
        writers.update({"best.params": arrays_writer("best.params", parameters), "run.json": write_run})
    commit(folder, writers)


def restore_checkpoint(folder: Path, network: mx.gluon.Block, trainer: mx.gluon.Trainer) -> Progress:
    """Load what `save_checkpoint` saved into a network and a trainer of the same shape, and return the progress.

    Raises
    ------
    RunError
        A file of the run folder is missing, damaged or of another network, or the run stopped inside an epoch whose
        batches another version of vqa had made.
    """
    record = read_record(folder, "loop.json")
    if record["step"] and record.get("plan_version", 1) != PLAN_VERSION:
        raise RunError(
            f"{folder} stopped inside epoch {record['epoch'] + 1} with a version of vqa that makes other batches: the "
            "rest of that epoch is not known; resume with that version, or train again with --overwrite"
        )
    for name, digest in record["sha256"].items():
        check_hash(folder / name, digest)
    load_network(network, folder / "last.params")
    load_optimizer(trainer, folder / "trainer.states", record["optimizer"])
    values = {name: record[name] for name in (column.name for column in fields(Progress)) if name != "history"}
    if values["best"]:
        values["best"] = {name: math.nan if score is None else score for name, score in values["best"].items()}
    return Progress(**values, history=read_history(folder / "history.csv"))


def optimizer_arrays(trainer: mx.gluon.Trainer) -> tuple[dict[str, mx.nd.NDArray], dict[str, Any]]:
    """Return the optimizer's state: arrays by "parameter/slot", and its update counts for JSON.

    ``Trainer.save_states`` would write a pickle; this is the same content.
    """
    arrays = {}
    # Sorted, so that equal states make equal files whatever order they were made in.
    for index, state in sorted(trainer._updaters[0].states.items()):
        slots = state if isinstance(state, (tuple, list)) else [state]
        arrays.update({f"{index}/{slot}": array for slot, array in enumerate(slots) if array is not None})
    optimizer = trainer._optimizer
    counts = {str(index): count for index, count in sorted(optimizer._index_update_count.items())}
    return arrays, {"num_update": optimizer.num_update, "index_update_count": counts}


def load_optimizer(trainer: mx.gluon.Trainer, path: Path, counts: dict[str, Any]) -> None:
    """Give a new trainer the optimizer state saved from another one over the same parameters.

    Raises
    ------
    RunError
        The file does not hold the state of these parameters.
    """
    stored = read_arrays(path) if counts["num_update"] else {}
    updater, optimizer = trainer._updaters[0], trainer._optimizer
    slots: dict[int, list[mx.nd.NDArray]] = {}
    for name in sorted(stored):
        parameter, _, slot = name.partition("/")
        if not (parameter.isdecimal() and slot.isdecimal()):
            raise RunError(f"{path} holds the array {name!r}, which is no optimizer state; train the run again")
        slots.setdefault(int(parameter), []).append(stored[name])
    parameters = dict(enumerate(trainer._params))
    for index, arrays in slots.items():
        if index not in parameters or any(array.shape != parameters[index].shape for array in arrays):
            raise RunError(f"{path} holds the optimizer state of another network; resume with the run's own options")
        data = parameters[index].list_data()[0]
        arrays = [array.as_in_context(data.context) for array in arrays]
        fresh = optimizer.create_state_multi_precision(index, data)
        updater.states[index] = tuple(arrays) if isinstance(fresh, (tuple, list)) else arrays[0]
        updater.states_synced[index] = True
    optimizer.num_update = counts["num_update"]
    optimizer._index_update_count.update({int(index): count for index, count in counts["index_update_count"].items()})


def state_digest(network: mx.gluon.Block, trainer: mx.gluon.Trainer) -> bytes:
    """Return a hash of all that training has learned: the parameters and the state of the optimizer."""
    digest = hashlib.sha256()
    for arrays in (network_arrays(network), optimizer_arrays(trainer)[0]):
        for array in arrays.values():
            digest.update(array.asnumpy().tobytes())
    return digest.digest()


def history_csv(history: list[dict[str, Any]]) -> str:
    """Return the history as CSV text with full precision."""
    text = io.StringIO()
    names = ["epoch", "train_loss", *(field.name for field in fields(Validation)), "seconds"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read what `history_csv` wrote.

    Raises
    ------
    RunError
        The file is damaged.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return [
                {name: int(value) if name == "epoch" else float(value) for name, value in row.items()}
                for row in csv.DictReader(file)
            ]
    except (ValueError, TypeError, csv.Error) as error:
        raise RunError(f"{path} is damaged ({error}); restore it or train the run again") from error
