"""The processes that train one network together, through MXNet's own parameter server."""

from __future__ import annotations

from typing import Any

from vqa._mxnet import mx


class Workers:
    """This process among those that train together; alone unless MXNet's launcher started several.

    Sums go through push and pull: MXNet 1.9.1's pushpull into the array that it pushes gives wrong sums now and then.

    Attributes
    ----------
    store : MXNet's key-value store, or None for "none"
    rank, count : number of this worker, from 0, and how many there are
    """

    # The store numbers what it holds: the gradients from 0, and this.
    _TOTAL = 1_000_000

    def __init__(self, kvstore: str) -> None:
        self.store: Any = None if kvstore == "none" else mx.kv.create(kvstore)
        self.rank: int = self.store.rank if self.store else 0
        self.count: int = self.store.num_workers if self.store else 1
        self._known: set[int] = set()

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
        self._add_up({self._TOTAL: total})
        return float(total.asscalar())

    def add_gradients(self, network: mx.gluon.Block) -> None:
        """Replace every gradient of a network by its sum over all workers."""
        if self.count > 1:
            learned = [p for p in network.collect_params().values() if p.grad_req != "null"]
            self._add_up({key: parameter.grad() for key, parameter in enumerate(learned)})

    def _add_up(self, arrays: dict[int, mx.nd.NDArray]) -> None:
        """Replace arrays by their sums over all workers."""
        for key in sorted(arrays.keys() - self._known):
            self.store.init(key, mx.nd.zeros(arrays[key].shape))
            self._known.add(key)
        for key, array in arrays.items():
            self.store.push(key, array)
        for key, array in arrays.items():
            self.store.pull(key, out=array)

    def wait(self) -> None:
        """Wait until every worker has come here."""
        if self.count > 1:
            self.store._barrier()
