"""Work in pieces on a Dask cluster: some processes of this machine, or machines that listen to a scheduler."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from vqa.errors import ConfigError, InstallationError, VqaError

LOOPBACK = "127.0.0.1"
SECONDS_TO_CONNECT = 10
# Pieces that are submitted before their turn, per worker: none waits for work, and few results wait for their turn.
AHEAD = 4


class Cluster:
    """Workers that compute functions of single pieces of work.

    Attributes
    ----------
    client : of `dask.distributed`
    num_workers : how many there were at the start
    """

    def __init__(self, client: Any, num_workers: int) -> None:
        self.client, self.num_workers = client, num_workers

    def in_order(self, function: Callable[..., Any], pieces: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        """Yield ``function(*piece)`` for each piece, in their order; a piece of a worker that died is computed again.

        Raises
        ------
        VqaError
            A piece has ended several workers.
        """
        from dask.distributed import KilledWorker

        waiting: deque[Any] = deque()
        try:
            for piece in pieces:
                waiting.append(self.client.submit(function, *piece, pure=False))
                if len(waiting) > AHEAD * self.num_workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except KilledWorker as error:
            raise VqaError(
                f"a piece of the work ended {error.allowed_failures + 1} workers one after another: is the memory too "
                "small for it? Fewer workers (--workers) have more each"
            ) from error


@contextmanager
def dask_cluster(workers: int | None, scheduler: str | None, threads: int | str = 1) -> Iterator[Cluster | None]:
    """Give a cluster for the time of the block; None if neither workers nor a scheduler are asked for.

    Parameters
    ----------
    workers : number of processes to start on this machine
    scheduler : address of a running cluster's scheduler, such as "tcp://10.0.0.1:8786"
    threads : of the operators of each process started here

    Raises
    ------
    ConfigError
        Both are given, no scheduler answers at the address, or it has no workers.
    InstallationError
        Dask is not installed.
    """
    if workers is None and scheduler is None:
        yield None
        return
    if workers is not None and scheduler is not None:
        raise ConfigError("expected --workers, which starts processes here, or the --scheduler of a cluster, got both")
    with ExitStack() as stack:
        yield _started(stack, workers, threads) if scheduler is None else _connected(stack, scheduler)


def _distributed() -> Any:
    try:
        import dask.distributed
    except ImportError as error:
        raise InstallationError(f"work is shared out by Dask ({error}): pip install 'vqa[dask]'") from error
    # A worker that dies is an event, not an error: its pieces are computed again.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    return dask.distributed


def _started(stack: ExitStack, workers: int | None, threads: int | str) -> Cluster:
    """Start processes on this machine."""
    distributed = _distributed()
    cluster = distributed.LocalCluster(
        n_workers=workers,
        threads_per_worker=1,  # MXNet wants one thread to call it
        host=LOOPBACK,
        dashboard_address=None,
        memory_limit=0,
        silence_logs=logging.CRITICAL,
        # Read by each process before it imports MXNet.
        env={"OMP_NUM_THREADS": str(threads)},
    )
    client = stack.enter_context(distributed.Client(stack.enter_context(cluster)))
    return Cluster(client, len(cluster.workers))


def _connected(stack: ExitStack, scheduler: str) -> Cluster:
    """Connect to a running cluster."""
    distributed = _distributed()
    try:
        client = stack.enter_context(distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT))
    except (OSError, ValueError, TimeoutError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {scheduler}: expected an address such as tcp://10.0.0.1:8786, as `dask "
            "scheduler` prints it"
        ) from error
    workers = client.nthreads()
    if not workers:
        raise ConfigError(
            f"the Dask scheduler at {scheduler} has no workers: start some with `dask worker {scheduler} --nthreads 1`"
        )
    if any(number > 1 for number in workers.values()):
        raise ConfigError(
            f"a Dask worker of {scheduler} has several threads, and MXNet wants one to call it: start the workers with "
            "--nthreads 1, and several per machine with --nworkers"
        )
    return Cluster(client, len(workers))
