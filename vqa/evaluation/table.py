"""PredictionsTable: the data frame of predictions, which prints what one looks for."""

from __future__ import annotations

from typing import Any

import pandas as pd

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
            return super().__repr__()
        texts = dict.fromkeys(("question", "answers", "prediction"), _abbreviated)
        return f"{self[SHOWN].to_string(max_rows=SHOWN_ROWS, formatters=texts)}\n\n{self._rest()}"

    def _repr_html_(self) -> str:
        if not set(SHOWN) < set(self.columns):
            return self.to_html(max_rows=SHOWN_ROWS)
        rows = self[SHOWN].head(SHOWN_ROWS).itertuples(index=False)
        cells = [
            (question, ", ".join(answers), best, f"{loss:.4f}", hit) for question, answers, best, loss, hit in rows
        ]
        return html_table(SHOWN, cells, "lllrr") + html_text(self._rest())

    def _rest(self) -> str:
        others = ", ".join(str(name) for name in self.columns if name not in SHOWN)
        return f"[{len(self)} rows x {len(self.columns)} columns; not shown: {others}]"


def _abbreviated(value: Any) -> str:
    text = visible(", ".join(value) if isinstance(value, tuple) else str(value))
    return text if len(text) <= SHOWN_WIDTH else text[: SHOWN_WIDTH - 1] + "…"
