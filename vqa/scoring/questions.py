"""What scoring needs of a table of questions, and what it derives from one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from vqa.scoring.answer_sets import AnswerSets, Strings

TYPE_WORDS = 2
"""Number of first words that serve as the type of a question where the data has none."""


class Questions(Protocol):
    """What scoring needs of a table of N questions; `vqa.data.table.QuestionTable` has it.

    Attributes
    ----------
    answers : the answers as they are compared
    raw_answers : the answers as written, which the official rule normalises itself
    normalized : whether answers are compared in their lenient form
    """

    question_id: Strings
    image_id: Strings
    question: Strings
    answers: Strings
    raw_answers: Strings
    normalized: bool
    answer_type: Strings
    question_type: Strings

    def __len__(self) -> int: ...


@runtime_checkable
class MultipleChoiceQuestions(Questions, Protocol):
    """Questions of which some offer options; a table without the column has none.

    Attributes
    ----------
    options : one tuple of strings per question; () where it offers none
    """

    options: Strings


def encode_answers(questions: Questions) -> AnswerSets:
    """Return the human answers of a table, and its options, encoded with its way of comparing them."""
    options = questions.options if isinstance(questions, MultipleChoiceQuestions) else ()
    return AnswerSets(questions.raw_answers, normalized=questions.normalized, options=options)


def question_types(questions: Iterable[str], given: Iterable[str]) -> list[str]:
    """Return the type of each of N questions: the given one, or where that is "" the first two words in lower case."""
    texts = list(questions)
    # Questions repeat: each text is split once.
    first_words = {text: " ".join(text.lower().split()[:TYPE_WORDS]) for text in set(texts)}
    return [name or first_words[text] for name, text in zip(given, texts)]
