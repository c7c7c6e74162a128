"""A synthetic data set in the form and the proportions of VQA v2, of any size, in the official files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# VQA v2, train: 443,757 questions about 82,783 images.
QUESTIONS_AN_IMAGE = 443_757 / 82_783
NUM_ANNOTATORS = 10
NUM_DISTINCT_ANSWERS = 20_000
NUM_WORDS = 12_000
OPENINGS = ("what color is the", "is there a", "how many", "what is the", "are the", "where is the", "why is the")
TYPES = ("yes/no", "number", "other")


class SyntheticQuestions(NamedTuple):
    """Questions as lists of equal length N; answers are lists of ten strings."""

    question_id: list[int]
    image_id: list[int]
    question: list[str]
    answers: list[list[str]]
    answer_type: list[str]
    question_type: list[str]


def synthetic_questions(num_questions: int, seed: int = 1) -> SyntheticQuestions:
    """Return questions whose words and answers are as unevenly frequent as in natural language (Zipf)."""
    random = np.random.default_rng(seed)
    words = np.array([f"word{number}" for number in range(NUM_WORDS)], dtype=object)
    answers = np.array([f"answer {number}" for number in range(NUM_DISTINCT_ANSWERS)], dtype=object)
    opening = random.integers(0, len(OPENINGS), num_questions)
    nouns = words[_zipf(random, NUM_WORDS, (num_questions, 3))]
    # Three annotators in four give the question's main answer, the others whatever is common.
    main = _zipf(random, NUM_DISTINCT_ANSWERS, (num_questions, 1))
    others = _zipf(random, NUM_DISTINCT_ANSWERS, (num_questions, NUM_ANNOTATORS))
    given = answers[np.where(random.random(others.shape) < 0.75, main, others)]
    return SyntheticQuestions(
        question_id=list(range(num_questions)),
        image_id=(np.arange(num_questions) / QUESTIONS_AN_IMAGE).astype(int).tolist(),
        question=[f"{OPENINGS[kind]} {' '.join(row)}?" for kind, row in zip(opening, nouns)],
        answers=given.tolist(),
        answer_type=[TYPES[number] for number in main[:, 0] % len(TYPES)],
        question_type=[OPENINGS[kind] for kind in opening],
    )


def _zipf(random: np.random.Generator, count: int, shape: tuple[int, ...]) -> Any:
    """Return numbers below `count`, number k about 1 / (k + 1) times as frequent as number 0."""
    return (count ** random.random(shape)).astype(np.int64) - 1


def write_official_files(questions: SyntheticQuestions, folder: Path) -> None:
    """Write ``questions.json`` and ``annotations.json`` in the official form."""
    asked = [
        {"question_id": number, "image_id": image, "question": text}
        for number, image, text in zip(questions.question_id, questions.image_id, questions.question)
    ]
    (folder / "questions.json").write_text(json.dumps({"questions": asked}))
    (folder / "annotations.json").write_text(json.dumps({"annotations": list(_annotations(questions))}))


def _annotations(questions: SyntheticQuestions) -> Iterator[dict[str, Any]]:
    for question_id, image_id, _, answers, answer_type, question_type in zip(*questions):
        yield {
            "question_id": question_id,
            "image_id": image_id,
            "answer_type": answer_type,
            "question_type": question_type,
            "multiple_choice_answer": answers[0],
            "answers": [
                {"answer": answer, "answer_confidence": "yes", "answer_id": number}
                for number, answer in enumerate(answers, start=1)
            ],
        }


def write_features(path: Path, num_images: int, size: int) -> None:
    """Write float16 features (num_images, size) and their ids, "0", "1", ..., block by block."""
    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float16, shape=(num_images, size))
    block = np.random.default_rng(1).standard_normal((1024, size)).astype(np.float16)
    for start in range(0, num_images, len(block)):
        features[start : start + len(block)] = block[: num_images - start]
    features.flush()
    path.with_suffix(".ids.txt").write_text("".join(f"{number}\n" for number in range(num_images)))


def write_data_set(folder: Path, num_questions: int, feature_size: int) -> Path:
    """Write questions, annotations, features and a card into a folder and return the card."""
    questions = synthetic_questions(num_questions)
    write_official_files(questions, folder)
    write_features(folder / "features.npy", questions.image_id[-1] + 1, feature_size)
    card = folder / "card.toml"
    card.write_text(
        'name = "synthetic"\nformat = "vqa-json"\n[splits.train]\nquestions = "questions.json"\n'
        'annotations = "annotations.json"\n[images]\nkind = "features"\npath = "features.npy"\n'
    )
    return card
