"""Griffe extension: the docstrings of vqa in the form that Griffe's NumPy parser takes apart.

In vqa, a parameter and its meaning stand on one line, ``name : meaning``, since the type stands in the signature; and a
doctest needs no heading. The parser expects a type after the colon, and the doctest under "Examples".
"""

from __future__ import annotations

import re
from typing import Any

import griffe

_DESCRIBED = ("Parameters", "Attributes")
_ITEM = re.compile(r"(\*{0,2}\w+(?:, \w+)*) : (.*)")


def numpy_form(text: str) -> str:
    """Return a docstring with each ``name : meaning`` on two lines, and its doctest under a heading.

    >>> print(numpy_form("Parameters\\n----------\\nseed : of the generator\\n\\n>>> 1 + 1"))
    Parameters
    ----------
    seed
        of the generator
    <BLANKLINE>
    Examples
    --------
    >>> 1 + 1
    """
    lines: list[str] = []
    section = ""
    given = text.splitlines()
    for number, line in enumerate(given):
        underline = given[number + 1] if number + 1 < len(given) else ""
        if underline and set(underline) == {"-"}:
            section = line
        elif line.startswith(">>>") and section != "Examples":
            section = "Examples"
            lines += [section, "--------"]
        item = _ITEM.fullmatch(line) if section in _DESCRIBED else None
        if section in _DESCRIBED and not item and line[:1].strip() and line != section and set(line) != {"-"}:
            section = "Notes"  # a paragraph after the list
            lines += [section, "-----"]
        lines += [item[1], f"    {item[2]}"] if item else [line]
    return "\n".join(lines)


class Docstrings(griffe.Extension):
    """Rewrites every docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring:
            obj.docstring.value = numpy_form(obj.docstring.value)
