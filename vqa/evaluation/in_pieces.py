"""Prediction by the workers of a cluster: each opens the model once, and predicts some of the batches of a split."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vqa.cluster import Cluster
from vqa.data.dataset import Dataset
from vqa.evaluation.batches import evaluation_batches
from vqa.evaluation.predict import Predicted
from vqa.evaluation.trained_model import TrainedModel

# Few enough that a worker has several batches in flight; enough that a slow worker does not hold up the others.
PIECES_PER_WORKER = 4

Open = Callable[..., TrainedModel]


def predict_on(cluster: Cluster, model: TrainedModel, open_model: Open, **options: Any) -> None:
    """Let the workers of a cluster predict whatever is to be predicted of the splits of a model's data set.

    The predictions are those of one process: the batches are the same, whoever computes them.

    Parameters
    ----------
    open_model : called on each worker with the model's path and the options, all of which can be pickled; the files
        must be there as well
    """
    card = options.pop("card", None)
    if card is not None:
        options["card"] = str(model.card.resolve())
    arguments = (open_model, str(model.path.resolve()), tuple(sorted(options.items())))

    def elsewhere(dataset: Dataset, split: str, batch_size: int | None) -> Iterator[Predicted]:
        num_batches = len(evaluation_batches(dataset, split, batch_size, numpy=True))
        num_pieces = min(PIECES_PER_WORKER * cluster.num_workers, num_batches)
        bounds = [num_batches * piece // num_pieces for piece in range(num_pieces + 1)]
        pieces = ((*arguments, split, batch_size, start, stop) for start, stop in zip(bounds, bounds[1:]))
        for batches in cluster.in_order(_predict_piece, pieces):
            yield from batches

    model.elsewhere = elsewhere


def _predict_piece(
    open_model: Open,
    path: str,
    options: tuple[tuple[str, Any], ...],
    split: str,
    batch_size: int | None,
    start: int,
    stop: int,
) -> list[Predicted]:
    model = _opened(open_model, path, options)
    return list(model.predicted(model.dataset, split, batch_size, slice(start, stop)))


@functools.lru_cache(maxsize=1)
def _opened(open_model: Open, path: str, options: tuple[tuple[str, Any], ...]) -> TrainedModel:
    """Return what a worker opens for its first piece and keeps for the others."""
    return open_model(Path(path), **dict(options))
