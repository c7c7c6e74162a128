"""Arrays in MXNet's files, a network's parameters among them, checked when they are written and when they are read."""

from __future__ import annotations

import errno
import math
from pathlib import Path

from vqa._mxnet import mx
from vqa.errors import DataError, RunError
from vqa.params_file import open_params


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


def read_arrays(path: Path) -> dict[str, mx.nd.NDArray]:
    """Return the arrays of a file by name; of a file without names, none.

    Raises
    ------
    RunError
        The file is not a readable file of dense arrays.
    """
    count_numbers(path)
    try:
        stored = mx.nd.load(str(path))
    except mx.MXNetError as error:
        raise RunError(f"{path} is not a readable parameter file; restore it or train the run again") from error
    return stored if isinstance(stored, dict) else {}


def count_numbers(path: Path) -> int:
    """Check the headers of a parameter file and return how many numbers its arrays have.

    MXNet's own reader allocates by what it finds in the headers, and some kill it.

    Raises
    ------
    RunError
        The file is not a readable file of dense arrays.
    """
    try:
        return sum(math.prod(tensor.shape) for tensor in open_params(path).tensors.values())
    except DataError as error:
        raise RunError(f"{error}; restore it or train the run again") from error


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
    stored = read_arrays(path)
    parameters = network._collect_params_with_prefix()
    names = set(stored)
    if names != set(parameters):
        missing, extra = sorted(set(parameters) - names), sorted(names - set(parameters))
        raise RunError(f"{path} does not fit the network: missing parameters {missing}, extra parameters {extra}")
    for name, parameter in parameters.items():
        if parameter.shape != stored[name].shape:
            raise RunError(
                f"{path}: parameter {name} has the shape {stored[name].shape}, the network expects {parameter.shape}"
            )
        parameter.set_data(stored[name].astype(parameter.dtype))
