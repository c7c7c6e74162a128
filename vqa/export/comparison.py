"""An exported model beside the run that it came from, question by question."""

from __future__ import annotations

from pathlib import Path

from vqa.errors import RunError
from vqa.evaluation.run import load_run
from vqa.export.golden import Difference, difference
from vqa.export.model import Model


def compare_with_run(model: Model, run: str | Path, split: str, card: str | Path | None = None) -> Difference:
    """Return how the logits of a model differ from those of a run on every question of a split; needs MXNet.

    Raises
    ------
    RunError
        The run has other words or answers.
    VqaError
        The run or its data set cannot be read.
    """
    gluon = load_run(run, card=card)
    if gluon.vocabulary.to_json() != model.vocabulary.to_json():
        raise RunError(f"{model.path} and {run} have other words or answers: the file was exported from another run")
    dataset = gluon.dataset
    found = None
    passes = (engine.forward_passes(dataset, split) for engine in (model, gluon))
    for ours, expected in zip(*passes):
        part = difference(ours.logits, expected.logits, model.activation)
        found = part if found is None else found.joined(part)
    assert found is not None, "a loader yields at least one batch"
    return found
