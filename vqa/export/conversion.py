"""MXNet's parameter files to safetensors files and back, byte for byte and without MXNet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from vqa.errors import ConfigError
from vqa.export.safetensors_file import open_safetensors, write_safetensors
from vqa.params_file import open_params, write_params
from vqa.tensors import TensorFile


class Format(NamedTuple):
    """How a file of tensors is opened and written."""

    open: Callable[[Path], TensorFile]
    write: Callable[[TensorFile, Path], None]


FORMATS = {".params": Format(open_params, write_params), ".safetensors": Format(open_safetensors, write_safetensors)}
"""From the suffix of a file to its reader and writer."""


def convert(source: str | Path, target: str | Path) -> TensorFile:
    """Copy the tensors of a .params or .safetensors file into a file of the other kind; the suffixes say which.

    A tensor keeps its name, type, shape and every byte. A .params file that goes to safetensors and back is the same
    file. The numbers pass through memory a few megabytes at a time.

    Returns
    -------
    what was in `source`

    Raises
    ------
    ConfigError
        A suffix is another one, or both are the same.
    DataError
        `source` is damaged, or holds what the other kind of file cannot.
    OSError
        A file cannot be read or written.
    """
    source, target = Path(source), Path(target)
    formats = []
    for path in (source, target):
        if path.suffix not in FORMATS:
            raise ConfigError(f"expected a file named .params or .safetensors, got {path}")
        formats.append(FORMATS[path.suffix])
    if source.suffix == target.suffix:
        raise ConfigError(f"{source} and {target} are files of one kind: copy the file instead")
    tensors = formats[0].open(source)
    formats[1].write(tensors, target)
    return tensors
