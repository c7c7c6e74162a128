"""Parameters and optimizer state to files and back, exactly, in MXNet's own array format."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from vqa._mxnet import mx
from vqa.errors import RunError


def save_arrays(arrays: dict[str, mx.nd.NDArray], path: Path) -> None:
    """Save named arrays and read them back, since MXNet does not notice when a disk fills up.

    Raises
    ------
    OSError
        The file could not be written whole.
    """
    try:
        mx.nd.save(str(path), arrays)
        stored = mx.nd.load(str(path)) if arrays else {}
    except mx.MXNetError as error:
        # MXNet gives no error number; it fails here when the folder cannot be written or the disk filled up.
        raise OSError(errno.EIO, "a file could not be written whole; is the disk full?", str(path)) from error
    # As bytes, so that NaN equals NaN.
    if any(stored[name].asnumpy().tobytes() != array.asnumpy().tobytes() for name, array in arrays.items()):
        raise OSError(errno.EIO, "a file reads back differently from what was written", str(path))


def network_arrays(network: mx.gluon.Block) -> dict[str, mx.nd.NDArray]:
    """Return a network's parameters by attribute path, the names that ``load_parameters`` expects."""
    return {name: parameter.data() for name, parameter in network._collect_params_with_prefix().items()}


def load_network(network: mx.gluon.Block, path: Path) -> None:
    """Load parameters saved by `save_arrays` into a network of the same shape.

    Raises
    ------
    RunError
        A parameter is missing, extra or of another shape, or the file is no parameter file.
    """
    try:
        stored = mx.nd.load(str(path))
    except mx.MXNetError as error:
        raise RunError(f"{path} is not a readable parameter file; restore it or train the run again") from error
    parameters = network._collect_params_with_prefix()
    names = set(stored) if isinstance(stored, dict) else set()
    if names != set(parameters):
        missing, extra = sorted(set(parameters) - names), sorted(names - set(parameters))
        raise RunError(f"{path} does not fit the network: missing parameters {missing}, extra parameters {extra}")
    for name, parameter in parameters.items():
        if parameter.shape != stored[name].shape:
            raise RunError(
                f"{path}: parameter {name} has the shape {stored[name].shape}, the network expects {parameter.shape}"
            )
        parameter.set_data(stored[name].astype(parameter.dtype))


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
    stored = mx.nd.load(str(path)) if counts["num_update"] else {}
    updater, optimizer = trainer._updaters[0], trainer._optimizer
    slots: dict[int, list[mx.nd.NDArray]] = {}
    for name in sorted(stored):
        slots.setdefault(int(name.split("/")[0]), []).append(stored[name])
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
