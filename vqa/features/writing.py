"""Features files, written so that an interrupted extraction continues where it stopped."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from filelock import Timeout

from vqa.errors import ConfigError, ImageError
from vqa.features.files import ids_file, settings_file
from vqa.files import lock_file, make_folder, parse_json, replacing, sync_folder


def check_target(path: Path, overwrite: bool) -> None:
    """Raise a ConfigError if `path` is not the name of a features file, or exists and must not be overwritten."""
    if path.suffix != ".npy":
        raise ConfigError(f"expected a features file named like features.npy, got {path}")
    if path.exists() and not overwrite:
        raise ConfigError(f"{path} exists already; --overwrite replaces it")


class FeatureWriter:
    """Writes a features file and its ids; after an interruption, it continues after the last complete row.

    Rows are written to ``<path>.part``, the ids of the complete rows to ``<path>.progress``; `finish` renames both. The
    writer is a context manager that holds a lock against a second process.

    Attributes
    ----------
    image_ids : of the rows written so far, including those of an earlier attempt

    Parameters
    ----------
    path : the .npy file to write
    shape : of the features of one image
    dtype : float32 or float16
    settings : how the features are made, as JSON values; an earlier attempt is continued only with equal settings
    overwrite : replace an existing file, and drop an earlier attempt with other settings

    Raises
    ------
    ConfigError
        The file exists, or an earlier attempt had other settings.
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
        make_folder(self.path.parent)
        with ExitStack() as stack:
            self._lock(stack)
            for path in (self._part, self._progress):
                if path.is_symlink() or not path.is_file():
                    path.unlink(missing_ok=True)  # not ours: a link would be written through, a pipe waited for
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
        lock = lock_file(self.path.with_name(self.path.name + ".lock"))
        try:
            stack.enter_context(lock.acquire(timeout=0))
        except Timeout:
            raise ImageError(f"{self.path}: another process is writing this file") from None
        # No process waits for this lock, so its file can be removed before it is released.
        stack.callback(Path(lock.lock_file).unlink)

    def _header(self, num_rows: int) -> bytes:
        """Return the header of the .npy file; its length is the same for every number of rows."""
        header = io.BytesIO()
        fields = {"descr": self.dtype.str, "fortran_order": False, "shape": (num_rows, *self.shape)}
        np.lib.format.write_array_header_1_0(header, fields)
        return header.getvalue()

    def _end(self) -> int:
        """Return where the last complete row ends."""
        return len(self._header(0)) + self._row_bytes * len(self.image_ids)

    @property
    def _row_bytes(self) -> int:
        return self.dtype.itemsize * math.prod(self.shape)

    def _earlier_ids(self) -> list[str]:
        """Return the ids whose rows an earlier attempt completed; an empty list if there was no attempt."""
        if not (self._part.exists() and self._progress.exists()):
            return []
        settings, *image_ids = self._progress.read_text(encoding="utf-8", errors="replace").split("\n")
        try:
            earlier = parse_json(settings)
        except ValueError:
            earlier = None
        if earlier == self._settings:
            # Text after the last line break is an incomplete id. A row is written before its id; where a row is missing
            # nevertheless, its id does not count.
            num_rows = (self._part.stat().st_size - len(self._header(0))) // self._row_bytes
            return image_ids[:-1][: max(0, num_rows)]
        if self._overwrite:
            return []
        if not isinstance(earlier, dict):
            raise ConfigError(f"{self._progress} is damaged: it says no settings; --overwrite starts anew")
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
            A value is not finite, or is too large for float16.
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
            raise OSError(
                error.errno, f"{error.strerror}; the rows written so far are kept", str(self._part)
            ) from error
        self.image_ids.extend(image_ids)

    def _write_rows(self, position: int, data: bytes) -> None:
        with open(self._part, "r+b") as rows:
            rows.seek(position)
            rows.write(data)
            rows.flush()
            os.fsync(rows.fileno())

    def finish(self) -> None:
        """Give the file its final header and name, and write the ids and settings beside it."""
        self._write_rows(0, self._header(len(self.image_ids)))
        # The .npy file goes first and comes last, each flushed to the disk before the next step, so that it is never
        # beside the ids of another file; only when all else is written, so that no full disk comes between.
        with replacing(settings_file(self.path)) as settings, replacing(ids_file(self.path)) as ids:
            json.dump(self._settings, settings, indent=2)
            ids.writelines(f"{image_id}\n" for image_id in self.image_ids)
            for file in (settings, ids):
                file.flush()
                os.fsync(file.fileno())
            self.path.unlink(missing_ok=True)
            sync_folder(self.path.parent)
        os.replace(self._part, self.path)
        sync_folder(self.path.parent)
        self._progress.unlink()
