"""``torch`` and ``threads``: this package's networks against the same networks in PyTorch."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from vqa._mxnet_import import usable_cores
from vqa.benchmark.figures import Figure, Result, speed, timings_json
from vqa.benchmark.sizes import CARDS, Sizes
from vqa.benchmark.worker import Alternative, Timing, measure
from vqa.data.dataset import load_dataset
from vqa.errors import InstallationError

SAME = {"embedding_size": 300, "hidden_size": 512}
NETWORKS = (
    Sizes("cnn-gru", "pixels", (3, 64, 64), SAME),
    Sizes("mlp", "features", (2048,), SAME),
    Sizes("updn", "regions", (36, 2048), SAME),
)
GOALS = {"cnn-gru": 1.0, "mlp": 1.0, "updn": 1.0}
REAL_BATCHES_GOAL = 1.8
NUM_BATCHES = 8
OURS, THEIRS, DEFAULT = "this package", "PyTorch", "half the cores, MXNet's own choice"

# By name: the module of the jobs, and variables of its process.
Processes = Mapping[str, tuple[str, Mapping[str, str]]]


def against_torch(
    *,
    networks: Sequence[Sizes] = NETWORKS,
    card: Path = CARDS / "easy_vqa_3.toml",
    data_options: Mapping[str, int] = SAME,
    batch_size: int = 256,
    repetitions: int = 7,
    seconds: float = 1.0,
) -> Result:
    """Training steps and forward passes against the same networks in PyTorch, both with all cores.

    First on equal batches, whose images and texts are all distinct; then `cnn-gru` on batches of a data set, each
    distinct image and text encoded once here, and every row by itself there, as PyTorch's users do.

    Raises
    ------
    InstallationError
        PyTorch is not installed.
    """
    if importlib.util.find_spec("torch") is None:
        raise InstallationError("the benchmark 'torch' needs PyTorch: pip install 'vqa[bench]'")
    alternatives: Processes = {OURS: ("gluon_jobs", {}), THEIRS: ("torch_jobs", {})}
    result = _compare(networks, alternatives, repetitions, seconds, GOALS)
    sizes = _sizes_for(card, data_options, batch_size)
    arguments = {"sizes": sizes.to_arguments(), "card": str(card), "num_batches": NUM_BATCHES}
    timings = _measured(sizes.preset, alternatives, "training_on_data", arguments, repetitions, seconds)
    name = f"{sizes.preset} training on batches of {card.stem}"
    figure = speed(name, timings, OURS, THEIRS, at_least=REAL_BATCHES_GOAL)
    return Result([*result.figures, figure], {**result.details, name: {**arguments, "timings": timings_json(timings)}})


def _sizes_for(card: Path, options: Mapping[str, int], batch_size: int) -> Sizes:
    """Return the sizes of `cnn-gru` for a data set of pixels."""
    dataset = load_dataset(card)
    words = dataset.vocabulary
    return Sizes(
        "cnn-gru", "pixels", tuple(dataset.images.shape), options, words.num_words, words.num_answers, batch_size
    )


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
            timings = _measured(sizes.preset, alternatives, work, arguments, repetitions, seconds)
            name = f"{sizes.preset} {work}"
            figures.append(speed(name, timings, ours, theirs, at_least=goals.get(sizes.preset)))
            details[name] = {"sizes": arguments["sizes"], "timings": timings_json(timings)}
    return Result(figures, details)


def _measured(
    preset: str,
    alternatives: Processes,
    work: str,
    arguments: Mapping[str, Any],
    repetitions: int,
    seconds: float,
) -> dict[str, Timing]:
    """Time one function of the alternatives' modules in turn, and require networks of equal size."""
    timings = measure(
        [
            Alternative(name, f"vqa.benchmark.{module}:{work}", arguments, environment)
            for name, (module, environment) in alternatives.items()
        ],
        repetitions=repetitions,
        seconds=seconds,
    )
    _require_equal_sizes(preset, timings)
    return timings


def _require_equal_sizes(preset: str, timings: Mapping[str, Timing]) -> None:
    parameters = {name: timing.facts["parameters"] for name, timing in timings.items()}
    assert len(set(parameters.values())) == 1, f"the networks {preset} differ in their parameters: {parameters}"
