"""The source of the predictions to inspect: a run, which predicts now, or a predictions file."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from vqa.data.images import ImageStore, open_images
from vqa.data.table import QuestionTable
from vqa.errors import DataError
from vqa.evaluation.prediction_files import read_predictions, read_provenance
from vqa.inspection.prediction_rows import question_table

if TYPE_CHECKING:
    from vqa.evaluation.run import Run
    from vqa.scoring.report import Evaluation


class Source:
    """Predictions and what is known about their origin.

    Attributes
    ----------
    name : the run or file as the user named it
    frame : predictions table
    provenance : run, card, split, data_hash, protocol, activation and seed, where known
    """

    def __init__(
        self,
        name: str,
        frame: pd.DataFrame,
        provenance: dict[str, Any] | None = None,
        *,
        run: Run | None = None,
        card: Path | None = None,
    ) -> None:
        self.name = name
        self.frame = frame
        self.provenance = provenance or {}
        self._given_run = run
        self._card = card or (Path(self.provenance["card"]) if self.provenance.get("card") else None)

    @cached_property
    def run(self) -> Run | None:
        """The run that made the predictions, if its folder and its data still exist."""
        folder = self.provenance.get("run")
        if self._given_run is not None or not folder or not (Path(folder) / "run.json").is_file():
            return self._given_run
        if self._card is None or not self._card.is_file():
            return None
        from vqa.evaluation.run import load_run

        return load_run(folder, card=self._card)

    @cached_property
    def tables(self) -> dict[str, QuestionTable]:
        """The tables "train" and "questions" (the split predicted) of the data set; empty without its card.

        Raises
        ------
        DataError
            The data set no longer holds the questions that were predicted.
        """
        split = self.provenance.get("split", "test")
        if self.run is not None:
            tables = {"train": self.run.dataset.table("train"), "questions": self.run.dataset.table(split)}
        elif self._card is not None and self._card.is_file():
            from vqa.data.cards import load_card
            from vqa.data.readers import read_split

            card = load_card(self._card)
            tables = {"train": read_split(card, "train"), "questions": read_split(card, split)}
        else:
            return {}
        recorded = self.provenance.get("data_hash")
        if recorded and recorded != tables["questions"].content_hash():
            raise DataError(
                f"{self.name} was made from other questions than split {split!r} of {self._card} holds now; "
                "evaluate again, or name the data set with --card"
            )
        return tables

    def images(self) -> ImageStore | None:
        """Return the images of the data set, or None if the data set is not available."""
        if not self.tables:
            return None
        if self.run is not None:
            return self.run.dataset.images
        from vqa.data.cards import load_card

        assert self._card is not None  # there are no tables without a card
        return open_images(load_card(self._card), {"questions": self.tables["questions"]})

    def history(self) -> pd.DataFrame | None:
        """Return the training history of the run, one row per epoch, or None if it is not known."""
        return None if self.run is None else self.run.history

    @cached_property
    def evaluation(self) -> Evaluation:
        """The report of these predictions; baselines and ceilings are left out without the data set."""
        if self.run is not None:
            return self.run.report(self.provenance.get("split", "test"), predictions=self.frame)
        from vqa.scoring.report import evaluate

        return evaluate(
            question_table(self.frame, self.name),
            self.frame["prediction"].tolist(),
            probabilities=self.frame["probability"].to_numpy(),
            train=self.tables.get("train"),
            **{
                name: self.provenance[name]
                for name in ("split", "card", "data_hash", "protocol")
                if self.provenance.get(name)
            },
        )


def read_source(path: str | Path, card: Path | None = None) -> Source:
    """Read a predictions file and its provenance.

    Raises
    ------
    VqaError
        The file, or the provenance file beside it, cannot be used.
    """
    return Source(str(path), read_predictions(path), read_provenance(path), card=card)


def open_source(path: str | Path, split: str = "test", card: Path | None = None, device: str = "cpu") -> Source:
    """Predict a split with the run in the folder `path`, or read the predictions file `path`.

    Raises
    ------
    VqaError
        The run, its data or the file cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        from vqa.evaluation.run import load_run

        run = load_run(path, card=card, device=device)
        return Source(str(path), run.predict(split), run.provenance(split), run=run, card=card)
    return read_source(path, card)
