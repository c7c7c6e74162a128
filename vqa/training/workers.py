"""Workers: the processes that ``mpiexec`` started to train one network together; a process by itself is one worker.

Messages are bytes and arrays of numbers, never pickles. Whatever all workers must do together (`Workers.gather`,
`Workers.agreed`, `Workers.add_in_order`) each of them calls in the same order.
"""

from __future__ import annotations

import functools
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.errors import InstallationError, OtherWorkerError, TrainingError, VqaError

# What launchers tell the processes that they start: MPICH's and Slurm's PMI, Open MPI, PMIx.
RANK_VARIABLES = ("PMI_RANK", "OMPI_COMM_WORLD_RANK", "PMIX_RANK")
SIZE_VARIABLES = ("PMI_SIZE", "OMPI_COMM_WORLD_SIZE")
INSTALL = "pip install 'vqa[mpi]'"
INTERRUPTED = 130
LONGEST_NAP = 1e-3

Numbers = npt.NDArray[np.float32]


class Workers:
    """All workers, as one of them sees them.

    Attributes
    ----------
    rank : number of this worker, from 0
    size : number of workers
    failed : whether an error of one worker has been told to all: from then on nothing is done together
    """

    def __init__(self, communicator: Any = None) -> None:
        self._communicator = communicator
        self.rank: int = 0 if communicator is None else communicator.rank
        self.size: int = 1 if communicator is None else communicator.size
        self.failed = False

    @property
    def is_first(self) -> bool:
        """Whether this worker writes files and shows progress."""
        return self.rank == 0

    def share(self, count: int, rank: int | None = None) -> range:
        """Return which of `count` things this worker (or another) does: neighbours, in the order of the workers.

        >>> [list(Workers().share(4))]
        [[0, 1, 2, 3]]
        """
        rank = self.rank if rank is None else rank
        return range(count * rank // self.size, count * (rank + 1) // self.size)

    def gather(self, data: bytes) -> list[bytes]:
        """Return the data of every worker, in their order."""
        if self.size == 1:
            return [data]
        lengths = np.empty(self.size, dtype=np.int64)
        self._wait(self._communicator.Iallgather(np.array([len(data)], dtype=np.int64), lengths))
        received = np.empty(lengths.sum(), dtype=np.uint8)
        self._communicator.Allgatherv(np.frombuffer(data, dtype=np.uint8), [received, lengths])
        return [part.tobytes() for part in np.split(received, np.cumsum(lengths)[:-1])]

    def _wait(self, message: Any) -> None:
        """Wait until all workers have come to a message, without keeping a core busy as MPI's own waiting does."""
        started = time.perf_counter()
        while not message.Test():
            # Little against the time that has been waited already.
            time.sleep(min((time.perf_counter() - started) / 10, LONGEST_NAP))

    @contextmanager
    def agreed(self) -> Iterator[None]:
        """End the block on every worker or on none: an error of one worker within it becomes an error of all.

        Raises
        ------
        OtherWorkerError
            Another worker failed.
        """
        error = None
        try:
            yield
        except Exception as caught:
            error = caught
        self.tell(error)

    def tell(self, error: Exception | None) -> None:
        """Tell all workers of an error of this one, or of none, and raise the error of the first that has one."""
        if self.size > 1 and not self.failed:
            messages = self.gather(b"" if error is None else f"{error or type(error).__name__}".encode())
            failing = [rank for rank, message in enumerate(messages) if message]
            self.failed = bool(failing)
            if failing and failing[0] != self.rank:
                raise self.failure(failing[0], messages[failing[0]].decode()) from error
        if error is not None:
            raise error

    def failure(self, rank: int, message: str) -> OtherWorkerError:
        """Return the error that says what happened to another worker, which reports it itself."""
        return OtherWorkerError(f"worker {rank} of {self.size} failed: {message}")

    def check_equal(self, digest: Callable[[], bytes], what: str) -> None:
        """Check that a digest, which is computed only for others to compare, is the same on all workers.

        Raises
        ------
        TrainingError, on the first worker that differs
            It is not.
        """
        if self.size == 1:
            return
        digests = self.gather(digest())
        with self.agreed():
            if digests[self.rank] != digests[0]:
                raise TrainingError(
                    f"worker {self.rank} of {self.size} on {platform.node()} differs from worker 0 in {what}: do all "
                    "machines have the same data, libraries and type of processor? The last saved state is intact"
                )

    def add_in_order(self, rows: Numbers, num_rows: int, status: Numbers, total: Numbers) -> Numbers:
        """Add all workers' rows one after another into `total`, and return every worker's status, float32 (W, s).

        Every worker receives its slice of all rows, adds them from the first to the last, and passes the sum on: the
        sum does not depend on how many workers there are, and no worker sends or receives much more than its own rows
        and one sum. A negative first number in a status says that its worker failed; then nothing is added.

        Parameters
        ----------
        rows : float32 (K, n), this worker's `share` of the rows
        num_rows : number of rows of all workers together, at least 1
        status : float32 (s,), of equal length on all workers
        total : float32 (n,), is overwritten
        """
        size = rows.shape[1]
        if self.size == 1:
            _add(rows, total)
            return status[np.newaxis]
        statuses = np.empty((self.size, len(status)), dtype=np.float32)
        self._wait(self._communicator.Iallgather(status, statuses))
        if (statuses[:, 0] < 0).any():
            return statuses
        bounds = [size * rank // self.size for rank in range(self.size + 1)]
        widths = np.diff(bounds)
        slices = np.empty((num_rows, widths[self.rank]), dtype=np.float32)
        shares = [self.share(num_rows, rank) for rank in range(self.size)]
        # One row of each worker at a time, straight from its place and to its place.
        for turn in range(max(map(len, shares))):
            sent = rows[turn] if turn < len(rows) else rows[:0]
            counts = widths if turn < len(rows) else np.zeros_like(widths)
            found = [share[turn] if turn < len(share) else None for share in shares]
            received = [0 if row is None else slices.shape[1] for row in found]
            places = [0 if row is None else row * slices.shape[1] for row in found]
            self._communicator.Alltoallv([sent, (counts, bounds[:-1])], [slices, (received, places)])
        _add(slices, total[bounds[self.rank] : bounds[self.rank + 1]])
        self._communicator.Allgatherv(_in_place(), [total, (widths, bounds[:-1])])
        return statuses

    @contextmanager
    def ending_together(self) -> Iterator[None]:
        """End all workers at an error within the block that the others have not been told of."""
        try:
            yield
        except BaseException as error:
            if self.size == 1 or self.failed or getattr(error, "signal_number", None):
                raise
            interrupted = isinstance(error, KeyboardInterrupt)
            if interrupted and not self.is_first:
                time.sleep(1)  # the first worker says it, if it is interrupted as well
            elif isinstance(error, (VqaError, KeyboardInterrupt)):
                print(f"worker {self.rank} of {self.size}: {error or 'interrupted'}", file=sys.stderr, flush=True)
            else:
                traceback.print_exc()
            # MPI's own farewell would be a second message.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())
            self._communicator.Abort(INTERRUPTED if interrupted else 1)


ALONE = Workers()


def _add(rows: Numbers, total: Numbers) -> None:
    """Write the sum of rows float32 (K, n), from the first to the last, into `total`; of no rows there is none."""
    for number, row in enumerate(rows):
        if number:
            total += row
        else:
            total[:] = row


def _in_place() -> Any:
    from mpi4py import MPI

    return MPI.IN_PLACE


@functools.cache
def current_workers() -> Workers:
    """Return the workers that this process was started with; MPI is loaded only where a launcher has started it.

    Raises
    ------
    InstallationError
        A launcher has started this process, but mpi4py is missing or belongs to another MPI than the launcher.
    """
    if not any(name in os.environ for name in RANK_VARIABLES):
        return Workers()
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InstallationError(
            f"mpiexec started this process, but MPI cannot be loaded ({error}): {INSTALL}"
        ) from error
    communicator = MPI.COMM_WORLD
    announced = next((int(os.environ[name]) for name in SIZE_VARIABLES if name in os.environ), communicator.size)
    if announced != communicator.size:
        raise InstallationError(
            f"mpiexec started {announced} workers, but mpi4py, which uses {MPI.Get_library_version().splitlines()[0]}, "
            f"sees {communicator.size}: use the mpiexec of that MPI"
        )
    return Workers(communicator if communicator.size > 1 else None)
