"""The fenced blocks of a Markdown document, as a reader would copy them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([PROJECT / "README.md", *(PROJECT / "data").glob("*.md"), *(PROJECT / "docs").rglob("*.md")])

_FENCE = re.compile(r"(?P<indent> *)```(?P<language>\w*)\s*")
_NOT_RUN = re.compile(r"<!-- not run: (?P<reason>.+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block of a document.

    Attributes
    ----------
    place : document and line, for messages
    language : the word after the fence, "" where there is none
    text : the block's lines
    not_run : why the tests do not run it, "" where they do
    """

    place: str
    language: str
    text: str
    not_run: str


def blocks(document: Path) -> Iterator[Block]:
    """Yield the fenced blocks of a document in their order."""
    lines = document.read_text(encoding="utf-8").splitlines()
    start = None
    for number, line in enumerate(lines):
        fence = _FENCE.fullmatch(line)
        if fence and start is None:
            start, opening = number, fence
        elif start is not None and line.strip() == "```":
            marker = _NOT_RUN.fullmatch(lines[start - 1].strip()) if start else None
            yield Block(
                f"{document.relative_to(PROJECT)}:{start + 1}",
                opening["language"],
                "\n".join(text[len(opening["indent"]) :] for text in lines[start + 1 : number]) + "\n",
                marker["reason"] if marker else "",
            )
            start = None
    assert start is None, f"{document}: the block of line {start} does not end"


def blocks_of(document: Path, language: str) -> list[Block]:
    """Return the blocks of a document in one language."""
    return [block for block in blocks(document) if block.language == language]
