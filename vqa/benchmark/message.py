"""What workers send one another in a step of training: checked, and timed. Start it with ``mpiexec``."""

from __future__ import annotations

import argparse
import statistics
import time

import numpy as np

from vqa.training.workers import Workers, current_workers

# Exact in float32 whatever the order: at most 64 rows of at most 2**17.
LARGEST = 2**17
REPEATS = 15


def wrong_sums(workers: Workers, number: int, seed: int = 1) -> int:
    """Return how many of `number` sums of random shapes are wrong on this worker, whose terms are whole numbers."""
    wrong = 0
    random = np.random.default_rng(seed)  # the same numbers on all workers
    for _ in range(number):
        num_rows, size = int(random.integers(1, 9)), int(random.integers(0, 2000))
        rows = random.integers(-LARGEST, LARGEST, (num_rows, size)).astype(np.float32)
        mine = workers.share(num_rows)
        total = np.empty(size, dtype=np.float32)
        workers.add_in_order(rows[mine.start : mine.stop], num_rows, np.zeros(1, dtype=np.float32), total)
        wrong += not np.array_equal(total, rows.sum(axis=0, dtype=np.int64))
    return wrong


def milliseconds(workers: Workers, size: int) -> float:
    """Return the usual time of a sum of one row of `size` numbers per worker."""
    rows, total = np.ones((1, size), dtype=np.float32), np.zeros(size, dtype=np.float32)
    times = []
    for _ in range(REPEATS):
        workers.gather(b"")
        started = time.perf_counter()
        workers.add_in_order(rows, workers.size, np.zeros(1, dtype=np.float32), total)
        times.append(time.perf_counter() - started)
    return 1000 * statistics.median(times)


def main() -> None:
    """Check sums, or time them, in every worker; the first one prints the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sums", type=int, default=0, help="check so many sums of random shapes")
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help="time sums of so many numbers")
    chosen = parser.parse_args()
    workers = current_workers()
    wrong = sum(int(count) for count in workers.gather(str(wrong_sums(workers, chosen.sums)).encode()))
    times = {size: milliseconds(workers, size) for size in chosen.sizes}
    if workers.is_first:
        if chosen.sums:
            print(f"{workers.size} workers: {wrong} of {chosen.sums} sums are wrong")
        for size, time_of_one in times.items():
            print(f"{workers.size} workers: {size} numbers, {4 * size / 1e6:.1f} MB: {time_of_one:.1f} ms")


if __name__ == "__main__":
    main()
