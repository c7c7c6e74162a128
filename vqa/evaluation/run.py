"""Runs: load one, predict every question of a split once, report, ask."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa._mxnet import device_context, mx
from vqa.data.cards import load_card
from vqa.data.dataset import Dataset, load_dataset
from vqa.data.loader import GroupedLoader
from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary
from vqa.errors import DataError, RunError
from vqa.evaluation.asking import Answer, ImageLike, check_question, image_values
from vqa.evaluation.predictions import predictions_table
from vqa.evaluation.probabilities import TOP, top_answers
from vqa.nn.losses import LOSSES
from vqa.nn.network import GRAPH, VqaNetwork, build_from_spec
from vqa.nn.spec import NetworkSpec
from vqa.scoring import report
from vqa.training import run_folder
from vqa.training.checkpoint import load_network
from vqa.training.config import TrainConfig
from vqa.training.run_config import read_run_config
from vqa.training.validation import forward_passes

PROTOCOL = "any-of"


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
    record = run_folder.read_record(folder, "run.json")
    if not record["best_epoch"]:
        raise RunError(
            f"{folder} holds no finished epoch yet; resume it with `vqa train {record['card']} --run {folder} --resume`"
        )
    for name, digest in record["sha256"].items():
        run_folder.check_hash(folder / name, digest)
    try:
        spec = NetworkSpec(**{**record["network"], "image_shape": tuple(record["network"]["image_shape"])})
        loss = LOSSES[record["loss"]]()
    except (KeyError, TypeError) as error:
        raise RunError(f"{folder / 'run.json'} is damaged ({type(error).__name__}: {error}); train again") from error
    vocabulary = Vocabulary.from_json((folder / "vocab.json").read_text(encoding="utf-8"))
    if (vocabulary.num_words, vocabulary.num_answers) != (spec.num_words, spec.num_answers):
        raise RunError(
            f"{folder} does not fit together: vocab.json holds {vocabulary.num_words} words and "
            f"{vocabulary.num_answers} answers, the network was trained with {spec.num_words} and {spec.num_answers}"
        )
    network = build_from_spec(spec, seed=record["seed"], device=device)
    load_network(network, folder / "best.params")
    loss.hybridize(**GRAPH)
    return Run(folder, record, vocabulary, network, loss, device=device, card=card, dataset=dataset)


class Run:
    """A trained network with all that is needed to use it.

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
        self.path, self.record, self.vocabulary = path, record, vocabulary
        self.network, self.loss, self.device = network, loss, device
        self._card = Path(card) if card else None
        self._dataset = dataset

    def __repr__(self) -> str:
        return f"Run({str(self.path)!r}, {self.record['network']['preset']}, best epoch {self.record['best_epoch']})"

    @property
    def config(self) -> TrainConfig:
        """The choices that the run was trained with."""
        return read_run_config(self.path).training

    @property
    def history(self) -> pd.DataFrame:
        """One row per epoch: losses in nats, accuracies as fractions, seconds."""
        return pd.read_csv(self.path / "history.csv")

    @property
    def card(self) -> Path:
        """The card of the run's data set, or the one named instead when the run was loaded.

        Raises
        ------
        RunError
            It is not there.
        """
        path = self._card or Path(self.record["card"])
        if not path.is_file():
            raise RunError(f"{self.path} was trained on {path}, which is not there; name the data set with --card CARD")
        return path

    @property
    def dataset(self) -> Dataset:
        """The run's data set, or the one named instead when the run was loaded; read at the first call.

        Raises
        ------
        RunError
            The card's training split is not what the run was trained on, or its images are of another shape.
        """
        if self._dataset is None:
            self._dataset = self._open_dataset()
        return self._dataset

    def _open_dataset(self) -> Dataset:
        path = self.card
        options = read_run_config(self.path).data
        dataset = load_dataset(path, **dataclasses.asdict(options), vocabulary=self.vocabulary)
        if self._card is None and dataset.table("train").content_hash() != self.record["data_hash"]["train"]:
            raise RunError(
                f"{self.path} was trained on other questions than {path} holds now; restore the data, "
                f"or evaluate on the new data on purpose with --card {path}"
            )
        spec = self.network.spec
        if (dataset.images.kind, tuple(dataset.images.shape)) != (spec.image_kind, spec.image_shape):
            raise RunError(
                f"{self.path} was trained on {spec.image_kind} images of shape {spec.image_shape}, but {path} has "
                f"{dataset.images.kind} images of shape {tuple(dataset.images.shape)}; evaluate on a card that fits"
            )
        return dataset

    def predict(self, split: str | QuestionTable = "test", *, batch_size: int = 512) -> pd.DataFrame:
        """Return the predictions table of a split, every question once and in the order of the file.

        The columns are those of `vqa.evaluation.predictions.predictions_table`.

        Parameters
        ----------
        split : name of a split, or a table of questions about images of the data set
        batch_size : questions per forward pass; the predictions do not depend on it

        Raises
        ------
        DataError
            No question of the split has an answer in the vocabulary: no prediction could be right.
        """
        dataset = self.dataset
        if isinstance(split, QuestionTable):
            dataset, split = dataset.with_table("given", split), "given"
        table = dataset.table(split)
        loader = GroupedLoader(dataset, split, batch_size=batch_size, ctx=device_context(self.device))
        classes = np.empty((len(table), min(TOP, self.vocabulary.num_answers)), dtype=np.int64)
        probability = np.empty(classes.shape)
        losses = np.empty(len(table), dtype=np.float32)
        answerable = seen = 0
        for forward in forward_passes(self.network, loader, self.loss):
            # While the device computes the next batches.
            rows = forward.rows
            classes[rows], probability[rows] = top_answers(forward.logits, self.loss.activation)
            losses[rows] = forward.loss
            answerable += int(forward.known.sum())
            seen += len(rows)
        assert seen == len(table), f"{seen} questions were predicted, the split holds {len(table)}"
        if not answerable:
            raise DataError(
                f"none of the {len(table)} questions of split {split!r} in {table.source} has an answer in the run's "
                f"vocabulary ({', '.join(self.vocabulary.answers[:3])}, ...): no prediction could be right; "
                "is this the data set that the run was made for?"
            )
        return predictions_table(table, classes, probability, losses, self.vocabulary.answers)

    def ask(self, image: ImageLike, question: str, *, top: int = 5) -> Answer:
        """Answer one question about one image.

        Parameters
        ----------
        image : path of an image file, a Pillow image, or pixels uint8 (H, W, 3); None for a network without images
        question : at most `vqa.evaluation.asking.MAX_WORDS` words
        top : number of answers to return, best first

        Raises
        ------
        DataError
            The question is empty or too long.
        ImageError
            The image is missing or cannot be decoded.
        """
        check_question(question)
        words = self.vocabulary.encode_question(question)
        logits = self.network(
            mx.nd.array(self.image_values(image), ctx=device_context(self.device)),
            *(
                mx.nd.array(values, dtype="int32", ctx=device_context(self.device))
                for values in ([0], [words], [len(words)])
            ),
        ).asnumpy()
        (best,), (probability,) = top_answers(logits, self.loss.activation, top)
        return Answer(
            question,
            tuple((self.vocabulary.answers[index], float(value)) for index, value in zip(best, probability)),
            tuple(self.vocabulary.unknown_words(question)),
            self.loss.activation,
        )

    def image_values(self, image: ImageLike) -> npt.NDArray[np.float32]:
        """Return an image as the network takes it, float32 (1, ...)."""
        spec = self.network.spec
        needs_card = spec.image_kind not in ("none", "pixels")
        return image_values(image, spec, load_card(self.card).images if needs_card else None, self.device)

    def provenance(self, split: str) -> dict[str, Any]:
        """Return where predictions on a split come from: what two files must share to be compared."""
        return {
            "run": str(self.path),
            "card": str(self.dataset.card.path),
            "split": split,
            "data_hash": self.dataset.table(split).content_hash(),
            "protocol": PROTOCOL,
            "activation": self.loss.activation,
            "seed": self.record["seed"],
        }

    def report(
        self, split: str | QuestionTable = "test", *, predictions: pd.DataFrame | None = None
    ) -> report.Evaluation:
        """Return the report of a split: every number with its n, interval, blind baselines and ceiling.

        Parameters
        ----------
        split : name of a split, or a table of questions about images of the data set
        predictions : what `predict` returned for this split, where it is at hand
        """
        frame = self.predict(split) if predictions is None else predictions
        table = split if isinstance(split, QuestionTable) else self.dataset.table(split)
        return report.evaluate(
            table,
            frame["prediction"].tolist(),
            probabilities=frame["probability"].to_numpy(),
            train=self.dataset.table("train"),
            answer_vocabulary=self.vocabulary.answers,
            split=split if isinstance(split, str) else "",
            card=str(self.dataset.card.path),
            data_hash=table.content_hash(),
            protocol=PROTOCOL,
            seed=self.record["seed"],
            versions=run_folder.versions(),
        )
