"""Answer normalisation of the official VQA evaluator, quirk for quirk, and a lenient one.

Source: repository GT-Vision-Lab/VQA, commit a013f00, PythonEvaluationTools/vqaEvaluation/vqaEval.py, `evaluate`,
`processPunctuation` and `processDigitArticle`, as they behave under Python 2.7.
"""

from __future__ import annotations

import re
from functools import lru_cache

from vqa.scoring.contractions import CONTRACTIONS

ARTICLES = frozenset(("a", "an", "the"))
_COUNTING_WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
NUMBER_WORDS = {"none": "0", **{word: str(number) for number, word in enumerate(_COUNTING_WORDS)}}
# The official code maps numbers, drops articles, then maps contractions; no word is touched by two of the three.
_REWRITTEN_WORDS = {**NUMBER_WORDS, **CONTRACTIONS}
_CHANGED_WORDS = ARTICLES | _REWRITTEN_WORDS.keys()
MARKS = ';/[]"{}()=+\\_-><@`,?!'

CACHED = 1 << 17
"""Answers whose normalised form is kept: the same ones come back, in one block of questions after the other."""

# ASCII digits alone: under Python 2 a pattern's \d is not a Unicode digit unless it is asked for.
_DIGIT_COMMA_DIGIT = re.compile(r"[0-9],[0-9]")
# The look-behind of the official pattern is misspelt as a look-ahead that always holds, so only what follows counts.
_REMOVABLE_FULL_STOP = re.compile(r"\.(?![0-9])")
# The official code passes a flag of this value where the number of replacements belongs.
_MOST_FULL_STOPS_REMOVED = 32
_ANY_MARK = re.compile("[" + re.escape(MARKS) + "]")
# The Mongolian vowel separator was white space in the Unicode version of Python 2.7 and is not any more.
_OLD_WHITE_SPACE = "\u180e"


def clean_answer(text: str) -> str:
    r"""Return `text` with newlines and tabs as spaces and no white space at its ends: what the gate compares.

    >>> clean_answer(" Yes\tsir\n")
    'Yes sir'
    """
    if text.isalnum():
        return text
    text = text.replace("\n", " ").replace("\t", " ").strip()
    while not text.isascii() and (text.startswith(_OLD_WHITE_SPACE) or text.endswith(_OLD_WHITE_SPACE)):
        text = text.strip(_OLD_WHITE_SPACE).strip()
    return text


def process_punctuation(text: str) -> str:
    """Return `text` without marks and superfluous full stops.

    A mark goes where the original has it beside a space anywhere, or has digit, comma, digit anywhere; otherwise
    each becomes a space. Then full stops go unless a digit follows, at most 32 of them.

    >>> process_punctuation("1,2-3 4"), process_punctuation("t-shirt"), process_punctuation("3.5.")
    ('123 4', 't shirt', '3.5')
    """
    processed = text
    if _ANY_MARK.search(text):
        delete_all = _DIGIT_COMMA_DIGIT.search(text) is not None
        for mark in MARKS:
            if mark in text:
                delete = delete_all or f"{mark} " in text or f" {mark}" in text
                processed = processed.replace(mark, "" if delete else " ")
    if "." in processed:
        processed = _REMOVABLE_FULL_STOP.sub("", processed, count=_MOST_FULL_STOPS_REMOVED)
    return processed


def _lower(text: str) -> str:
    """Return `text` in lower case, one character for one as Python 2 does it (no final sigma, no dotted i)."""
    if text.isascii():
        return text.lower()
    return "".join([character.lower()[:1] for character in text]).replace(_OLD_WHITE_SPACE, " ")


def _rewrite(words: list[str]) -> str:
    return " ".join([_REWRITTEN_WORDS.get(word, word) for word in words])


def process_digits_and_articles(text: str) -> str:
    """Return `text` in lower case, numbers as digits, without articles, contractions with their apostrophes.

    >>> process_digits_and_articles("The two dogs dont bark")
    "2 dogs don't bark"
    """
    words = _lower(text).split()
    if _CHANGED_WORDS.isdisjoint(words):
        return " ".join(words)
    return _rewrite([word for word in words if word not in ARTICLES])


@lru_cache(maxsize=CACHED)
def normalize_answer(text: str) -> str:
    """Return an answer as the official VQA evaluator compares it when the human answers differ.

    An answer may become empty: "The." and "a" do.

    >>> normalize_answer("The 2 dogs."), normalize_answer("T-shirt"), normalize_answer("Dont know!")
    ('2 dogs', 't shirt', "don't know")
    """
    if text.isascii() and text.replace(" ", "").isalnum():
        # Words without marks or other white space: nothing but the last steps can touch them.
        return process_digits_and_articles(text)
    return process_digits_and_articles(process_punctuation(clean_answer(text)))


@lru_cache(maxsize=CACHED)
def normalize_leniently(text: str) -> str:
    """Return an answer as the lenient rule compares it: official, but an answer never becomes empty.

    Where dropping the articles leaves nothing they stay, and where dropping the marks leaves nothing the
    lower-case text stays.

    >>> normalize_leniently("The dog."), normalize_leniently("A."), normalize_leniently("?")
    ('dog', 'a', '?')
    """
    cleaned = clean_answer(text)
    words = _lower(process_punctuation(cleaned)).split()
    return _rewrite([word for word in words if word not in ARTICLES] or words or _lower(cleaned).split())
