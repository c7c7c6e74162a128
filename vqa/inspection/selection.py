"""Which questions of a predictions table to show: filters, and the questions with the highest loss."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from vqa.errors import DataError, did_you_mean
from vqa.inspection.prediction_rows import hardness
from vqa.scoring.questions import question_types


@dataclass(frozen=True)
class Selection:
    """Filters on a predictions table; a question is selected when it passes all of them.

    Attributes
    ----------
    ids, images : question ids, image ids; empty means all
    hit : only hits (True), only misses (False), or both (None)
    types : answer types or question types, as the report has them; empty means all
    contains : text that the question contains, in upper or lower case
    top_losses : show this many questions, the highest loss first and before it the misses that have none; 0 means
        all, in the table's order
    """

    ids: Sequence[str] = ()
    images: Sequence[str] = ()
    hit: bool | None = None
    types: Sequence[str] = ()
    contains: str = ""
    top_losses: int = 0

    def rows(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Return the rows of `frame` that pass, int64 (M,), in the table's order or by decreasing loss.

        Raises
        ------
        DataError
            No question of the table has the id, image or type; similar names are suggested.
        """
        keep = np.ones(len(frame), dtype=bool)
        if self.ids:
            keep &= _among(frame["question_id"], self.ids, "id")
        if self.images:
            keep &= _among(frame["image_id"], self.images, "image")
        if self.types:
            columns = frame["answer_type"], pd.Series(question_types(frame["question"], frame["question_type"]))
            known = set().union(*columns) - {""}
            for name in self.types:
                if name not in known:
                    raise DataError(f"no question has the type {name!r}{did_you_mean(name, known)}")
            keep &= np.any([column.isin(self.types) for column in columns], axis=0)
        if self.hit is not None:
            keep &= frame["hit"].to_numpy() == int(self.hit)
        if self.contains:
            wanted = self.contains.casefold()
            keep &= np.array([wanted in question.casefold() for question in frame["question"]])
        (rows,) = np.nonzero(keep)
        if self.top_losses:
            # Stable, so that equal losses stay in the table's order; NaN sorts to the end.
            rows = rows[np.argsort(-hardness(frame)[rows], kind="stable")][: self.top_losses]
        return rows


def _among(column: pd.Series, wanted: Iterable[str], what: str) -> npt.NDArray[np.bool_]:
    """Return which cells are among the wanted values, each of which must occur."""
    known = set(column)
    for name in wanted:
        if name not in known:
            raise DataError(f"no question has the {what} {name!r}{_similar_names(name, sorted(known))}")
    return column.isin(list(wanted)).to_numpy()


def _similar_names(name: str, known: list[str]) -> str:
    """Return the names most similar to `name` for a message, or some examples."""
    # Only names of about the same length: comparing with tens of thousands of others would take seconds.
    near = [other for other in known if abs(len(other) - len(name)) <= 2][:20_000]
    alike = difflib.get_close_matches(name, near, n=3, cutoff=0.5)
    if alike:
        return f"; did you mean {' or '.join(map(repr, alike))}?"
    return f"; they look like {', '.join(map(repr, known[:3]))}"
