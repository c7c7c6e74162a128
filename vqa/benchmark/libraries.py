"""``torch`` and ``threads``: this package's networks against the same networks in PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from typing import Any

from vqa._mxnet_import import usable_cores
from vqa.benchmark.figures import Figure, Result, speed, timings_json
from vqa.benchmark.sizes import Sizes
from vqa.benchmark.worker import Alternative, Timing, measure
from vqa.errors import InstallationError

SAME = {"embedding_size": 300, "hidden_size": 512}
NETWORKS = (
    Sizes("cnn-gru", "pixels", (3, 64, 64), SAME),
    Sizes("mlp", "features", (2048,), SAME),
    Sizes("updn", "regions", (36, 2048), SAME),
)
GOALS = {"cnn-gru": 1.8, "mlp": 1.5, "updn": 1.0}
OURS, THEIRS, DEFAULT = "this package", "PyTorch", "half the cores, MXNet's own choice"

# By name: the module of the jobs, and variables of its process.
Processes = Mapping[str, tuple[str, Mapping[str, str]]]


def against_torch(*, networks: Sequence[Sizes] = NETWORKS, repetitions: int = 7, seconds: float = 1.0) -> Result:
    """Training steps and forward passes against the same networks in PyTorch, both with all cores.

    Raises
    ------
    InstallationError
        PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise InstallationError("the benchmark 'torch' needs PyTorch: pip install 'vqa[bench]'")
    alternatives: Processes = {OURS: ("gluon_jobs", {}), THEIRS: ("torch_jobs", {})}
    return _compare(networks, alternatives, repetitions, seconds, GOALS)


def default_threads(*, networks: Sequence[Sizes] = NETWORKS, repetitions: int = 7, seconds: float = 1.0) -> Result:
    """Training steps and forward passes with all cores against half of them, which MXNet takes by itself."""
    half = {"OMP_NUM_THREADS": str(max(1, usable_cores() // 2))}
    alternatives: Processes = {OURS: ("gluon_jobs", {}), DEFAULT: ("gluon_jobs", half)}
    return _compare(networks, alternatives, repetitions, seconds, {})


def _compare(
    networks: Sequence[Sizes],
    alternatives: Processes,
    repetitions: int,
    seconds: float,
    goals: Mapping[str, float],
) -> Result:
    figures: list[Figure] = []
    details: dict[str, Any] = {}
    ours, theirs = alternatives
    for sizes in networks:
        arguments = {"sizes": sizes.to_arguments()}
        for work in ("training", "inference"):
            timings = measure(
                [
                    Alternative(name, f"vqa.benchmark.{module}:{work}", arguments, environment)
                    for name, (module, environment) in alternatives.items()
                ],
                repetitions=repetitions,
                seconds=seconds,
            )
            _require_equal_sizes(sizes.preset, timings)
            name = f"{sizes.preset} {work}"
            figures.append(speed(name, timings, ours, theirs, at_least=goals.get(sizes.preset)))
            details[name] = {"sizes": arguments["sizes"], "timings": timings_json(timings)}
    return Result(figures, details)


def _require_equal_sizes(preset: str, timings: Mapping[str, Timing]) -> None:
    parameters = {name: timing.facts["parameters"] for name, timing in timings.items()}
    assert len(set(parameters.values())) == 1, f"the networks {preset} differ in their parameters: {parameters}"
