"""Reproduction: the expected value, what naive code shows, what correct code shows, and why."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Union

Cell = Union[float, str]


class Row(NamedTuple):
    """One measured quantity: `expected` comes from arithmetic, `naive` and `right` were measured."""

    quantity: str
    expected: Cell
    naive: Cell
    right: Cell


@dataclass(frozen=True)
class Reproduction:
    """The outcome of one experiment of the lab.

    Attributes
    ----------
    name : as in ``vqa lab NAME``
    title : the mistake, in one line
    rows : the table
    explanation : two sentences
    seed : seed of the experiment's random numbers
    """

    name: str
    title: str
    rows: Sequence[Row]
    explanation: str
    seed: int

    def to_text(self) -> str:
        """Return the title, the table in aligned columns, and the explanation."""
        table = [Row._fields, *(tuple(map(shown, row)) for row in self.rows)]
        widths = [max(len(line[column]) for line in table) for column in range(len(Row._fields))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
        rule = "  ".join("-" * width for width in widths)
        return "\n".join([f"{self.name}: {self.title}", "", lines[0], rule, *lines[1:], "", self.explanation])

    def to_json(self) -> dict[str, Any]:
        """Return the same as JSON values; NaN and infinity are text."""
        return {
            "name": self.name,
            "title": self.title,
            "seed": self.seed,
            "rows": [dict(zip(Row._fields, map(_storable, row))) for row in self.rows],
            "explanation": self.explanation,
        }


def shown(value: Cell) -> str:
    """Return a cell as text, with four digits, or more where four would show 0 or 1 for another value.

    >>> shown(0.46666), shown(0.99999), shown(0.000012), shown(1.0), shown(12), shown("2 of 5")
    ('0.4667', '0.99999', '0.00001', '1.0000', '12', '2 of 5')
    """
    if isinstance(value, (str, int)):
        return str(value)
    if not math.isfinite(value):
        return str(value)
    digits = 4
    while value not in (0, 1) and float(f"{value:.{digits}f}") in (0, 1) and digits < 17:
        digits += 1
    return f"{value:.{digits}f}"


def _storable(value: Cell) -> Cell:
    return value if isinstance(value, str) or math.isfinite(value) else str(value)
