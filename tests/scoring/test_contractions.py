from __future__ import annotations

import pytest

from vqa.scoring.contractions import CONTRACTIONS


def test_the_map_has_120_entries() -> None:
    assert len(CONTRACTIONS) == 120


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dont", "don't"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ("maam", "ma'am"),
        ("oclock", "o'clock"),
        ("twas", "'twas"),
        ("ow's'at", "'ow's'at"),
        ("'ows'at", "'ow's'at"),
        ("'ow'sat", "'ow's'at"),
        ("yall'd've", "y'all'd've"),
        ("y'alld've", "y'all'd've"),
        ("y'all'dve", "y'all'd've"),
        ("y'allll", "y'all'll"),
        ("therere", "there're"),
        ("Im", "I'm"),
        ("I'dve", "I'd've"),
        ("let's", "let's"),
        ("she's", "she's"),
        ("somebody'd", "somebodyd"),
    ],
)
def test_entries(key: str, value: str) -> None:
    assert CONTRACTIONS[key] == value


@pytest.mark.parametrize(
    "word",
    # Well-formed and ill-formed words that the official map leaves alone.
    [
        "lets",
        "shes",
        "shed",
        "somebodyd",
        "shell",
        "its",
        "id",
        "ill",
        "were",
        "wed",
        "well",
        "whatd",
        "howre",
        "im",
        "ive",
    ],
)
def test_words_that_look_like_contractions_and_are_left_alone(word: str) -> None:
    assert word not in CONTRACTIONS
