"""Readers given damaged files for as long as wanted, in a child process, because decoders of others may crash."""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import NamedTuple

from mutations import LARGEST, damaged
from readers import READERS, Reader, folder_name

from vqa.errors import VqaError

MEMORY, SECONDS = 200_000_000, 10
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None
M_ARENA_MAX = -8
Check = Callable[[Reader, Path], str]
One = Callable[..., bool]
Loop = Callable[[Reader, int, One], None]


class Result(NamedTuple):
    """The number of damaged files and of finds, and the megabytes that the process grew by in the second half."""

    count: int
    finds: int
    growth: float


class TooSlow(BaseException):
    """A reader has taken too long; no reader catches it, as it would a TimeoutError, which is an OSError."""


def complaint(reader: Reader, path: Path) -> str:
    """Read a file; return what is wrong with how that ends, or nothing."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        warnings.filterwarnings("ignore", module="PIL")  # as the commands do
        for hidden in (DeprecationWarning, ResourceWarning):  # as Python does by itself
            warnings.simplefilter("ignore", hidden)
        return _ending(reader, path) or (f"warned: {warned[0].message}" if warned else "")


def _ending(reader: Reader, path: Path) -> str:
    try:
        reader.read(path)
    except (VqaError, OSError) as error:
        if "\n" in str(error):
            return f"more than one line: {error}"
        # Also where a reader has made an error for users of it.
        return "MemoryError, hidden" if any(isinstance(cause, MemoryError) for cause in _causes(error)) else ""
    except Exception as error:
        inside = [frame for frame in traceback.extract_tb(error.__traceback__) if "/vqa/" in frame.filename]
        place = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else ""
        return f"{type(error).__name__} at {place}: {error}"
    return ""


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def bounded_complaint(reader: Reader, path: Path) -> str:
    """Return `complaint`, or that the reader took too long twice: a process may have been stopped for a while."""
    for _ in range(2):
        signal.alarm(SECONDS)
        try:
            return complaint(reader, path)
        except TooSlow:
            pass
        finally:
            signal.alarm(0)
    return f"took more than {SECONDS} s"


def run(name: str, seconds: float, most: int, seed: int, finds: Path, loop: Loop) -> Result:
    """Let a child process read damaged files, and another one go on where it has crashed.

    Parameters
    ----------
    most : number of files; 0 is no limit
    seed : of the random damage
    finds : folder for files with complaints
    loop : what damages files and gives each to a function, until that returns False
    """
    shared = mmap.mmap(-1, 24)
    counts = memoryview(shared).cast("q")  # files, finds, growth in bytes
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        while True:
            child = os.fork()
            if not child:
                _in_child(name, Path(folder), end, most, seed + counts[0], finds, counts, loop)
            status = os.waitpid(child, 0)[1]
            if not os.WIFSIGNALED(status):
                break
            path = Path(folder) / READERS[name].name
            _keep(finds, name, path.read_bytes(), f"the process ended with signal {os.WTERMSIG(status)}")
            counts[0] += 1  # so that the next process begins with another file
            counts[1] += 1
            if counts[0] == most or time.monotonic() > end:
                break
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise RuntimeError(f"{name}: the process that reads has ended with {os.WEXITSTATUS(status)}")
    return Result(counts[0], counts[1], counts[2] / 1e6)


def _in_child(
    name: str,
    folder: Path,
    end: float,
    most: int,
    seed: int,
    finds: Path,
    counts: memoryview,
    loop: Loop,
) -> None:
    code = 1
    try:
        signal.signal(signal.SIGALRM, _too_slow)
        reader = READERS[name]
        path = reader.prepare(folder)
        path.write_bytes(reader.seed)
        reader.read(path)  # which imports what it needs
        _limit_memory(reader.unpacked)
        known: set[str] = set()
        resident = [0, 0]  # at the last two numbers of files that are powers of two

        def one(data: bytes, check: Check = bounded_complaint) -> bool:
            """Read a file; return whether there is time for more."""
            path.write_bytes(data)
            found = check(reader, path)
            counts[0] += 1
            if found and found.split(": ")[0] not in known:
                known.add(found.split(": ")[0])
                _keep(finds, name, data, found)
                counts[1] += 1
            if counts[0] & (counts[0] - 1) == 0:
                resident[:] = resident[1], _resident()
            if counts[0] % 16 == 0:
                counts[2] = _resident() - resident[0]
            return counts[0] != most and time.monotonic() < end

        loop(reader, seed, one)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(code)


def at_random(reader: Reader, seed: int, one: One) -> None:
    """Damage the valid file, and now and then a damaged one further."""
    numbers = random.Random(seed)
    pool = [reader.seed]
    while True:
        data = damaged(numbers.choice(pool), reader.form, numbers)
        if numbers.random() < 0.01:
            pool = [*pool[-50:], data]
        if not one(data):
            return


def _keep(finds: Path, name: str, data: bytes, what: str) -> None:
    finds.mkdir(parents=True, exist_ok=True)
    kept = finds / f"{folder_name(name)}-{hashlib.sha256(data).hexdigest()[:8]}"
    kept.write_bytes(data)
    print(f"  {kept}: {what[:200]!r}", flush=True)


def _too_slow(number: int, frame: FrameType | None) -> None:
    raise TooSlow


def _resident() -> int:
    return _pages(1) * resource.getpagesize()


def _pages(column: int) -> int:
    status = Path("/proc/self/statm")
    return int(status.read_text(encoding="ascii").split()[column]) if status.is_file() else 0


def _limit_memory(unpacked: int) -> None:
    """Let an allocation beyond what a file may take fail."""
    used = _pages(0) * resource.getpagesize()
    if used:
        # A thread would reserve 64 MB of addresses for what it allocates.
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
        resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY + 10 * LARGEST + unpacked, -1))
