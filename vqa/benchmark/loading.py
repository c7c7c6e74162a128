"""``loader``: training with the loader against training on one batch kept in memory."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from vqa._mxnet import mx
from vqa.benchmark.figures import Result, speed, timings_json
from vqa.benchmark.flops import TRAINING_PER_FORWARD, forward_flops
from vqa.benchmark.gluon_jobs import prepare_training
from vqa.benchmark.sizes import CARDS
from vqa.benchmark.worker import Alternative, Job, measure
from vqa.data.dataset import load_dataset
from vqa.data.loader import Batch, GroupedLoader
from vqa.nn.network import build_network, default_preset
from vqa.training.validation import IN_FLIGHT

LOADER, KEPT = "with the loader", "on one batch kept in memory"


def training(card: str, batch_size: int, keep: bool) -> Job:
    """Return training steps on a data set's batches in turn, or always on one of usual size."""
    dataset = load_dataset(card)
    network = build_network(default_preset(dataset.images.kind), dataset)
    loader = GroupedLoader(dataset, "train", batch_size=batch_size, shuffle=True, seed=1)
    in_flight: deque[mx.nd.NDArray] = deque()
    kept = _usual(list(loader.epoch(0)))
    flops = TRAINING_PER_FORWARD * forward_flops(network, kept.inputs)
    loss, trainer = prepare_training(network)
    turns = itertools.repeat(kept) if keep else _endless(loader)

    def step() -> None:
        batch = next(turns)
        with mx.autograd.record():
            losses = loss(network(*batch.inputs), batch.answers)
        losses.backward()
        trainer.step(len(batch.rows))
        # As in training: batches that the device has not reached would pile up in fresh memory.
        in_flight.append(losses)
        if len(in_flight) > IN_FLIGHT:
            in_flight.popleft().wait_to_read()

    questions = len(kept.rows) if keep else loader.num_questions / len(loader)
    return Job(step, mx.nd.waitall, {"questions": questions, "flops": flops})


def _usual(batches: list[Batch]) -> Batch:
    """Return the batch with the most usual number of images per question: images take most of the time."""
    images = np.array([len(batch.images) for batch in batches])
    questions = np.array([len(batch.rows) for batch in batches])
    return batches[int(np.argmin(np.abs(images / questions - images.sum() / questions.sum())))]


def _endless(loader: GroupedLoader) -> Iterator[Batch]:
    return itertools.chain.from_iterable(itertools.repeat(loader))


def loading(
    *,
    card: Path = CARDS / "easy_vqa_3.toml",
    batch_size: int = 256,
    repetitions: int = 9,
    seconds: float = 2.0,
) -> Result:
    """Training with the loader against training on one batch kept in memory."""
    common = {"card": str(card), "batch_size": batch_size}
    timings = measure(
        [
            Alternative(name, f"{__name__}:training", {**common, "keep": keep})
            for name, keep in ((LOADER, False), (KEPT, True))
        ],
        repetitions=repetitions,
        seconds=seconds,
    )
    return Result(
        [speed("training with the loader", timings, LOADER, KEPT, at_least=0.95)],
        {**common, "timings": timings_json(timings)},
    )
