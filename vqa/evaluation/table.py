"""PredictionsTable: the data frame of predictions, which prints what one looks for."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pandas.api.types import is_object_dtype

from vqa.display import html_table, html_text, visible

# What a predictions table prints of itself, and how wide a column of it may be, to fit a terminal of 80 columns.
SHOWN = ["question", "answers", "prediction", "loss", "hit"]
SHOWN_WIDTH, SHOWN_ROWS = 22, 10


class PredictionsTable(pd.DataFrame):
    """A predictions table: a `pandas.DataFrame` that prints question, answers, prediction, loss and hit."""

    @property
    def _constructor(self) -> type[PredictionsTable]:
        # A selection of its rows is a predictions table as well.
        return PredictionsTable

    def __repr__(self) -> str:
        if not set(SHOWN) < set(self.columns):
            return repr(self._with_visible_texts())
        texts = dict.fromkeys(("question", "answers", "prediction"), _abbreviated)
        return f"{self[SHOWN].to_string(max_rows=SHOWN_ROWS, formatters=texts)}\n\n{self._rest()}"

    def _repr_html_(self) -> str:
        if not set(SHOWN) < set(self.columns):
            return self._with_visible_texts().to_html(max_rows=SHOWN_ROWS)
        rows = self[SHOWN].head(SHOWN_ROWS).itertuples(index=False)
        cells = [
            (question, ", ".join(answers), best, f"{loss:.4f}", hit) for question, answers, best, loss, hit in rows
        ]
        return html_table(SHOWN, cells, "lllrr") + html_text(self._rest())

    def _with_visible_texts(self) -> pd.DataFrame:
        """Return a selection, or what pandas made of the table, as pandas shows it but for what cannot be seen."""
        frame = pd.DataFrame(self).rename(index=_visible_text, columns=_visible_text)
        for axis in frame.axes:
            axis.names = [_visible_text(name) for name in axis.names]
        for place, kind in enumerate(frame.dtypes):
            if is_object_dtype(kind):
                frame.isetitem(place, frame.iloc[:, place].map(_visible_text).to_numpy())
        return frame

    def _rest(self) -> str:
        others = visible(", ".join(str(name) for name in self.columns if name not in SHOWN))
        return f"[{len(self)} rows x {len(self.columns)} columns; not shown: {others}]"


def _visible_text(value: Any) -> Any:
    """Return a text, or the text of a list, as it can be seen; anything else as it is."""
    return visible(str(value)) if isinstance(value, (str, tuple)) else value


def _abbreviated(value: Any) -> str:
    text = visible(", ".join(value) if isinstance(value, tuple) else str(value))
    return text if len(text) <= SHOWN_WIDTH else text[: SHOWN_WIDTH - 1] + "…"
