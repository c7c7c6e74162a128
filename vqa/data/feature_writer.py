"""FeatureWriter: a features file that grows row by row and survives being killed."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import FileLock, Timeout

from vqa.atomic import replacing
from vqa.data.features import ids_file, settings_file
from vqa.errors import ConfigError, ImageError


class FeatureWriter:
    """Writes a features file and its ids; begun again after a kill, it goes on after the last complete row.

    Rows go to ``<path>.part``, the ids of the complete ones to ``<path>.progress``; `finish` renames. Use it as a
    context manager: it holds a lock against a second process.

    Attributes
    ----------
    image_ids : of the rows that are there, those of an earlier attempt included

    Parameters
    ----------
    path : the .npy file to write
    shape : of the features of one image
    dtype : float32 or float16
    settings : how the features are made, as JSON values; an earlier attempt with others is not gone on with
    overwrite : replace a file that is there, and drop an earlier attempt with other settings

    Raises
    ------
    ConfigError
        The file is there already, or an earlier attempt had other settings.
    ImageError
        Another process is writing the file.
    """

    def __init__(
        self,
        path: Path,
        shape: tuple[int, ...],
        dtype: npt.DTypeLike,
        settings: dict[str, Any],
        *,
        overwrite: bool = False,
    ) -> None:
        check_target(path, overwrite)
        self.path, self.shape, self.dtype = path, shape, np.dtype(dtype)
        self.image_ids: list[str] = []
        self._part, self._progress = (path.with_name(path.name + end) for end in (".part", ".progress"))
        self._settings = {**settings, "shape": list(shape), "dtype": self.dtype.name}
        self._overwrite = overwrite
        self._stack = ExitStack()

    def __enter__(self) -> FeatureWriter:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with ExitStack() as stack:
            self._lock(stack)
            self.image_ids = self._earlier_ids()
            with replacing(self._progress) as file:
                file.writelines(f"{line}\n" for line in [json.dumps(self._settings), *self.image_ids])
            with open(self._part, "r+b" if self.image_ids else "wb") as rows:
                rows.write(self._header(0))
                rows.truncate(self._end())
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _lock(self, stack: ExitStack) -> None:
        lock = FileLock(self.path.with_name(self.path.name + ".lock"), timeout=0)
        try:
            stack.enter_context(lock)
        except Timeout:
            raise ImageError(f"{self.path}: another process is writing this file") from None
        # Nobody waits for this lock, so that its file can go before it is released.
        stack.callback(Path(lock.lock_file).unlink)

    def _header(self, num_rows: int) -> bytes:
        """Return the header of the .npy file; its length is the same for every number of rows."""
        header = io.BytesIO()
        fields = {"descr": self.dtype.str, "fortran_order": False, "shape": (num_rows, *self.shape)}
        np.lib.format.write_array_header_1_0(header, fields)
        return header.getvalue()

    def _end(self) -> int:
        """Return where the last complete row ends."""
        return len(self._header(0)) + self.dtype.itemsize * int(np.prod(self.shape)) * len(self.image_ids)

    def _earlier_ids(self) -> list[str]:
        """Return the ids whose rows an earlier attempt completed; none if there was none."""
        if not (self._part.exists() and self._progress.exists()):
            return []
        settings, *image_ids = self._progress.read_text(encoding="utf-8", errors="replace").split("\n")
        earlier = json.loads(settings)
        if earlier == self._settings:
            # What follows the last line break was cut off by the kill. A row is written before its id.
            return image_ids[:-1]
        if self._overwrite:
            return []
        changed = [key for key in self._settings if earlier.get(key) != self._settings[key]]
        was = ", ".join(f"{key} = {earlier.get(key)}" for key in changed)
        raise ConfigError(
            f"{self._part} is an unfinished extraction with other settings ({was}); repeat those, or --overwrite it"
        )

    def append(self, image_ids: Sequence[str], features: npt.NDArray[np.float32]) -> None:
        """Add the features float32 (M, *shape) of M images.

        Raises
        ------
        ImageError
            A value is not finite, or too large for float16.
        OSError
            The rows cannot be written, such as when the disk is full.
        """
        with np.errstate(over="ignore"):
            rows = features.astype(self.dtype)
        finite = np.isfinite(rows).reshape(len(rows), -1).all(axis=1)
        if not finite.all():
            image_id = image_ids[int(np.argmin(finite))]
            raise ImageError(f"the features of image {image_id!r} are not all finite as {self.dtype.name}")
        try:
            self._write_rows(self._end(), rows.tobytes())
            with open(self._progress, "a", encoding="utf-8", newline="") as file:
                file.writelines(f"{image_id}\n" for image_id in image_ids)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}; what is written so far is kept", str(self._part)) from error
        self.image_ids.extend(image_ids)

    def _write_rows(self, position: int, data: bytes) -> None:
        with open(self._part, "r+b") as rows:
            rows.seek(position)
            rows.write(data)
            rows.flush()
            os.fsync(rows.fileno())

    def finish(self) -> None:
        """Give the file its final header and name, and write its ids and its settings beside it."""
        self._write_rows(0, self._header(len(self.image_ids)))
        # The .npy comes last, so that it never stands beside the ids of another one.
        self.path.unlink(missing_ok=True)
        with replacing(ids_file(self.path)) as file:
            file.writelines(f"{image_id}\n" for image_id in self.image_ids)
        with replacing(settings_file(self.path)) as file:
            json.dump(self._settings, file, indent=2)
        os.replace(self._part, self.path)
        self._progress.unlink()


def check_target(path: Path, overwrite: bool) -> None:
    """Raise a ConfigError if `path` is no name of a features file, or is there already and is to be kept."""
    if path.suffix != ".npy":
        raise ConfigError(f"expected a features file named like features.npy, got {path}")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} is there already; --overwrite replaces it")
