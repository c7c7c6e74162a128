"""How other evaluators process an answer before they compare it, quirk for quirk, as they behave under Python 3."""

from __future__ import annotations

import re

from vqa.scoring.contractions import CONTRACTIONS
from vqa.scoring.normalize import ARTICLES, MARKS, NUMBER_WORDS

# Under Python 3 a pattern's \d is any Unicode digit.
_COMMA_BETWEEN_DIGITS = re.compile(r"\d,\d")
_COMMAS_BETWEEN_DIGITS = re.compile(r"(?<=\d),+(?=\d)")
_FULL_STOP_BEFORE_NO_DIGIT = re.compile(r"\.(?!\d)")
_FULL_STOP_BESIDE_NO_DIGIT = re.compile(r"(?<!\d)\.(?!\d)")
# They too pass a flag of this value where the number of replacements belongs.
_MOST_FULL_STOPS_REMOVED = 32

# The contractions of the VizWiz evaluator are written with typographic apostrophes, these few aside.
_STRAIGHT = frozenset(
    ("aint", "arent", "cant", "couldve", "couldnt", "weve", "wheres", "whove", "couldn'tve", "hadn'tve")
)
_VIZWIZ_CONTRACTIONS = {
    key if key in _STRAIGHT else key.replace("'", "’"): (
        value if key in _STRAIGHT and "'" not in key else value.replace("'", "’")
    )
    for key, value in CONTRACTIONS.items()
}


def trimmed(text: str) -> str:
    """Return `text` with newlines and tabs as spaces and no white space at its ends."""
    return text.replace("\n", " ").replace("\t", " ").strip()


def _punctuation(text: str, comma: re.Pattern[str], full_stop: re.Pattern[str]) -> str:
    delete_all = comma.search(text) is not None
    processed = text
    for mark in MARKS:
        delete = delete_all or f"{mark} " in text or f" {mark}" in text
        processed = processed.replace(mark, "" if delete else " ")
    return full_stop.sub("", processed, count=_MOST_FULL_STOPS_REMOVED)


def _words(text: str, contractions: dict[str, str]) -> str:
    words = [NUMBER_WORDS.get(word, word) for word in text.lower().split()]
    return " ".join([contractions.get(word, word) for word in words if word not in ARTICLES])


def evalai(text: str) -> str:
    """Return an answer as the EvalAI processor of TextVQA gives it, which lmms-eval took over.

    Commas and question marks are deleted, 's is split off, then come the official steps.

    >>> evalai("Hello,world"), evalai("1,,2"), evalai("The dog's bone.")
    ('helloworld', '12', "dog 's bone")
    """
    tokenized = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return _words(_punctuation(trimmed(tokenized), _COMMAS_BETWEEN_DIGITS, _FULL_STOP_BEFORE_NO_DIGIT), CONTRACTIONS)


def vizwiz(text: str) -> str:
    """Return a prediction as the VizWiz evaluator compares it; human answers stay as written.

    >>> vizwiz("The Dog."), vizwiz("dont know")
    ('dog', 'don’t know')
    """
    return _words(_punctuation(trimmed(text), _COMMA_BETWEEN_DIGITS, _FULL_STOP_BEFORE_NO_DIGIT), _VIZWIZ_CONTRACTIONS)


def lmms_eval_vqav2(text: str) -> str:
    """Return an answer as lmms-eval's VQAv2 task compares it: the official steps, without their gate.

    >>> lmms_eval_vqav2("1,,2"), lmms_eval_vqav2("3.")
    ('12', '3')
    """
    return _words(_punctuation(trimmed(text), _COMMAS_BETWEEN_DIGITS, _FULL_STOP_BEFORE_NO_DIGIT), CONTRACTIONS)


def vlmevalkit(text: str) -> str:
    """Return an answer as VLMEvalKit compares it: the official steps, but a full stop after a digit stays.

    >>> vlmevalkit("2."), vlmevalkit("Two.")
    ('2.', '2')
    """
    return _words(_punctuation(trimmed(text), _COMMA_BETWEEN_DIGITS, _FULL_STOP_BESIDE_NO_DIGIT), CONTRACTIONS)


def anls_form(text: str) -> str:
    """Return an answer as ANLS compares it: lower case, single spaces.

    >>> anls_form("  Two  Words ")
    'two words'
    """
    return " ".join(text.strip().lower().split())
