"""How much other programs use the processor before and during a measurement."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

# A table that was measured beside more than this many busy cores is worth nothing: PyTorch's threads spin against them.
MOST_LOAD = 0.3
SAMPLE_SECONDS = 1.0
# Within less time the ticks of the system's clocks, hundredths of a second, would look like load.
SHORTEST_SECONDS = 0.5


class Times(NamedTuple):
    """Processor time in seconds: of all programs (None where the system does not tell), and of this one."""

    wall: float
    everybody: float | None
    own: float


def now() -> Times:
    """Return the processor times up to now; those of processes that this one started count when they have ended."""
    times = os.times()
    return Times(time.perf_counter(), _busy_seconds(), sum(times[:4]))


def _busy_seconds(file: Path = Path("/proc/stat")) -> float | None:
    """Return the seconds that all cores together were busy since the machine started."""
    if not file.is_file():
        return None
    # user, nice, system, idle, iowait, irq, softirq, steal, then guests, which user and nice include.
    ticks = [int(number) for number in file.read_text().splitlines()[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def load_of_others(start: Times, end: Times) -> float | None:
    """Return how many cores other programs kept busy between two times, at least 0; None where it cannot be known.

    >>> load_of_others(Times(0, 100.0, 5.0), Times(10, 112.0, 14.0))
    0.3
    """
    seconds = end.wall - start.wall
    if start.everybody is None or end.everybody is None or seconds < SHORTEST_SECONDS:
        return None
    others = (end.everybody - start.everybody) - (end.own - start.own)
    return max(0.0, others / seconds)


def load_now(seconds: float = SAMPLE_SECONDS) -> float | None:
    """Return how many cores other programs keep busy while this one sleeps."""
    start = now()
    time.sleep(seconds)
    return load_of_others(start, now())
