"""Text for people: control characters written out, and small tables for notebooks."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

# Control characters, bidirectional and other invisible formatting characters, and halves of surrogate pairs: a file
# must not be able to steer a terminal, to reverse what a line seems to say, or to hide a word.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_ALIGNMENTS = {"l": "left", "r": "right", "c": "center"}


def visible(text: str) -> str:
    r"""Return `text` with control and invisible formatting characters written out.

    >>> visible("red\x1b[2J"), visible("yes\u202eon")
    ('red\\x1b[2J', 'yes\\u202eon')
    """
    return _INVISIBLE.sub(_escape, text)


def visible_lines(text: str) -> str:
    r"""Return `text` as `visible` does, but with its line ends.

    >>> print(visible_lines("red\x1b[2J\nblue"))
    red\x1b[2J
    blue
    """
    return "\n".join(map(visible, text.split("\n")))


def _escape(match: re.Match[str]) -> str:
    return match.group().encode("unicode_escape").decode("ascii")


def html_table(header: Sequence[str], rows: Iterable[Sequence[object]], align: str, caption: str = "") -> str:
    """Return a table for `_repr_html_`: every text escaped, no script, in the notebook's own colours.

    Parameters
    ----------
    header : names of the columns; empty for none
    rows : cells of each row, shown as `str` does
    align : "l", "r" or "c" for each column
    caption : heading of the table

    >>> html_table([], [["a < b", 1]], "lr").count("a &lt; b")
    1
    """
    # Spaces before a label stay, because they show what it belongs to.
    styles = [f"text-align:{_ALIGNMENTS[letter]};vertical-align:top;white-space:pre-wrap" for letter in align]
    head = f"<thead><tr>{_cells('th', header, styles)}</tr></thead>" if header else ""
    body = "".join(f"<tr>{_cells('td', row, styles)}</tr>" for row in rows)
    title = f'<caption style="text-align:left;font-weight:bold">{html_text(caption)}</caption>' if caption else ""
    return f"<table>{title}{head}<tbody>{body}</tbody></table>"


def _cells(tag: str, values: Sequence[object], styles: Sequence[str]) -> str:
    return "".join(f'<{tag} style="{style}">{html_text(str(value))}</{tag}>' for value, style in zip(values, styles))


def html_text(text: str) -> str:
    """Return `text` escaped for HTML, with control and invisible formatting characters written out.

    >>> html_text("<b>\u202e")
    '&lt;b&gt;\\\\u202e'
    """
    return html.escape(visible(text))
