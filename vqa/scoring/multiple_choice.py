"""Which of a question's options a prediction means: by text, by letter, or within a longer text; never at random."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Union

import numpy as np

from vqa.scoring.formatting import format_count
from vqa.scoring.normalize import normalize_leniently

if TYPE_CHECKING:
    from vqa.scoring.answer_sets import AnswerSets, Floats, Strings

EXAMPLES = 3
TEXT, LETTER, WITHIN, UNREAD = "text", "letter", "within a longer text", "not read"

ANSWER_WORDS = r"(?:the\s+)?(?:(?:final|short|correct)\s+)?answer(?:\s+is\s|\s*[:=])\s*"
"""Pattern of what stands before an answer: "Answer:", "The correct answer is"."""
_ANSWER_WORDS = re.compile(ANSWER_WORDS, re.I)
_LETTER = re.compile(r"(?:option\s+)?\(?([A-Za-z])[).:]*", re.I)
_LETTER_AND_TEXT = re.compile(r"(?:\(([A-Za-z])\)[.:]?|([A-Za-z])[).:])\s+(.+)", re.S)
# Upper case alone: "the answer is a dog" names no option.
_NAMED_LETTER = re.compile(r"\b(?:[Aa]nswer|[Oo]ption|[Cc]hoice)(?:\s+is)?:?\s*\(?([A-Z])\)?(?![\w'])")

Options = Union[Sequence[tuple[str, ...]], "Strings"]


@lru_cache(maxsize=100_000)
def read_option(prediction: str, options: tuple[str, ...]) -> tuple[int | None, str]:
    """Return the number of the option that a prediction means, None where it is not clear, and how it was read.

    In this order: the text of one option, as written, else after lenient normalisation; the letter of one ("B",
    "(b)", "Answer: B", "B. cat" where the text does not contradict it); within a longer text, the one letter that is
    named ("option B is right") or the one option whose words occur, not counting options that are part of another.

    >>> options = ("cat", "black cat", "dog")
    >>> read_option("Black cat.", options), read_option("(c)", options), read_option("C. cat", options)
    ((1, 'text'), (2, 'letter'), (None, 'not read'))
    >>> read_option("It is a black cat", options), read_option("a cat or a dog", options)
    ((1, 'within a longer text'), (None, 'not read'))
    """
    text = _ANSWER_WORDS.sub("", prediction.strip(), count=1).strip()
    for written in (prediction, text):
        if written in options:
            return options.index(written), TEXT
    both = _LETTER_AND_TEXT.fullmatch(text)
    letter = both or _LETTER.fullmatch(text)
    lettered = _numbered(next(filter(None, letter.groups())), options, LETTER) if letter else (None, UNREAD)
    said = _by_text(both[3], options) if both else None
    if said is not None:
        return lettered if lettered[0] == said else (None, UNREAD)
    number = _by_text(text, options)
    if number is not None:
        return number, TEXT
    if letter:
        return lettered
    named = set(_NAMED_LETTER.findall(prediction))
    if len(named) == 1:
        return _numbered(named.pop(), options, WITHIN)
    return _within(text, options)


def _by_text(text: str, options: tuple[str, ...]) -> int | None:
    wanted = normalize_leniently(text)
    same = [number for number, option in enumerate(options) if normalize_leniently(option) == wanted]
    return same[0] if len(same) == 1 else None


def _numbered(letter: str, options: tuple[str, ...], how: str) -> tuple[int | None, str]:
    number = ord(letter.upper()) - ord("A")
    return (number, how) if number < len(options) else (None, UNREAD)


def _within(text: str, options: tuple[str, ...]) -> tuple[int | None, str]:
    said = f" {normalize_leniently(text)} "
    found = {number: f" {normalize_leniently(option)} " for number, option in enumerate(options)}
    found = {number: option for number, option in found.items() if option.strip() and option in said}
    whole = [
        number
        for number, option in found.items()
        if not any(option != other and option in other for other in found.values())
    ]
    return (whole[0], WITHIN) if len(whole) == 1 else (None, UNREAD)


@dataclass(frozen=True)
class OptionReading:
    """How the predictions of the questions with options were read.

    Attributes
    ----------
    questions : number of questions that offer options and have one of them as their answer
    without_right_option : number of questions that offer options, none of which is the answer: they are not scored
    text, letter, within : predictions read as the text of an option, its letter, or within a longer text
    unread : predictions that name no option, or several; they score 0
    examples : the first of these
    """

    questions: int
    without_right_option: int
    text: int
    letter: int
    within: int
    unread: int
    examples: list[str]

    def to_text(self) -> str:
        """Return what was read in one line."""
        shown = f" ({', '.join(repr(text[:60]) for text in self.examples)})" if self.examples else ""
        line = (
            f"multiple choice: {format_count(self.questions)} questions; options read by text "
            f"{format_count(self.text)}, by letter {format_count(self.letter)}, within a longer text "
            f"{format_count(self.within)}; not read, and so wrong, {format_count(self.unread)}{shown}"
        )
        if self.without_right_option:
            line += f"; {format_count(self.without_right_option)} questions do not offer their answer: not scored"
        return line


def right_options(answers: AnswerSets) -> list[set[int]]:
    """Return for each of N questions the numbers of the options that are among its answers, by text or by letter."""
    found = []
    for given, offered in zip(answers.written(), answers.options):
        read = (read_option(answer, offered) for answer in set(given) if offered)
        found.append({number for number, how in read if number is not None and how in (TEXT, LETTER)})
    return found


def multiple_choice(predictions: Sequence[str] | Strings, answers: AnswerSets) -> Floats:
    """Return 1 where the option that the prediction means is right, else 0; NaN where no right option is offered."""
    answers.check_number(len(predictions))
    return np.fromiter(
        (
            float(read_option(text, offered)[0] in right) if right else np.nan
            for text, offered, right in zip(predictions, answers.options, right_options(answers))
        ),
        dtype=np.float64,
        count=len(answers),
    )


def aokvqa_multiple_choice(predictions: Sequence[str] | Strings, answers: AnswerSets) -> Floats:
    """Return 1 where the prediction is written exactly as a right option, else 0; NaN where none is offered."""
    answers.check_number(len(predictions))
    return np.fromiter(
        (
            float(text in [offered[number] for number in right]) if right else np.nan
            for text, offered, right in zip(predictions, answers.options, right_options(answers))
        ),
        dtype=np.float64,
        count=len(answers),
    )


def option_reading(predictions: Sequence[str] | Strings, answers: AnswerSets) -> OptionReading:
    """Return how N predictions were read."""
    counts = dict.fromkeys((TEXT, LETTER, WITHIN, UNREAD), 0)
    unread, missing = [], 0
    for text, offered, right in zip(predictions, answers.options, right_options(answers)):
        if offered and right:
            how = read_option(text, offered)[1]
            counts[how] += 1
            if how == UNREAD:
                unread.append(text)
        missing += bool(offered and not right)
    return OptionReading(
        questions=sum(counts.values()),
        without_right_option=missing,
        text=counts[TEXT],
        letter=counts[LETTER],
        within=counts[WITHIN],
        unread=counts[UNREAD],
        examples=unread[:EXAMPLES],
    )
