"""Simulated annotators: several answers per question, made from the one that a data set publishes.

These answers are SIMULATED. They imitate how people name the same thing differently ("blue", "dark blue", "navy"), so
that an evaluation with several answers can be tried on a data set that has only one.
"""

from __future__ import annotations

import hashlib

from vqa.data.table import QuestionTable

# Other true words for an answer; none of them is an answer, or a shade, of anything else.
SHADES: dict[str, tuple[str, ...]] = {
    "black": ("jet black", "pitch black"),
    "blue": ("dark blue", "navy"),
    "brown": ("dark brown", "chestnut"),
    "gray": ("grey", "light gray"),
    "green": ("dark green", "emerald"),
    "red": ("dark red", "crimson"),
    "teal": ("blue green", "turquoise"),
    "yellow": ("bright yellow", "golden"),
    "circle": ("disc", "round shape"),
    "rectangle": ("box", "oblong"),
    "triangle": ("three-sided shape", "triangular shape"),
    "yes": ("yeah", "yep"),
    "no": ("nope", "nah"),
}


def simulate_annotators(table: QuestionTable, count: int = 3, seed: int = 0) -> QuestionTable:
    """Give every question of a single-answer table `count` answers, one of which is always the published one.

    The slot of the published answer varies; every other slot holds, with equal probability, the published answer
    again or one of its shades. An answer without known shades is repeated. The answers depend on the question's id,
    its text and the seed alone (through SHA-256, so they are the same on every machine and version).

    Parameters
    ----------
    table : one answer per question
    count : number of annotators, from 2 to 10
    seed : any integer

    >>> table = QuestionTable(["7"], [""], ["what color is the shape?"], [("blue",)])
    >>> simulate_annotators(table).answers[0]
    ('blue', 'navy', 'blue')
    """
    answers = [
        _answers(question_id, question, published[0], count, seed)
        for question_id, question, published in zip(table.question_id, table.question, table.answers)
    ]
    return QuestionTable(
        table.question_id,
        table.image_id,
        table.question,
        answers,
        answer_type=table.answer_type,
        question_type=table.question_type,
        options=table.options,
        bad_lines=table.bad_lines,
        source=f"{table.source}, {count} simulated annotators",
    )


def _answers(question_id: str, question: str, published: str, count: int, seed: int) -> tuple[str, ...]:
    draws = hashlib.sha256(ascii((seed, question_id, question)).encode("ascii")).digest()
    choices = (published, *SHADES.get(published, ()))
    # One byte per draw: 256 is not a multiple of 3, but 86/256 and 85/256 are close enough to equal.
    answers = [choices[draw % len(choices)] for draw in draws[:count]]
    answers[draws[-1] % count] = published
    return tuple(answers)
