"""The official rule as a plain loop over questions: the reference for tests and for the speed benchmark.

It shares only the tables of words and marks with `rules` and `normalize`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vqa.scoring.contractions import CONTRACTIONS
from vqa.scoring.normalize import ARTICLES, MARKS, NUMBER_WORDS


def normalize_by_steps(text: str) -> str:
    """Return one answer normalised as the official evaluator does it, mark by mark and word by word."""
    processed = text
    for mark in MARKS:
        beside_space = f"{mark} " in text or f" {mark}" in text
        if beside_space or re.search("[0-9],[0-9]", text):
            processed = processed.replace(mark, "")
        else:
            processed = processed.replace(mark, " ")
    processed = re.sub(r"\.(?![0-9])", "", processed, count=32)
    words = []
    for word in processed.lower().split():
        number = NUMBER_WORDS.get(word, word)
        if number not in ARTICLES:
            words.append(CONTRACTIONS.get(number, number))
    return " ".join(words)


def _trim(text: str) -> str:
    return text.replace("\n", " ").replace("\t", " ").strip()


def official_by_loop(predictions: Iterable[str], answers: Iterable[Sequence[str]]) -> list[float]:
    """Return the official VQA accuracy of N questions (fractions), one question and one annotator after another."""
    scores = []
    for prediction, answer_set in zip(predictions, answers):
        predicted = _trim(prediction)
        humans = [_trim(answer) for answer in answer_set]
        if len(set(humans)) > 1:
            humans = [normalize_by_steps(answer) for answer in humans]
            predicted = normalize_by_steps(predicted)
        # Added one by one: from Python 3.12 on, sum() of floats compensates its rounding errors.
        total = 0.0
        for place in range(len(humans)):
            others = humans[:place] + humans[place + 1 :]
            matching = [other for other in others if other == predicted]
            total += min(1.0, len(matching) / 3)
        scores.append(total / len(humans))
    return scores
