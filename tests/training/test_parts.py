"""Batches in parts, added up by workers; here the workers are threads, whose messages go through a list."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_training_data import write_card

import vqa
from vqa._mxnet import mx
from vqa.data.batching import cut_between_images
from vqa.data.loader import GroupedLoader
from vqa.errors import ConfigError, DataError, OtherWorkerError, TrainingError
from vqa.training.config import TrainConfig
from vqa.training.optimization import step_seed
from vqa.training.parts import GradientOfParts
from vqa.training.threads import check_threads, choose_threads
from vqa.training.workers import ALONE, Workers


class Arrived:
    def Test(self) -> bool:
        return True


class ThreadCommunicator:
    """The few calls of an MPI communicator that `Workers` makes, between threads."""

    def __init__(self, rank: int, size: int, board: list[Any], barrier: threading.Barrier) -> None:
        self.rank, self.size = rank, size
        self._board, self._barrier = board, barrier

    def _everyones(self, message: Any) -> list[Any]:
        self._board[self.rank] = message
        self._barrier.wait()
        messages = list(self._board)
        self._barrier.wait()
        return messages

    def Iallgather(self, sent: np.ndarray, received: np.ndarray) -> Arrived:
        received.reshape(-1)[:] = np.concatenate(self._everyones(sent.copy()))
        return Arrived()

    def Allgatherv(self, sent: Any, received: list[Any]) -> None:
        array, counts = received
        counts = counts[0] if isinstance(counts, tuple) else counts
        bounds = np.cumsum([0, *counts])
        mine = array[bounds[self.rank] : bounds[self.rank + 1]] if not isinstance(sent, np.ndarray) else sent
        array[:] = np.concatenate(self._everyones(mine.copy()))

    def Alltoallv(self, sent: list[Any], received: list[Any]) -> None:
        array, (counts, places) = sent
        flat = array.reshape(-1)
        messages = self._everyones([flat[place : place + count].copy() for count, place in zip(counts, places)])
        array, (counts, places) = received
        for message, count, place in zip(messages, counts, places):
            array.reshape(-1)[place : place + count] = message[self.rank]


def together(size: int, work: Any) -> list[Any]:
    """Return what `work(workers)` returns, or raises, in each of some workers."""
    board, barrier = [None] * size, threading.Barrier(size, timeout=60)

    def outcome(rank: int) -> Any:
        try:
            return work(Workers(ThreadCommunicator(rank, size, board, barrier)))
        except Exception as error:
            return error

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(outcome, range(size)))


@pytest.fixture(autouse=True)
def without_mpi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.training.workers._in_place", lambda: None)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 30), st.integers(0, 10**6))
def test_the_sum_is_that_of_adding_the_rows_one_after_another(
    num_workers: int, num_rows: int, size: int, seed: int
) -> None:
    """Numbers of very different size, whose sum depends on the order of adding."""
    random = np.random.default_rng(seed)
    rows = (random.normal(size=(num_rows, size)) * 10.0 ** random.integers(-6, 7, (num_rows, size))).astype(np.float32)
    expected = rows[0].copy()
    for row in rows[1:]:
        expected += row

    def add(workers: Workers) -> Any:
        mine = workers.share(num_rows)
        total = np.empty(size, dtype=np.float32)
        status = np.array([0, workers.rank], dtype=np.float32)
        return total, workers.add_in_order(rows[mine.start : mine.stop], num_rows, status, total)

    for total, statuses in together(num_workers, add):
        assert total.tobytes() == expected.tobytes()
        assert statuses.tolist() == [[0, rank] for rank in range(num_workers)]


def test_everything_is_shared_out_once_and_evenly() -> None:
    shares = together(4, lambda workers: list(workers.share(6)))
    assert shares == [[0], [1, 2], [3], [4, 5]]


def test_bytes_of_unequal_length_are_gathered_in_order() -> None:
    messages = [b"", b"abc", b"de"]
    assert together(3, lambda workers: workers.gather(messages[workers.rank])) == [messages] * 3


def test_an_error_of_one_worker_is_an_error_of_all_and_said_by_the_first_that_has_it() -> None:
    def work(workers: Workers) -> None:
        with workers.agreed():
            if workers.rank > 0:
                raise DataError(f"bad file {workers.rank}")

    first, second, third = together(3, work)
    assert isinstance(second, DataError)
    assert isinstance(first, OtherWorkerError)
    assert isinstance(third, OtherWorkerError)
    assert str(first) == str(third) == "worker 1 of 3 failed: bad file 1"


def test_workers_that_differ_are_found() -> None:
    outcomes = together(3, lambda workers: workers.check_equal(lambda: b"x" * (workers.rank // 2), "the parameters"))
    assert isinstance(outcomes[2], TrainingError)
    assert "worker 2 of 3 " in str(outcomes[2])
    assert "differs from worker 0 in the parameters" in str(outcomes[2])
    assert all(isinstance(outcome, OtherWorkerError) for outcome in outcomes[:2])


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(1, 8))
def test_a_batch_is_cut_between_images(images: list[int], num_parts: int) -> None:
    rows = np.arange(100, 100 + len(images))
    parts = cut_between_images(rows, np.array(images), num_parts)
    assert sorted(np.concatenate(parts)) == rows.tolist()
    assert all((np.diff(part) > 0).all() for part in parts)
    of_parts = [{images[row - 100] for row in part} for part in parts]
    assert sum(map(len, of_parts)) == len(set(images))  # no image is in two parts
    sizes = [len(of_part) for of_part in of_parts]
    assert max(sizes) - min(sizes) <= 1


def test_the_parts_of_an_epoch_are_its_batches(tmp_path: Path) -> None:
    loader = GroupedLoader(vqa.load_dataset(write_card(tmp_path)), "train", batch_size=7, shuffle=True, seed=2)
    batches = [batch.rows.tolist() for batch in loader.epoch(1)]
    parts = [
        [[] if part is None else part.rows.tolist() for part in batch]
        for batch in loader.epoch_in_parts(1, 3, range(3))
    ]
    # Without images each question is by itself: dealt out in turn.
    assert parts == [[batch[0::3], batch[1::3], batch[2::3]] for batch in batches]
    assert [batch[0].rows.tolist() for batch in loader.epoch_in_parts(1, 3, [2], slice(4, 6))] == [
        parts[4][2],
        parts[5][2],
    ]


def test_the_gradient_and_the_statistics_of_parts() -> None:
    """Of a layer whose numbers are worked out by hand: a batch normalisation without scale, over columns."""
    norm = mx.gluon.nn.BatchNorm(in_channels=1, momentum=0.5)
    dense = mx.gluon.nn.Dense(1, in_units=1, use_bias=False)
    network = mx.gluon.nn.HybridSequential()
    network.add(norm, dense)
    network.initialize(mx.init.One())
    gradient = GradientOfParts(network, 3, ALONE)
    assert list(gradient.mine) == [0, 1, 2]
    for part, values in ((0, [[1.0], [3.0]]), (2, [[10.0], [14.0]])):
        with mx.autograd.record():
            losses = network(mx.nd.array(values)).sum(axis=1) * mx.nd.array([0.0, 1.0])
        losses.backward()
        gradient.add(part, losses.sum(), 2)
        # The next part starts from the same statistics: mean 0, variance 1.
        assert norm.running_mean.data().asscalar() == 0
        assert norm.running_var.data().asscalar() == 1
    gradient.add(1, None, 0)
    total = gradient.total(0)
    # In both parts the second row is one standard deviation above the mean: a loss of 1, and a gradient of 1.
    assert total.num_known == 4
    assert total.loss_sum == pytest.approx(2, abs=1e-4)
    assert dense.weight.grad().asscalar() == pytest.approx(2, abs=1e-4)
    # Means 0.5 * 0 + 0.5 * (2 and 12); variances 0.5 * 1 + 0.5 * (1 and 4): the mean over the two parts that there are.
    assert norm.running_mean.data().asscalar() == pytest.approx(3.5)
    assert norm.running_var.data().asscalar() == pytest.approx(1.75)


def test_parts_draw_different_dropout_and_the_first_that_of_a_whole_batch() -> None:
    seeds = {step_seed(1, step, part) for step in range(3) for part in range(4)}
    assert len(seeds) == 12
    assert step_seed(3, 5, 0) == int(np.random.SeedSequence([3, 5]).generate_state(1)[0] >> 1)


def test_threads_are_a_choice_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    choose_threads(TrainConfig())
    check_threads(TrainConfig())
    with pytest.raises(ConfigError, match=r"threads = 1, but MXNet was imported with OMP_NUM_THREADS=7"):
        check_threads(TrainConfig(parts=2))
    choose_threads(TrainConfig(parts=2))
    check_threads(TrainConfig(parts=2))
    check_threads(TrainConfig(threads=1))
    with pytest.raises(ConfigError):
        check_threads(TrainConfig(parts=2, threads=2))
