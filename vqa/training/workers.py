"""The processes that train one network together, through MXNet's own parameter server."""

from __future__ import annotations

from typing import Any

from vqa._mxnet import mx


class Workers:
    """This process among those that train together; alone unless MXNet's launcher started several.

    Attributes
    ----------
    store : MXNet's key-value store, or None for "none"
    rank, count : number of this worker, from 0, and how many there are
    """

    # The trainer numbers its parameters from 0, and a store does not mix numbers and names.
    _KEY = 1_000_000

    def __init__(self, kvstore: str) -> None:
        self.store: Any = None if kvstore == "none" else mx.kv.create(kvstore)
        self.rank: int = self.store.rank if self.store else 0
        self.count: int = self.store.num_workers if self.store else 1
        if self.store and self.count > 1:
            self.store.init(self._KEY, mx.nd.zeros(1))

    @property
    def shard(self) -> tuple[int, int]:
        """The part of every epoch that this worker trains on, as `GroupedLoader` takes it."""
        return self.rank, self.count

    @property
    def is_first(self) -> bool:
        """Whether this worker writes the run folder."""
        return self.rank == 0

    def total(self, value: float) -> float:
        """Return the sum of `value` over all workers; each of them must call this the same number of times."""
        if self.count == 1:
            return value
        total = mx.nd.array([value])
        self.store.pushpull(self._KEY, total, out=total)
        return float(total.asscalar())

    def wait(self) -> None:
        """Wait until every worker has come here."""
        if self.count > 1:
            self.store._barrier()
