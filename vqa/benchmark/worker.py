"""Alternatives timed in processes of their own, taking turns, so that what slows one down slows the others down too.

A process for each keeps their thread pools, allocators and memory apart. A ratio is taken between neighbouring
repetitions and its median reported: what the machine does beside them passes over both.
"""

from __future__ import annotations

import importlib
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

from vqa._mxnet_import import usable_cores
from vqa.errors import InstallationError

# Idle threads of OpenMP spin for a while before they sleep; the next alternative starts when they have stopped.
REST_SECONDS = 0.05
# The environment before this process imported MXNet: the door to MXNet sets variables for OpenMP, which would slow down
# other libraries' processes. This module is imported first.
ENVIRONMENT = dict(os.environ)


class Job(NamedTuple):
    """Work that is done step by step.

    Attributes
    ----------
    step : does one step; it may return before the device has finished
    wait : returns when all steps are finished
    facts : what is to be known of the work beside its time, plain values
    """

    step: Callable[[], object]
    wait: Callable[[], object]
    facts: dict[str, Any]


class Alternative(NamedTuple):
    """One of the things that are compared.

    Attributes
    ----------
    name : what it is called in the results
    function : "module:function", which returns the Job when called with the arguments
    arguments : plain values
    environment : variables of its process beside those of this one
    """

    name: str
    function: str
    arguments: Mapping[str, Any]
    environment: Mapping[str, str] = {}


class Timing(NamedTuple):
    """Seconds per step of one alternative, one number per repetition, with the facts of its job.

    `peak_bytes` is the most memory that its process held resident.
    """

    seconds: list[float]
    facts: dict[str, Any]
    peak_bytes: int

    @property
    def median(self) -> float:
        """Median of the repetitions, seconds per step."""
        return statistics.median(self.seconds)

    def times_faster_than(self, other: Timing) -> float:
        """Median over the repetitions of the other's seconds per step divided by this one's."""
        return statistics.median(theirs / ours for ours, theirs in zip(self.seconds, other.seconds))


class Worker:
    """A process that does the job of an alternative when told to; a context manager that ends it."""

    def __init__(self, alternative: Alternative) -> None:
        self.name = alternative.name
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, alternative.function, json.dumps(dict(alternative.arguments))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"OMP_NUM_THREADS": str(usable_cores()), **ENVIRONMENT, **alternative.environment},
        )
        self.peak_bytes = 0

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()

    def ready(self) -> dict[str, Any]:
        """Wait until the job is made and return its facts."""
        return dict(self._answer()["facts"])

    def seconds(self, steps: int) -> float:
        """Do some steps and return the seconds that one of them took."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{steps}\n")
        self._process.stdin.flush()
        answer = self._answer()
        self.peak_bytes = answer["peak_bytes"]
        time.sleep(REST_SECONDS)
        return float(answer["seconds"]) / steps

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise InstallationError(f"the process that measures {self.name!r} ended; what it printed last is above")
        return dict(json.loads(line))


def measure(
    alternatives: Sequence[Alternative], *, repetitions: int = 7, seconds: float = 1.0, warm_up: int = 3
) -> dict[str, Timing]:
    """Time alternatives in turn and return the timing of each by its name.

    Parameters
    ----------
    repetitions : turns of each alternative
    seconds : how long a turn takes, about; a turn has at least one step
    warm_up : steps before the first turn, of which the last decides how many steps a turn has
    """
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(alternative)) for alternative in alternatives]
        facts = [worker.ready() for worker in workers]
        warm = [[worker.seconds(1) for _ in range(warm_up)][-1] for worker in workers]
        steps = [max(1, math.ceil(seconds / one)) for one in warm]
        times: list[list[float]] = [[] for _ in workers]
        for _ in range(repetitions):
            for number, worker in enumerate(workers):
                times[number].append(worker.seconds(steps[number]))
        return {
            worker.name: Timing(times[number], facts[number], worker.peak_bytes)
            for number, worker in enumerate(workers)
        }


def facts_of(alternative: Alternative) -> dict[str, Any]:
    """Return the facts of a job that is made in a process of its own, no step of it being done."""
    with Worker(alternative) as worker:
        return worker.ready()


def peak_bytes(process: int | None = None) -> int:
    """Return the most memory that a process, by default this one, has held resident, in bytes; 0 when it is gone."""
    # Not ru_maxrss where it can be helped: on Linux a program starts with that of the process that started it.
    status = Path(f"/proc/{process or os.getpid()}/status")
    if status.is_file():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024
        return 0
    who = resource.RUSAGE_CHILDREN if process else resource.RUSAGE_SELF
    return resource.getrusage(who).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _serve(function: str, arguments: dict[str, Any]) -> None:
    """Make a job and do steps of it for each line on standard input, answering by a line of JSON."""
    # What libraries print goes to stderr; the answers alone go to stdout.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    module, _, name = function.partition(":")
    job: Job = getattr(importlib.import_module(module), name)(**arguments)
    print(json.dumps({"facts": job.facts}), file=answers, flush=True)
    for line in sys.stdin:
        started = time.perf_counter()
        for _ in range(int(line)):
            job.step()
        job.wait()
        elapsed = time.perf_counter() - started
        print(json.dumps({"seconds": elapsed, "peak_bytes": peak_bytes()}), file=answers, flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1], json.loads(sys.argv[2]))
