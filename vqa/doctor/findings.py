"""Finding: one thing that is wrong, in words that say how to mend it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """One thing that makes a number lie, or may come to.

    Attributes
    ----------
    code : the kind of mistake, for example "position-leak"
    severity : "error" where a number is wrong, "warning" where none is wrong yet
    message : what was seen, with the numbers, and how to mend it

    >>> print(Finding("non-finite", "error", "2 of 30 logits are NaN"))
    error non-finite: 2 of 30 logits are NaN
    """

    code: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity} {self.code}: {self.message}"
