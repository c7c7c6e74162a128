"""What a file says cannot act on a terminal or a notebook, nor hide or reverse a word."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa.display import html_table, visible


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("what color?", "what color?"),
        ("tab\tand\nline", "tab\\tand\\nline"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("yes\u202eon\u202c", "yes\\u202eon\\u202c"),
        ("ze\u200bro", "ze\\u200bro"),
        ("half \ud800", "half \\ud800"),
        ("hidden \U000e0041", "hidden \\U000e0041"),
        # Letters of any script, joined emoji and combining marks are text.
        ("שלום 猫 👩‍🔬 é", "שלום 猫 👩‍🔬 é"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, expected: str) -> None:
    assert visible(text) == expected


class Cells(HTMLParser):
    """The tags and the texts of the cells of a table."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag in ("td", "th", "caption"):
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        self.texts[-1] += data


@settings(deadline=None)
@given(st.lists(st.tuples(st.text(), st.text()), max_size=3), st.text(min_size=1))
def test_cells_come_back_as_text_and_no_markup_is_added(rows: list[tuple[str, str]], caption: str) -> None:
    parser = Cells()
    parser.feed(html_table(["one", "two"], rows, "lr", caption))
    parser.close()
    assert parser.tags <= {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert parser.texts == [visible(caption), "one", "two", *(visible(cell) for row in rows for cell in row)]
