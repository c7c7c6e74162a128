"""``growth``: time and memory of every stage at 1x, 4x and 16x questions, up to the size of VQA v2."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vqa.benchmark.figures import Figure, Result
from vqa.benchmark.synthetic import write_data_set
from vqa.benchmark.worker import Alternative, Job, facts_of, peak_bytes
from vqa.data.cards import load_card
from vqa.data.dataset import Dataset
from vqa.data.loader import GroupedLoader
from vqa.data.readers import read_split
from vqa.data.vocab import build_vocabulary
from vqa.scoring import report, rules

QUESTIONS = (443_757 // 16, 443_757 // 4, 443_757)
READ_AND_ENCODE = ("reading", "vocabulary", "encoding")
MAX_ANSWERS = 3129
MIB = 2**20


class _Stages:
    """Seconds of each stage, and the peak of the process's memory after it."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.peak_bytes: dict[str, int] = {"start": peak_bytes()}

    def run(self, name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        self.seconds[name] = time.perf_counter() - started
        self.peak_bytes[name] = peak_bytes()
        return result


def stages(card: str) -> Job:
    """Return, as facts, seconds and memory of every stage over the split "train" of a card."""
    checked = load_card(card)
    watch = _Stages()
    table = watch.run("reading", lambda: read_split(checked, "train"))
    vocabulary = watch.run("vocabulary", lambda: build_vocabulary(table, max_answers=MAX_ANSWERS))
    dataset = Dataset(checked, vocabulary, tables={"train": table})
    watch.run("encoding", lambda: dataset.encoded("train"))
    watch.run("one epoch's batches", lambda: _one_epoch(dataset))
    # Each question gets an answer of the one beside it, or its own.
    predictions = [table.answers[row - row % 2][0] for row in range(len(table))]
    watch.run("scoring", lambda: rules.official(predictions, table.answers))
    probabilities = np.random.default_rng(1).random(len(table))
    watch.run(
        "report with intervals",
        lambda: report.evaluate(
            table, predictions, probabilities=probabilities, train=table, answer_vocabulary=vocabulary.answers
        ),
    )
    facts = {"questions": len(table), "seconds": watch.seconds, "peak_bytes": watch.peak_bytes}
    return Job(lambda: None, lambda: None, facts)


def _one_epoch(dataset: Dataset) -> None:
    for batch in GroupedLoader(dataset, "train", batch_size=512, shuffle=True):
        batch.images.wait_to_read()


def exponent(small: float, large: float, times: float) -> float:
    """Return p for which something that became `times` larger costs ``times ** p`` as much: 1 is linear.

    >>> exponent(1.0, 16.0, 16.0)
    1.0
    """
    return math.log(large / small) / math.log(times)


def growth(*, questions: Sequence[int] = QUESTIONS, feature_size: int = 2048) -> Result:
    """Time and memory of reading, vocabulary, batches, scoring and report at several sizes, each in its process."""
    runs = []
    for number in questions:
        with tempfile.TemporaryDirectory() as folder:
            card = write_data_set(Path(folder), number, feature_size)
            runs.append(facts_of(Alternative(f"{number} questions", f"{__name__}:stages", {"card": str(card)})))
    first, last = runs[0], runs[-1]
    times = last["questions"] / first["questions"]
    small, large = f"{first['questions']:,} questions", f"{last['questions']:,}"
    figures = [
        Figure(
            f"{stage}, {large} questions", seconds, "s", small, first["seconds"][stage],
            exponent(first["seconds"][stage], seconds, times), at_most=1.1,
        )
        for stage, seconds in last["seconds"].items()
    ]  # fmt: skip
    used, used_first = (max(run["peak_bytes"].values()) - run["peak_bytes"]["start"] for run in (last, first))
    figures += [
        Figure(
            f"memory beyond the start, {large} questions", used / MIB, "MiB", small, used_first / MIB,
            exponent(used_first, used, times), at_most=1.1,
        ),
        Figure(
            f"read and encoded, {large} questions",
            sum(last["seconds"][stage] for stage in READ_AND_ENCODE), "s", at_most=30,
        ),
    ]  # fmt: skip
    return Result(figures, {"ratio": "exponent of growth: 1 is linear", "runs": runs})
