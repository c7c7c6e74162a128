"""``grouping``: whole questions against (question, one answer) rows; shared images and texts against repeated ones."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.benchmark.figures import Figure, Result, speed, timings_json
from vqa.benchmark.gluon_jobs import to_device, training_steps
from vqa.benchmark.sizes import CARDS, Arrays, unshared
from vqa.benchmark.worker import Alternative, Job, facts_of, measure
from vqa.data.dataset import load_dataset
from vqa.data.loader import Batch, GroupedLoader
from vqa.nn.losses import MultiAnswerSoftmaxLoss
from vqa.nn.network import VqaNetwork, build_network

Floats = npt.NDArray[np.floating]

PRESET = "cnn-gru"
SHARED = "one row per question, images and texts shared"
GROUPED = "one row per question, with its own image and text"
ROWS = "one row per answer, with its own image and text"


def as_rows(batch: Arrays) -> Arrays:
    """Return the batch cut into one row per known answer, each with a copy of its image and its words."""
    rows, slots = np.nonzero(batch.answers >= 0)
    answers = batch.answers[rows, slots][:, np.newaxis]
    return unshared(
        batch._replace(image_index=batch.image_index[rows], question_index=batch.question_index[rows], answers=answers)
    )


FORMS = {SHARED: lambda batch: batch, GROUPED: unshared, ROWS: as_rows}


def _arrays(batch: Batch) -> Arrays:
    return Arrays(*(array.asnumpy() for array in batch[:-1]))


def training(card: str, form: str, batch_size: int, num_batches: int) -> Job:
    """Return training steps over a few batches of a data set in one of the FORMS."""
    dataset = load_dataset(card)
    network = build_network(PRESET, dataset)
    loader = GroupedLoader(dataset, "train", batch_size=batch_size, shuffle=True, seed=1)
    batches = list(map(_arrays, itertools.islice(loader.epoch(0), num_batches)))
    job = training_steps(network, [FORMS[form](batch) for batch in batches])
    # All forms ask the same questions, whatever their rows are.
    questions = sum(len(batch.answers) for batch in batches) / len(batches)
    return job._replace(facts={**job.facts, "questions": questions})


def gradients(network: VqaNetwork, batch: Arrays) -> dict[str, Floats]:
    """Return the gradient of the mean loss of a batch by parameter, for a network cast to float64."""
    images, *indices, answers = to_device(batch)
    with mx.autograd.record():
        logits = network(images.astype("float64"), *indices)
        losses = MultiAnswerSoftmaxLoss()(logits.astype("float32"), answers).mean()
    losses.backward()
    parameters = network._collect_params_with_prefix().items()
    return {name: parameter.grad().asnumpy() for name, parameter in parameters if parameter.grad_req != "null"}


def largest_difference(one: Mapping[str, Floats], other: Mapping[str, Floats]) -> float:
    """Return the largest difference of two gradients, each parameter's as a fraction of its largest element."""
    return max(float(np.abs(one[name] - other[name]).max() / np.abs(one[name]).max()) for name in one)


def gradient_differences(card: str, num_images: int, questions_per_image: int = 6) -> Job:
    """Return, as facts, how far the gradients of the three forms of one batch differ.

    In float64, since in float32 rounding moves activations across the kinks of ReLU and of the maximum. Every image
    has equally many questions, since batch normalisation counts an image once where it is shared and once per question
    where it is repeated.
    """
    dataset = load_dataset(card)
    numbers = dataset.encoded("train").image_number
    (images,) = np.nonzero(np.bincount(numbers) >= questions_per_image)
    rows = np.concatenate([np.flatnonzero(numbers == image)[:questions_per_image] for image in images[:num_images]])
    (batch,) = map(_arrays, GroupedLoader(dataset, "train", batch_size=len(rows), rows=rows))
    network = build_network(PRESET, dataset)
    network.cast("float64")
    of_form = {form: gradients(network, change(batch)) for form, change in FORMS.items()}
    facts = {form: largest_difference(of_form[SHARED], gradient) for form, gradient in of_form.items()}
    return Job(lambda: None, mx.nd.waitall, facts)


def grouping(
    *,
    card: Path = CARDS / "easy_vqa_3.toml",
    batch_size: int = 256,
    num_batches: int = 4,
    num_images: int = 40,
    repetitions: int = 7,
    seconds: float = 2.0,
) -> Result:
    """Training steps on batches of whole questions against (question, one answer) rows of the same questions."""
    module = __name__
    common = {"card": str(card), "batch_size": batch_size}
    timings = measure(
        [
            Alternative(form, f"{module}:training", {**common, "form": form, "num_batches": num_batches})
            for form in FORMS
        ],
        repetitions=repetitions,
        seconds=seconds,
    )
    differences = facts_of(
        Alternative("gradients", f"{module}:gradient_differences", {"card": str(card), "num_images": num_images})
    )
    figures = [
        speed("one row per question, against one per answer", timings, GROUPED, ROWS, at_least=2.8),
        speed("images and texts shared, against repeated", timings, SHARED, GROUPED, at_least=2.0),
        speed("both", timings, SHARED, ROWS),
    ]
    figures += [
        Figure(f"gradient, difference to: {form}", differences[form], "of its largest", at_most=1e-5)
        for form in (GROUPED, ROWS)
    ]
    return Result(figures, {**common, "preset": PRESET, "timings": timings_json(timings)})
