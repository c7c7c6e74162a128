"""All benchmarks by name, and their run one after another."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from typing import Any, NamedTuple

from vqa.benchmark.figures import Result, machine, table
from vqa.benchmark.load import MOST_LOAD, load_now, load_of_others, now
from vqa.benchmark.sizes import Sizes
from vqa.benchmark.worker import Alternative, measure
from vqa.errors import ConfigError, did_you_mean

# Each in a module that is imported when it is asked for: most of them import MXNet.
BENCHMARKS = {
    "grouping": "vqa.benchmark.grouping:grouping",
    "torch": "vqa.benchmark.libraries:against_torch",
    "threads": "vqa.benchmark.libraries:default_threads",
    "loader": "vqa.benchmark.loading:loading",
    "scoring": "vqa.benchmark.scoring:scoring",
    "parts": "vqa.benchmark.parts:parts",
    "easy-vqa": "vqa.benchmark.easy_vqa:easy_vqa",
    "memory": "vqa.benchmark.easy_vqa:memory",
    "inference": "vqa.benchmark.inference:inference",
    "growth": "vqa.benchmark.growth:growth",
    "export": "vqa.benchmark.exported:exported",
}

_TURNS: dict[str, Any] = {"repetitions": 1, "seconds": 0}
_NETWORKS = [Sizes("mlp", "features", (8,), {"embedding_size": 4, "hidden_size": 8}, 20, 5, 6, 6, 4, 3)]
_TINY = {"channels": 2, "hidden_size": 8, "embedding_size": 4}
_TRAINING = ("--epochs", "1", "--option", "channels=2", "--option", "hidden_size=8", "--option", "embedding_size=4")
# Sizes at which a benchmark says nothing but that it runs.
QUICK: dict[str, dict[str, Any]] = {
    "grouping": {"batch_size": 32, "num_batches": 1, "num_images": 4, **_TURNS},
    "torch": {"networks": _NETWORKS, "data_options": _TINY, "batch_size": 16, **_TURNS},
    "threads": {"networks": _NETWORKS, **_TURNS},
    "loader": {"batch_size": 32, **_TURNS},
    "scoring": {"num_questions": 1000, "repetitions": 1},
    "parts": {"questions": (300, 1200)},
    "easy-vqa": {"options": _TRAINING},
    "memory": {"options": _TRAINING},
    "inference": {"options": _TRAINING, "repetitions": 1, "num_asked": 3},
    "export": {"networks": _NETWORKS, **_TURNS},
    "growth": {"questions": (300, 1200), "feature_size": 8},
}


def run(name: str, *, quick: bool = False) -> Result:
    """Run one benchmark; with `quick` at sizes that only show that it runs.

    Raises
    ------
    ConfigError
        There is no benchmark of this name.
    """
    if name not in BENCHMARKS:
        raise ConfigError(f"unknown benchmark {name!r}{did_you_mean(name, BENCHMARKS)}")
    module, _, function = BENCHMARKS[name].partition(":")
    result: Result = getattr(importlib.import_module(module), function)(**(QUICK[name] if quick else {}))
    return result


class Outcome(NamedTuple):
    """One benchmark with the circumstances it was measured in.

    Attributes
    ----------
    result : its figures
    seconds : how long it took
    load_before, load_during : cores that other programs kept busy; None where the system does not tell
    """

    result: Result
    seconds: float
    load_before: float | None
    load_during: float | None

    @property
    def busy(self) -> bool:
        """Whether other programs used so much of the machine that the figures are worth nothing."""
        return max(self.load_before or 0.0, self.load_during or 0.0) > MOST_LOAD


def run_all(names: Iterable[str], *, quick: bool = False) -> Iterator[tuple[str, Outcome]]:
    """Run benchmarks one after another and yield the name and the outcome of each."""
    for name in names:
        load_before = load_now()
        start = now()
        result = run(name, quick=quick)
        end = now()
        yield name, Outcome(result, end.wall - start.wall, load_before, load_of_others(start, end))


def matrix_speed(*, quick: bool = False) -> float:
    """Return the floating-point operations per second of a matrix product in single precision on all cores."""
    alternative = Alternative("matrix", "vqa.benchmark.flops:matrix_products", {})
    (timing,) = measure([alternative], repetitions=1 if quick else 7, seconds=0 if quick else 0.5).values()
    return float(timing.facts["flops"] / min(timing.seconds))


def to_text(outcomes: Mapping[str, Outcome], speed: float) -> str:
    """Return the head that says on what machine, when and how, whether it was busy, and the table."""
    here, busy = machine(), any(outcome.busy for outcome in outcomes.values())
    head = f"{here['processor']}, {here['cores']} cores, {here['system']}; {_date()}; {_command()}"
    loads = [load for outcome in outcomes.values() for load in (outcome.load_before, outcome.load_during)]
    known = [load for load in loads if load is not None]
    if known:
        head += f"\nother programs kept up to {max(known):.2f} cores busy"
    if busy:
        head = f"BUSY: more than {MOST_LOAD} of a core went to other programs; measure again on an idle machine\n{head}"
    return f"{head}\n\n{table({name: outcome.result for name, outcome in outcomes.items()}, speed, busy=busy)}"


def to_json(outcomes: Mapping[str, Outcome], speed: float) -> dict[str, Any]:
    """Return machine, date, command and every figure with how it came about, as plain values."""
    return {
        "machine": {**machine(), "matrix_flops_per_second": speed},
        "date": _date(),
        "command": _command(),
        "busy": any(outcome.busy for outcome in outcomes.values()),
        "benchmarks": {
            name: {
                "figures": [figure.to_json() for figure in outcome.result.figures],
                "seconds": outcome.seconds,
                "load_before": outcome.load_before,
                "load_during": outcome.load_during,
                "details": outcome.result.details,
            }
            for name, outcome in outcomes.items()
        },
    }


def _date() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def _command() -> str:
    return shlex.join(["python", "-m", "vqa.benchmark", *sys.argv[1:]])
