"""A small question-only data set with repeated, missing and rare answers, and a network small enough for a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import vqa
from vqa.evaluation.fit import fit
from vqa.evaluation.run import Run

SMALL = {"embedding_size": 8, "hidden_size": 16}
OPTIONS: dict[str, Any] = {"epochs": 4, "batch_size": 16, "seed": 3, "learning_rate": 0.02}


def write_card(folder: Path, num_questions: int = 120) -> Path:
    """Write a card and its CSV files: questions of 1 to 9 words, three answers each, some cells empty."""
    random = np.random.default_rng(5)
    for split, count in (("train", num_questions), ("test", 30)):
        lines = ["question_id,question,answer_1,answer_2,answer_3"]
        for number in range(count):
            words = random.choice(["red", "blue", "what", "is", "the", "cat", "left"], size=1 + number % 9)
            answers = random.choice(["yes", "no", "red", "blue", ""], size=3, p=[0.4, 0.2, 0.2, 0.1, 0.1])
            lines.append(f"{split}{number},{' '.join(words)} {number},{answers[0] or 'yes'},{answers[1]},{answers[2]}")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    card = folder / "card.toml"
    splits = "".join(f'[splits.{split}]\nfile = "{split}.csv"\n' for split in ("train", "test"))
    card.write_text(f'name = "small"\nformat = "csv"\n{splits}')
    return card


def train(card: Path, run_dir: Path, loss: Any = None, **options: Any) -> Run:
    """Train the small network on a card."""
    dataset = vqa.load_dataset(card)
    network = vqa.build_network("question-only", dataset, seed=3, **SMALL)
    return fit(network, dataset, loss or vqa.MultiAnswerSoftmaxLoss(), run_dir=run_dir, **{**OPTIONS, **options})
