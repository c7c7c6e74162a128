"""The sums of `vqa.scoring.parts` share by share: in this process, or by the workers of a Dask cluster.

Rows are shared out by a hash of the question's id, so that each share fits into memory; each share is joined and
scored by one task; its sums are shared out by cluster and added. The result does not depend on the number of shares
or workers. A task of a worker that dies is run again by another: tasks write files of their own names, so that a
second run replaces what the first one left.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from vqa.cluster import Cluster, dask_cluster
from vqa.files import files_below
from vqa.scoring.parquet_parts import Source, connect, listed, quoted
from vqa.scoring.parts import KEYS, IdCounts, Kinds, Squares, added_kinds, kinds_of_clusters, sum_per_cluster
from vqa.scoring.protocols import PROTOCOLS

ROWS_PER_SHARE = 2_000_000
SHARES_PER_WORKER = 4
"""A worker that is slow, or dies, holds few of the shares."""

Map = Callable[..., Iterable[Any]]
KindsOf = dict[str, tuple[Kinds, Kinds]]


@dataclass(frozen=True)
class Job:
    """What the tasks of one job share.

    Attributes
    ----------
    predictions, questions : where they lie
    protocols : names
    normalized : human answers and predictions are compared in their lenient form
    folder : for files of a while; all workers must see it
    shares : into how many the rows are cut
    threads : of DuckDB in one task; None for as many as there are cores
    """

    predictions: Source
    questions: Source
    protocols: tuple[str, ...]
    normalized: bool
    folder: str
    shares: int
    threads: int | None

    def run(self, over: Map) -> tuple[IdCounts, Squares, KindsOf]:
        """Return what `sum_per_cluster` and `kinds_of_clusters` give for all rows; `over` maps tasks over arguments."""
        if self.shares > 1:
            list(over(self.share_out, *zip(*((name, place) for name in _SIDES for place in self._places(name)))))
        counts, squares = IdCounts(), {name: Counter[str]() for name in self.protocols}
        for found, found_squares in over(self.score, range(self.shares)):
            counts.add(found)
            for name in self.protocols:
                squares[name].update(found_squares[name])
        parts = list(over(self.add, range(self.shares)))
        return counts, squares, {name: (_added(parts, name, 0), _added(parts, name, 1)) for name in self.protocols}

    def _places(self, side: str) -> range:
        return range(len(getattr(self, side).files))

    def share_out(self, side: str, place: int) -> None:
        """Write the rows of one file into one file per share."""
        source: Source = getattr(self, side)
        with connect(threads=self.threads) as connection:
            key = f"{quoted(source.question_id)}::VARCHAR"
            self._write_shares(connection, listed([source.files[place]]), key, side, place)

    def score(self, share: int) -> tuple[IdCounts, Squares]:
        """Join and score one share, and write its sums into one file per share of the clusters."""
        work = Path(self.folder) / f"work_{share}"
        shutil.rmtree(work, ignore_errors=True)  # of a worker that died
        work.mkdir()
        database = str(work / "sums.duckdb")
        found = sum_per_cluster(
            self._share_of(self.predictions, "predictions", share),
            self._share_of(self.questions, "questions", share),
            [PROTOCOLS[name] for name in self.protocols],
            database,
            normalized=self.normalized,
            threads=self.threads,
        )
        with connect(database, threads=self.threads) as connection:
            self._write_shares(connection, "sums", f"coalesce({KEYS[0]}, {KEYS[1]})", "sums", share)
        shutil.rmtree(work)
        return found

    def add(self, share: int) -> KindsOf:
        """Return the kinds of the clusters of one share."""
        files = self._files("sums", share)
        if not files:
            return {name: (Kinds([], [], [], []), Kinds([], [], [], [])) for name in self.protocols}
        with connect(str(Path(self.folder) / f"added_{share}.duckdb"), threads=self.threads) as connection:
            connection.execute(f"CREATE OR REPLACE VIEW sums AS SELECT * FROM {listed(files)}")
            return kinds_of_clusters(connection, [PROTOCOLS[name] for name in self.protocols])

    def _share_of(self, source: Source, side: str, share: int) -> Source:
        return source if self.shares == 1 else source._replace(files=self._files(side, share))

    def _files(self, side: str, share: int) -> tuple[str, ...]:
        folder = Path(self.folder) / side / f"share={share}"
        return tuple(map(str, files_below(folder))) if folder.exists() else ()

    def _write_shares(self, connection: Any, rows: str, by: str, side: str, number: int) -> None:
        """Write rows into folders share=0, share=1 ... by a hash; a second run of the task replaces its files."""
        target = Path(self.folder) / side
        target.mkdir(exist_ok=True)
        connection.execute(
            f"COPY (SELECT *, (hash({by}) % {self.shares})::INTEGER AS share FROM {rows}) TO "
            f"{quoted(str(target), chr(39))} (FORMAT parquet, PARTITION_BY (share), OVERWRITE_OR_IGNORE, "
            f"FILENAME_PATTERN 'task_{number}_{{i}}')"
        )


_SIDES = ("predictions", "questions")


def _added(parts: list[KindsOf], protocol: str, which: int) -> Kinds:
    return added_kinds([part[protocol][which] for part in parts])


def run_job(
    predictions: Source,
    questions: Source,
    protocols: Iterable[str],
    folder: str,
    *,
    normalized: bool = False,
    workers: int | None = None,
    scheduler: str | None = None,
) -> tuple[IdCounts, Squares, KindsOf]:
    """Score predictions in this process, or on a Dask cluster where workers or a scheduler are given.

    Parameters
    ----------
    workers : processes to start on this machine
    scheduler : address of a running cluster, such as "tcp://10.0.0.1:8786"

    Raises
    ------
    ConfigError
        Both workers and a scheduler are given, or none answers at the address.
    InstallationError
        DuckDB, or with workers Dask, is not installed.
    """
    with connect() as connection:
        (rows,) = connection.execute(f"SELECT count(*) FROM {questions.rows}").fetchone() or (0,)
    shares = -(-max(1, rows) // ROWS_PER_SHARE)
    job = Job(predictions, questions, tuple(protocols), normalized, folder, shares, None)
    with dask_cluster(workers, scheduler) as cluster:
        if cluster is None:
            return job.run(map)
        # One thread per task: the workers share the cores, and a task that runs again writes the same files.
        shares = max(shares, SHARES_PER_WORKER * cluster.num_workers)
        return replace(job, shares=shares, threads=1).run(over_cluster(cluster))


def over_cluster(cluster: Cluster) -> Map:
    """Return a function that maps over the workers of a cluster as `map` does."""
    return lambda function, *arguments: cluster.in_order(function, zip(*arguments))
