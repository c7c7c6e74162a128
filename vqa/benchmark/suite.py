"""All benchmarks by name, and their run one after another."""

from __future__ import annotations

import importlib
import shlex
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import Any

from vqa.benchmark.figures import Result, machine
from vqa.benchmark.sizes import Sizes
from vqa.errors import ConfigError, did_you_mean

# Each in a module that is imported when it is asked for: most of them import MXNet.
BENCHMARKS = {
    "grouping": "vqa.benchmark.grouping:grouping",
    "torch": "vqa.benchmark.libraries:against_torch",
    "threads": "vqa.benchmark.libraries:default_threads",
    "loader": "vqa.benchmark.loading:loading",
    "scoring": "vqa.benchmark.scoring:scoring",
    "easy-vqa": "vqa.benchmark.easy_vqa:easy_vqa",
    "memory": "vqa.benchmark.easy_vqa:memory",
    "inference": "vqa.benchmark.inference:inference",
    "growth": "vqa.benchmark.growth:growth",
    "export": "vqa.benchmark.exported:exported",
}

_TURNS: dict[str, Any] = {"repetitions": 1, "seconds": 0}
_NETWORKS = [Sizes("mlp", "features", (8,), {"embedding_size": 4, "hidden_size": 8}, 20, 5, 6, 6, 4, 3)]
_TRAINING = ("--epochs", "1", "--option", "channels=2", "--option", "hidden_size=8", "--option", "embedding_size=4")
# Sizes at which a benchmark says nothing but that it runs.
QUICK: dict[str, dict[str, Any]] = {
    "grouping": {"batch_size": 32, "num_batches": 1, "num_images": 4, **_TURNS},
    "torch": {"networks": _NETWORKS, **_TURNS},
    "threads": {"networks": _NETWORKS, **_TURNS},
    "loader": {"batch_size": 32, **_TURNS},
    "scoring": {"num_questions": 1000, "repetitions": 1},
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


def run_all(names: Iterable[str], *, quick: bool = False) -> Iterator[tuple[str, Result, float]]:
    """Run benchmarks one after another and yield the name, the result and the seconds of each."""
    for name in names:
        started = time.perf_counter()
        result = run(name, quick=quick)
        yield name, result, time.perf_counter() - started


def to_json(results: dict[str, Result], seconds: dict[str, float]) -> dict[str, Any]:
    """Return machine, date, command and every figure with how it came about, as plain values."""
    return {
        "machine": machine(),
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "command": shlex.join(["python", *sys.argv]),
        "benchmarks": {
            name: {
                "figures": [figure.to_json() for figure in result.figures],
                "seconds": seconds[name],
                "details": result.details,
            }
            for name, result in results.items()
        },
    }
