"""Runs: trained networks that MXNet computes, loaded from their folders."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa._mxnet import device_context, mx
from vqa.data.dataset import Dataset
from vqa.data.loader import ALL
from vqa.data.options import DataOptions
from vqa.data.vocab import Vocabulary
from vqa.display import html_table, visible
from vqa.errors import RunError
from vqa.evaluation.asking import one_question
from vqa.evaluation.batches import evaluation_batches
from vqa.evaluation.run_contents import read_run
from vqa.evaluation.trained_model import TrainedModel
from vqa.nn.attention_map import attention_by_hop
from vqa.nn.losses import LOSSES
from vqa.nn.network import GRAPH, VqaNetwork, build_from_spec
from vqa.scoring.formatting import format_rate
from vqa.training.config import TrainConfig
from vqa.training.forward import Forward
from vqa.training.parameters import count_numbers, load_network
from vqa.training.run_config import read_run_config
from vqa.training.validation import forward_passes


def load_run(
    path: str | Path, *, card: str | Path | None = None, device: str = "cpu", dataset: Dataset | None = None
) -> Run:
    """Open a run folder with its best checkpoint.

    Parameters
    ----------
    card : data set to evaluate on instead of the run's own
    dataset : the run's data set where it is open already

    Raises
    ------
    RunError
        The folder is missing, damaged, or of another format version.
    """
    folder = Path(path)
    record, spec, vocabulary = read_run(folder)
    try:
        loss = LOSSES[record["loss"]]()
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder / 'run.json'} is damaged ({type(error).__name__}: {error}); train again") from error
    parameters = folder / "best.params"
    size = count_numbers(parameters)
    network = build_from_spec(spec, seed=record["seed"], device=device, max_parameters=size)
    load_network(network, parameters)
    loss.hybridize(**GRAPH)
    return Run(folder, record, vocabulary, network, loss, device=device, card=card, dataset=dataset)


class Run(TrainedModel):
    """A trained network with everything that is needed to use it.

    Attributes
    ----------
    path : the run folder
    record : content of run.json
    vocabulary : words and answers of the training split
    network : the best checkpoint, `VqaNetwork`
    loss : the loss it was trained with, whose `activation` makes probabilities of its logits
    """

    def __init__(
        self,
        path: Path,
        record: Mapping[str, Any],
        vocabulary: Vocabulary,
        network: VqaNetwork,
        loss: mx.gluon.Block,
        *,
        device: str = "cpu",
        card: str | Path | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        super().__init__(
            path, record, vocabulary, network.spec, loss.activation, device=device, card=card, dataset=dataset
        )
        self.network, self.loss = network, loss

    def __repr__(self) -> str:
        record = self.record
        return visible(
            f"Run({str(self.path)!r}, {self.spec.preset} on {Path(record['card']).name}, loss {self.loss.name}, "
            f"best epoch {record['best_epoch']} of {len(self.history)}, "
            f"validation any-of {format_rate(record['best']['any_of'])})"
        )

    def _repr_html_(self) -> str:
        record, best = self.record, self.record["best"]
        scores = (f"{name} {value:.4f}" for name, value in best.items() if value is not None)
        rows = [
            ("network", f"{self.spec.preset}, {self.vocabulary.num_answers} answers"),
            ("loss", self.loss.name),
            ("data set", record["card"]),
            ("best epoch", f"{record['best_epoch']} of {len(self.history)}"),
            ("validation", ", ".join(scores)),
            ("seed", record["seed"]),
        ]
        return html_table([], rows, "ll", caption=f"Run {self.path}")

    @property
    def config(self) -> TrainConfig:
        """The choices that the run was trained with."""
        return read_run_config(self.path).training

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: losses in nats, accuracies as fractions, seconds."""
        return pd.read_csv(self.path / "history.csv")

    def data_options(self) -> DataOptions:
        """Return how the data set was read when the network was trained."""
        return read_run_config(self.path).data

    def forward_passes(
        self, dataset: Dataset, split: str, batch_size: int | None = None, which: slice = ALL
    ) -> Iterator[Forward]:
        """Yield logits and losses of every question of a split, batch by batch, in predict mode."""
        loader = evaluation_batches(dataset, split, batch_size, ctx=device_context(self.device))
        return forward_passes(self.network, loader.epoch(0, which), self.loss)

    def attention_of(self, *inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the weight that each region has for each question in each hop, float32 (hops, N, R)."""
        return attention_by_hop(self.network, *self._on_device(inputs))

    def logits(self, images: npt.NDArray[np.float32], words: list[int]) -> npt.NDArray[np.float32]:
        """Return the logits (1, C) of one question, given as word ids, about one image (1, ...)."""
        return np.asarray(self.network(*self._on_device((images, *one_question(words)))).asnumpy())

    def _on_device(self, inputs: Sequence[npt.NDArray[Any]]) -> list[mx.nd.NDArray]:
        """Return a batch on the device of the network."""
        context = device_context(self.device)
        return [mx.nd.array(array, dtype=array.dtype, ctx=context) for array in inputs]
