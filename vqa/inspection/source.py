"""The source of the predictions to inspect: a run, which predicts now, or a predictions file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.data.cards import DatasetCard, load_card
from vqa.data.included_cards import find_recorded_card
from vqa.data.originals import open_originals
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError, DataError, VqaError
from vqa.evaluation.attention import attention_to
from vqa.evaluation.prediction_files import read_predictions, read_provenance
from vqa.evaluation.system_predictions import read_system_predictions
from vqa.export.opening import is_model, open_trained
from vqa.inspection.overlay import has_places
from vqa.inspection.prediction_rows import question_table
from vqa.inspection.thumbnails import Thumbnails, thumbnails
from vqa.scoring.report import evaluate

if TYPE_CHECKING:
    from vqa.evaluation.trained_model import TrainedModel
    from vqa.scoring.report import Evaluation


class Source:
    """Predictions and what is known about their origin.

    Attributes
    ----------
    name : the run or file as the user named it
    frame : predictions table
    provenance : run, card, split, data_hash, protocol, activation and seed, where known
    missing : why the "run", the "data" or some "images" are not available, as far as they have been asked for
    """

    def __init__(
        self,
        name: str,
        frame: pd.DataFrame,
        provenance: dict[str, Any] | None = None,
        *,
        run: TrainedModel | None = None,
        card: Path | None = None,
    ) -> None:
        self.name = name
        self.frame = frame
        self.provenance = provenance or {}
        self.missing: dict[str, str] = {}
        self._given_run = run
        self._given_card = card

    @property
    def split(self) -> str:
        """The split that was predicted."""
        return self.provenance.get("split") or "test"

    @cached_property
    def run(self) -> TrainedModel | None:
        """The run that made the predictions, if its folder still exists."""
        if self._given_run is not None:
            return self._given_run
        folder = self.provenance.get("run")
        if not folder:
            self.missing["run"] = "the file does not name the run that made it"
            return None
        try:
            return open_trained(folder, card=self._given_card)
        except (VqaError, OSError, ValueError) as error:  # the recorded path may be no path at all
            self.missing["run"] = str(error)
            return None

    @cached_property
    def card(self) -> DatasetCard | None:
        """The card of the data set: the one given by the user, else the recorded one if it can be used.

        Raises
        ------
        ConfigError
            The card given by the user cannot be used.
        """
        if self._given_run is not None:
            return self._given_run.dataset.card
        if self._given_card is not None:
            try:
                return load_card(self._given_card)
            except ConfigError as error:
                card = load_card(self._given_card, images=False)  # which raises where more than the images is wrong
                self.missing["images"] = str(error)
                return card
        recorded = self.provenance.get("card")
        if not recorded:
            self.missing["data"] = "the file does not name its data set; name it with --card CARD"
            return None
        try:
            return load_card(find_recorded_card(recorded))
        except (VqaError, OSError, ValueError) as error:
            self.missing["data"] = f"{error}; name the data set with --card CARD"
            return None

    @cached_property
    def tables(self) -> dict[str, QuestionTable]:
        """The tables "train" and "questions" (the split predicted) of the data set; empty without its card.

        Raises
        ------
        DataError
            The data set no longer holds the questions that were predicted.
        """
        if self.card is None:
            return {}
        try:
            tables = self._read_tables(self.card)
        except VqaError as error:
            if self._given_run is not None or self._given_card is not None:
                raise
            self.missing["data"] = str(error)
            return {}
        recorded = self.provenance.get("data_hash")
        if recorded and recorded != tables["questions"].content_hash():
            raise DataError(
                f"{self.name} was made from other questions than split {self.split!r} of {self.card.path} holds now; "
                "evaluate again, or name the data set with --card"
            )
        return tables

    def _read_tables(self, card: DatasetCard) -> dict[str, QuestionTable]:
        splits = {"questions": self.split, **({"train": "train"} if "train" in card.splits else {})}
        if self.run is not None:
            try:
                # The run compares answers by the rule that it was trained with, whatever the card says now.
                return {name: self.run.dataset.table(split) for name, split in splits.items()}
            except VqaError:
                if self._given_run is not None:
                    raise  # else the questions may be there although the run's images are not
        # Any number of bad lines: the hash decides whether these are the questions that were predicted.
        return {name: read_split(card, split, max_bad=1.0) for name, split in splits.items()}

    def thumbnails(self, image_ids: list[str]) -> Thumbnails:
        """Return the thumbnails of the images; `missing` says which cannot be shown and why."""
        if not any(image_ids) or not self.tables or self.card is None or self.card.images is None:
            return Thumbnails(None, [])
        originals = open_originals(self.card)
        if originals is None:
            kind = self.card.images.kind
            self.missing["images"] = f"{self.card.path} has {kind}; name the original images with originals in [images]"
        found = thumbnails(originals, image_ids)
        if found.faults:
            count, wanted = len(found.faults), sum(map(bool, image_ids))
            self.missing["images"] = f"{count:,} of {wanted:,} cannot be shown, the first: {found.faults[0][1]}"
        return found

    def attention(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32] | None:
        """Return where the run looked for the questions `rows` (N,) of the table, float32 (hops, N, R).

        None where no run is at hand, or its network does not attend to the cells of a grid over the image.
        """
        model = self.run
        if model is None or model.spec.image_kind != "regions" or not has_places(model.spec.image_shape[0]):
            return None
        try:
            return attention_to(model, self.split, rows)
        except VqaError:
            # The network takes regions without attending to them, or their features are not at hand.
            return None

    def history(self) -> pd.DataFrame | None:
        """Return the training history of the run, one row per epoch, or None if it is not known."""
        return None if self.run is None else self.run.history

    @cached_property
    def evaluation(self) -> Evaluation:
        """The report of these predictions; baselines and ceilings are left out without the data set."""
        if self._given_run is not None:
            return self._given_run.report(self.split, predictions=self.frame)
        names = ("split", "card", "data_hash", "protocol", "seed", "event")
        recorded = {name: self.provenance[name] for name in names if self.provenance.get(name)}
        probabilities = self.frame["probability"].to_numpy()
        return evaluate(
            question_table(self.frame, self.name),
            self.frame["prediction"].tolist(),
            probabilities=None if np.isnan(probabilities).any() else probabilities,
            train=self.tables.get("train"),
            answer_vocabulary=None if self.run is None else self.run.vocabulary.answers,
            wups=self.card is not None and self.card.wups,
            **recorded,
        )


def read_source(path: str | Path, card: Path | None = None, split: str = "test") -> Source:
    """Read a predictions file and its provenance, or the answers of any system to a split of a card.

    Raises
    ------
    VqaError
        The file, or the provenance file beside it, cannot be used.
    """
    try:
        return Source(str(path), read_predictions(path), read_provenance(path), card=card)
    except VqaError:
        if card is None:
            raise
    system = read_system_predictions(path, card, split=split)
    return Source(str(path), system.frame(), dict(system.provenance()), card=card)


def open_source(path: str | Path, split: str = "test", card: Path | None = None, device: str = "cpu") -> Source:
    """Predict a split with the run or exported file `path`, or read the predictions file `path`.

    Raises
    ------
    VqaError
        The run, its data or the file cannot be used.
    """
    path = Path(path)
    if is_model(path):
        run = open_trained(path, card=card, device=device)
        return Source(str(path), run.predict(split), run.provenance(split), run=run, card=card)
    return read_source(path, card, split)
