"""A trained network with its vocabulary, whatever computes it: predict every question of a split, report, ask."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.collector import collector_paused
from vqa.data.cards import load_card
from vqa.data.dataset import Dataset
from vqa.data.included_cards import find_card, find_recorded_card
from vqa.data.loader import ALL
from vqa.data.options import DataOptions
from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary
from vqa.display import html_table, visible
from vqa.errors import RunError
from vqa.evaluation.asking import Answer, ImageLike, answer_of, check_question, image_values, one_question
from vqa.evaluation.model_dataset import open_dataset
from vqa.evaluation.predict import Predicted, predicted_batches, predictions_of
from vqa.nn.spec import NetworkSpec
from vqa.scoring.calibration import event_of
from vqa.scoring.report import Evaluation, evaluate
from vqa.scoring.rules import QuestionScores
from vqa.training.run_records import versions

if TYPE_CHECKING:
    from vqa.training.forward import Forward

PROTOCOL = "any-of"
# The name of a split that is a table of the caller's.
GIVEN = "given"


class TrainedModel(ABC):
    """What a run and an exported model have in common; none of it needs MXNet.

    Attributes
    ----------
    path : where the model came from
    record : how it was trained, with the keys card, data_hash, network, best_epoch and seed as in run.json
    vocabulary : words and answers of the training split
    spec : what the network was built from
    activation : "softmax" or "sigmoid", which makes probabilities of its logits
    device : "cpu" or "gpu:0"
    """

    def __init__(
        self,
        path: Path,
        record: Mapping[str, Any],
        vocabulary: Vocabulary,
        spec: NetworkSpec,
        activation: str,
        *,
        device: str = "cpu",
        card: str | Path | None = None,
        dataset: Dataset | None = None,
    ) -> None:
        self.path, self.record, self.vocabulary = path, record, vocabulary
        self.spec, self.activation, self.device = spec, activation, device
        self._card = find_card(card) if card else None
        self._dataset = dataset
        # Predicts the questions of a split in place of this process; see `vqa.evaluation.in_pieces`.
        self.elsewhere: Callable[[Dataset, str, int | None], Iterator[Predicted]] | None = None

    def __repr__(self) -> str:
        name, best_epoch = type(self).__name__, self.record["best_epoch"]
        return visible(f"{name}({str(self.path)!r}, {self.spec.preset}, best epoch {best_epoch})")

    def _repr_html_(self) -> str:
        facts = [
            ("data set", self.record["card"]),
            ("network", self.spec.preset),
            ("activation", self.activation),
            ("answers in the vocabulary", self.vocabulary.num_answers),
            ("seed", self.record["seed"]),
            ("best epoch", self.record["best_epoch"]),
        ]
        return html_table((), facts, "ll", f"{type(self).__name__} {self.path}")

    @property
    def history(self) -> pd.DataFrame | None:
        """One row per epoch of the training, where it is known."""
        return None

    @abstractmethod
    def data_options(self) -> DataOptions:
        """Return how the data set was read when the network was trained."""

    def versions(self) -> dict[str, str]:
        """Return the versions of what computes the numbers of a report."""
        return versions()

    @abstractmethod
    def forward_passes(
        self, dataset: Dataset, split: str, batch_size: int | None = None, which: slice = ALL
    ) -> Iterator[Forward]:
        """Yield logits and losses of every question of a split, in the batches of `evaluation_batches`.

        Parameters
        ----------
        which : of the batches
        """

    def attention(self, image: ImageLike, question: str) -> npt.NDArray[np.float32]:
        """Return the weight that each region of an image has for a question, float32 (R,), sum 1; in the last hop."""
        return self.attention_by_hop(image, question)[-1]

    def attention_by_hop(self, image: ImageLike, question: str) -> npt.NDArray[np.float32]:
        """Return the weight that each region of an image has for a question in each hop, float32 (hops, R)."""
        words = self.vocabulary.encode_question(question)
        return self.attention_of(self.image_values(image), *one_question(words))[:, 0]

    @abstractmethod
    def attention_of(self, *inputs: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the weight of each region for each question of a batch in each hop, float32 (hops, N, R).

        Raises
        ------
        ConfigError
            The network has no attention.
        """

    @abstractmethod
    def logits(self, images: npt.NDArray[np.float32], words: list[int]) -> npt.NDArray[np.float32]:
        """Return the logits (1, C) of one question, given as word ids, about one image (1, ...)."""

    @property
    def card(self) -> Path:
        """The card of the run's data set, or the one named instead when the run was loaded.

        Raises
        ------
        RunError
            It is not there.
        """
        path = self._card or find_recorded_card(self.record["card"])
        if not path.is_file():
            raise RunError(
                f"{self.path} was trained on {path}, which is not there; name the data set (--card CARD, card=...)"
            )
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
            self._dataset = open_dataset(
                self.card, self.data_options(), self.vocabulary, self.spec, self.path,
                data_hash=None if self._card else self.record["data_hash"]["train"],
            )  # fmt: skip
        return self._dataset

    def predict(self, split: str | QuestionTable = "test", *, batch_size: int | None = None) -> pd.DataFrame:
        """Return the predictions table of a split, every question once and in the order of the file.

        Its columns, their types and meaning are in `vqa.evaluation.predictions.COLUMNS`.

        Parameters
        ----------
        split : name of a split, or a table of questions about images of the data set
        batch_size : questions per forward pass; None: as many as take little memory. The predictions do not depend
            on it

        Raises
        ------
        DataError
            No question of the split has an answer in the vocabulary: no prediction could be right.
        """
        return self._predict(*self._questions(split), batch_size)[0]

    def evaluate(self, split: str | QuestionTable = "test") -> tuple[pd.DataFrame, Evaluation]:
        """Return the predictions table of a split and its report: `predict` and `report` in one pass.

        Raises
        ------
        DataError
            As in `predict`.
        """
        dataset, name = self._questions(split)
        frame, scores = self._predict(dataset, name)
        return frame, self._report(dataset, name, frame, scores)

    def report(self, split: str | QuestionTable = "test", *, predictions: pd.DataFrame | None = None) -> Evaluation:
        """Return the report of a split: every number with its n, interval, blind baselines and ceiling.

        Parameters
        ----------
        split : name of a split, or a table of questions about images of the data set
        predictions : what `predict` returned for this split, where it is at hand

        Raises
        ------
        DataError
            As in `predict`, or the predictions are not of this split.
        """
        if predictions is None:
            return self.evaluate(split)[1]
        return self._report(*self._questions(split), predictions, None)

    def _questions(self, split: str | QuestionTable) -> tuple[Dataset, str]:
        """Return a data set and the name of the split of it that is meant."""
        if isinstance(split, QuestionTable):
            return self.dataset.with_table(GIVEN, split), GIVEN
        return self.dataset, split

    def _predict(
        self, dataset: Dataset, split: str, batch_size: int | None = None
    ) -> tuple[pd.DataFrame, QuestionScores]:
        with collector_paused():
            # A table of the caller's is in this process alone.
            predicted = self.predicted if self.elsewhere is None or split == GIVEN else self.elsewhere
            batches = predicted(dataset, split, batch_size)
            return predictions_of(batches, dataset.table(split), self.vocabulary.answers)

    def predicted(
        self, dataset: Dataset, split: str, batch_size: int | None = None, which: slice = ALL
    ) -> Iterator[Predicted]:
        """Yield the predictions of a split, or of those of its batches that are taken."""
        passes = self.forward_passes(dataset, split, batch_size, which)
        return predicted_batches(passes, dataset.table(split), self.vocabulary.answers, self.activation)

    @collector_paused()
    def _report(self, dataset: Dataset, split: str, frame: pd.DataFrame, scores: QuestionScores | None) -> Evaluation:
        table = dataset.table(split)
        return evaluate(
            table,
            frame["prediction"].tolist(),
            scores=scores,
            probabilities=frame["probability"].to_numpy(),
            event=self.event,
            train=self.dataset.table("train"),
            answer_vocabulary=self.vocabulary.answers,
            split="" if split == GIVEN else split,
            card=str(dataset.card.path),
            data_hash=table.content_hash(),
            protocol=PROTOCOL,
            wups=dataset.card.wups,
            seed=self.record["seed"],
            versions=self.versions(),
        )

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
        logits = self.logits(self.image_values(image), self.vocabulary.encode_question(question))
        return answer_of(logits, question, self.vocabulary, self.activation, top)

    def image_values(self, image: ImageLike) -> npt.NDArray[np.float32]:
        """Return an image as the network takes it, float32 (1, ...)."""
        spec = self.spec
        needs_card = spec.image_kind not in ("none", "pixels")
        return image_values(image, spec, load_card(self.card).images if needs_card else None, self.device)

    @property
    def event(self) -> str:
        """What the probabilities are probabilities of; the loss that the network was trained with decides."""
        return event_of(self.record["loss"], self.activation)

    def provenance(self, split: str) -> dict[str, Any]:
        """Return where predictions on a split come from: what two files must share to be compared."""
        return {
            "run": str(self.path),
            "card": str(self.dataset.card.path),
            "split": split,
            "data_hash": self.dataset.table(split).content_hash(),
            "protocol": PROTOCOL,
            "activation": self.activation,
            "event": self.event,
            "seed": self.record["seed"],
        }
