"""Findings: what is wrong, in words that say how to fix it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vqa.display import html_table

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One mistake, or one thing that may become a mistake.

    Attributes
    ----------
    code : the kind of mistake, for example "position-leak"
    severity : "error" where a number is wrong, "warning" where none is wrong yet or where nothing can be said
    message : what was seen, with the numbers, and how to fix it

    >>> print(Finding("non-finite", "error", "2 of 30 logits are NaN"))
    error non-finite: 2 of 30 logits are NaN
    """

    code: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.message}"


class Findings(list[Finding]):
    """The findings of one examination: a list, shown as a table in a notebook.

    >>> Findings() == []
    True
    >>> Findings([Finding("non-finite", "error", "2 of 30 logits are NaN")])._repr_html_().count("<tr>")
    2
    """

    def _repr_html_(self) -> str:
        """Return a table with one row per finding."""
        if not self:
            return html_table([], [["nothing found"]], "l")
        rows = [(finding.severity, finding.code, finding.message) for finding in self]
        return html_table(["severity", "code", "message"], rows, "lll")
