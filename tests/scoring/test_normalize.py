from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.scoring.contractions import CONTRACTIONS
from vqa.scoring.normalize import MARKS, clean_answer, normalize_answer, normalize_leniently, process_punctuation
from vqa.scoring.reference import normalize_by_steps

QUIRKS = [
    # a mark beside a space anywhere in the original is deleted everywhere
    ("t-shirt", "t shirt"),
    ("well-known, man", "well known man"),
    ("a-b -c", "ab c"),
    # each mark is tested on the original, not on what earlier marks left
    ("red,white and blue", "red white and blue"),
    ("red, white,blue", "red whiteblue"),
    # digit, comma, digit anywhere makes every mark vanish
    ("1,2-3 4", "123 4"),
    ("1,000-yard (stare)", "1000yard stare"),
    # full stops go unless a digit follows
    ("3.5.", "3.5"),
    ("5.a", "5a"),
    ("a.5", "a.5"),
    ("p.m.", "pm"),
    (".5", ".5"),
    # marks that are not in the list stay
    ("it's 5 o'clock: #1 & 50% of $3 * 2 | ~ ^", "it's 5 o'clock: #1 & 50% of $3 * 2 | ~ ^"),
    ("“quoted” – dash", "“quoted” – dash"),
    ("`tick`", "tick"),
    # numbers, articles, contractions, in that order and as whole words
    ("None", "0"),
    ("ten eleven", "10 eleven"),
    ("The two dogs dont bark", "2 dogs don't bark"),
    ("a an THE", ""),
    ("somebody'd", "somebodyd"),
    ("Im", "im"),
    ("cant.", "can't"),
    # white space of all kinds
    (" a\tb\nc ", "b c"),
    ("one  two", "1 2"),
    # empty
    ("", ""),
    ("?", ""),
    # Unicode as Python 2 treats it
    ("ΣΑΣ", "σασ"),
    ("İz", "iz"),
    ("CAFÉ", "café"),
    ("٣,٤", "٣ ٤"),
    ("no\u180eway", "no way"),
    ("\u180e yes", "yes"),
]


@pytest.mark.parametrize(("raw", "normalized"), QUIRKS)
def test_quirks(raw: str, normalized: str) -> None:
    assert normalize_answer(raw) == normalized


def test_only_the_first_32_full_stops_go() -> None:
    assert normalize_answer("." * 40 + "x") == "." * 8 + "x"
    # A full stop before a digit is not removed and does not count.
    assert process_punctuation(".5" * 40 + "." * 33) == ".5" * 40 + "."


def test_every_official_pair(shared_data: Path) -> None:
    with gzip.open(shared_data / "official_vqa" / "normalised_pairs.json.gz", "rt", encoding="utf-8") as file:
        pairs = json.load(file)
    assert len(pairs) > 4000
    wrong = [(raw, expected, normalize_answer(raw)) for raw, expected in pairs if normalize_answer(raw) != expected]
    assert not wrong


WORDS = sorted({*CONTRACTIONS, *CONTRACTIONS.values(), "a", "the", "The", "two", "None", "1,2", "3.5", "p.m.", "dog"})
ANSWERS = st.lists(st.one_of(st.sampled_from(WORDS), st.sampled_from([*MARKS, ".", " ", "'", "5"])), max_size=8).map(
    "".join
)


@given(st.one_of(ANSWERS, st.text(alphabet=st.characters(max_codepoint=0x17F), max_size=20)))
def test_the_quick_way_equals_the_plain_steps(raw: str) -> None:
    # Greek and Turkish letters, where Python 2 and 3 disagree, have their own cases above.
    if "İ" not in raw:
        assert normalize_answer(raw) == normalize_by_steps(raw.replace("\n", " ").replace("\t", " ").strip())


@given(st.text(max_size=20))
def test_nothing_breaks_it_and_words_are_joined_with_one_space(raw: str) -> None:
    normalized = normalize_answer(raw)
    assert normalized == " ".join(normalized.split())
    assert "\n" not in clean_answer(raw)


@pytest.mark.parametrize(
    ("raw", "normalized"),
    [("The dog.", "dog"), ("a", "a"), ("The.", "the"), ("A an", "a an"), ("?!", "?!"), ("- -", "- -"), ("", "")],
)
def test_the_lenient_way_keeps_what_would_vanish(raw: str, normalized: str) -> None:
    assert normalize_leniently(raw) == normalized


@given(ANSWERS)
def test_lenient_and_official_agree_wherever_something_is_left(raw: str) -> None:
    if normalize_answer(raw):
        assert normalize_leniently(raw) == normalize_answer(raw)
