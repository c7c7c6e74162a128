"""Files are written aside, flushed to the disk and renamed, so that no reader sees half a file; their hashes; and paths
that are still found when what records them has moved."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from filelock import FileLock


@contextmanager
def replacing(path: Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file beside `path` that replaces it when the block ends without an error.

    Parameters
    ----------
    path : the file to write; its folder is made if needed
    mode : "w" for UTF-8 text, "wb" for bytes

    Raises
    ------
    OSError
        The file cannot be written (no permission, disk full); the error names it, `path` is as it was, nothing is left
        beside it.
    """
    make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        text = "b" not in mode
        # A link of that name, which somebody may have left in a shared folder, would be written through.
        _remove(temporary)
        with open(
            temporary, mode.replace("w", "x"), encoding="utf-8" if text else None, newline="" if text else None
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        sync_folder(path.parent)
    except OSError as error:
        _remove(temporary)
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        # A failing write, on a full disk for example, names no file; the temporary one means nothing to a user.
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        _remove(temporary)
        raise


# What opening or flushing a folder answers where the system cannot do it; on Windows a folder cannot even be opened.
_CANNOT_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.ENOSYS, errno.EACCES, errno.EPERM, errno.EBADF)


def sync_folder(folder: Path) -> None:
    """Flush a folder to the disk, so that its files keep their new names after a power cut, where the system can.

    Raises
    ------
    OSError
        The disk fails.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC:
            raise OSError(error.errno, error.strerror, str(folder)) from error


def make_folder(folder: Path) -> None:
    """Make a folder and those above it where they are missing, and flush their names to the disk."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        sync_folder(path.parent)


def files_below(folder: Path) -> list[Path]:
    """Return the files in a folder and in those below it, sorted; links to folders are not entered.

    Raises
    ------
    OSError
        A folder cannot be listed. ``Path.rglob`` would take it for an empty one.
    """

    def fail(error: OSError) -> None:
        raise error

    return sorted(Path(place) / name for place, _, names in os.walk(folder, onerror=fail) for name in names)


def lock_file(path: Path) -> FileLock:
    """Return a lock on a file; acquired, it is held by one process alone until that releases it or ends.

    Raises
    ------
    OSError
        The path is a link: acquiring the lock would make, or empty, the file that the link leads to.
    """
    from filelock import FileLock

    if path.is_symlink():
        raise OSError(errno.ELOOP, "is a link, which a lock must not be; remove it", str(path))
    return FileLock(str(path))


def is_own(path: Path) -> bool:
    """Return whether a path is a regular file, no link, that this user or root owns and that not everybody may write.

    Where others can write, a cache may hold files that they put there.
    """
    try:
        status = os.lstat(path)
    except OSError:
        return False
    owners = (os.getuid(), 0) if hasattr(os, "getuid") else (status.st_uid,)
    return stat.S_ISREG(status.st_mode) and status.st_uid in owners and not status.st_mode & stat.S_IWOTH


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def parse_json(text: str) -> Any:
    """Return the value of a JSON text, like ``json.loads``.

    Raises
    ------
    ValueError
        The text is not JSON, or is nested too deeply, of which Python says RecursionError.

    >>> parse_json("[1, null]")
    [1, None]
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("nested too deeply to read") from None


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def sha256_of_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8, as `sha256_of_file` gives it of the file that holds the text.

    >>> sha256_of_text("abc")[:8]
    'ba7816bf'
    """
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def portable_paths(paths: Mapping[str, str | Path], folder: Path) -> dict[str, str]:
    """Return paths as a file in `folder` records them: absolute, and relative to the folder as ``NAME_from_here``."""
    recorded = {}
    for name, path in paths.items():
        recorded[name] = os.path.abspath(path)
        with contextlib.suppress(ValueError):  # on Windows nothing leads from one drive to another
            recorded[f"{name}_from_here"] = os.path.relpath(Path(path).resolve(), folder.resolve())
    return recorded


def find_recorded(record: Mapping[str, Any], name: str, folder: Path) -> Path:
    """Return where a path is now that a file in `folder` recorded with `portable_paths`, or as it was typed.

    What has moved together with the folder is found from there, what has stayed at its old place. A path as it was
    typed is looked for from the current folder, from `folder` and from those above it. A path that is found nowhere is
    returned as recorded; one below the current folder is returned relative to it.
    """
    folder = folder.resolve()
    recorded = Path(record[name])
    from_here = record.get(f"{name}_from_here")
    candidates = [folder / from_here] if isinstance(from_here, str) else []
    candidates.append(recorded)
    if not recorded.is_absolute():
        candidates += [parent / recorded for parent in (folder, *folder.parents)]
    # os.path.exists is False, where Path.exists raises, for what cannot be the name of a file.
    found = Path(os.path.abspath(next((path for path in candidates if os.path.exists(path)), recorded)))
    return found.relative_to(Path.cwd()) if Path.cwd() in found.parents else found
