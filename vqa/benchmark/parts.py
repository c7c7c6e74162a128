"""``parts``: simulated predictions in Parquet files, scored in one pass at two sizes."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from vqa.benchmark.figures import Figure, Result
from vqa.benchmark.growth import MIB, exponent
from vqa.benchmark.worker import Alternative, Job, facts_of, peak_bytes
from vqa.scoring.parquet_parts import parquet_files, predictions_source, questions_source
from vqa.scoring.parts_report import score_parts

ANSWERS = 3_000
ANNOTATORS = 10
QUESTIONS_PER_IMAGE = 5
TYPES = ["yes/no", "number", "other"]
QUESTIONS = (500_000, 4_000_000)
ROWS_PER_PART = 500_000


def write_part(folder: Path, number: int, first: int, size: int, seed: int) -> None:
    """Write one file of `size` questions, ids from `first` on, and one of predictions in another order.

    Each image has five questions, each question ten answers from a list of 3,000; seven of ten annotators agree on
    average, and six of ten predictions are what most of them say.
    """
    generator = np.random.default_rng((seed, number))
    ids = np.arange(first, first + size)
    right = generator.integers(ANSWERS, size=size, dtype=np.int32)
    others = generator.integers(ANSWERS, size=(size, ANNOTATORS), dtype=np.int32)
    answers = np.where(generator.random((size, ANNOTATORS)) < 0.7, right[:, None], others)
    ends = np.arange(0, size * ANNOTATORS + 1, ANNOTATORS, dtype=np.int32)
    words = pa.array([f"answer {answer}" for answer in range(ANSWERS)])
    questions = {
        "question_id": ids,
        "image_id": ids // QUESTIONS_PER_IMAGE,
        "answer_type": pa.DictionaryArray.from_arrays(pa.array(right % len(TYPES)), pa.array(TYPES)),
        "answers": pa.ListArray.from_arrays(ends, pa.DictionaryArray.from_arrays(pa.array(answers.ravel()), words)),
    }
    said = np.where(generator.random(size) < 0.6, right, others[:, 0])
    order = generator.permutation(size)
    predictions = {
        "question_id": ids[order],
        "prediction": pa.DictionaryArray.from_arrays(pa.array(said[order]), words),
    }
    for name, columns in (("questions", questions), ("predictions", predictions)):
        (folder / name).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / name / f"part-{number:05}.parquet")


def write_parts(folder: Path, num_questions: int, num_parts: int, seed: int = 1) -> None:
    """Write the folders `questions` and `predictions`, `num_parts` files each."""
    bounds = np.linspace(0, num_questions, num_parts + 1).astype(int).tolist()
    for number, (first, end) in enumerate(zip(bounds, bounds[1:])):
        write_part(folder, number, first, end - first, seed)


def parts_job(folder: str) -> Job:
    """Return, as facts, the seconds and the memory that the scores of one folder take."""
    at_the_start, started = peak_bytes(), time.perf_counter()
    predictions, questions = (parquet_files([Path(folder) / name]) for name in ("predictions", "questions"))
    report = score_parts(predictions_source(predictions), questions_source(questions))
    rate = report.protocols[0].overall
    facts = {
        "questions": report.scored,
        "seconds": time.perf_counter() - started,
        "peak_bytes": peak_bytes(),
        "start_bytes": at_the_start,
        "any_of": None if rate is None else rate.value,
    }
    return Job(lambda: None, lambda: None, facts)


def parts(*, questions: tuple[int, int] = QUESTIONS) -> Result:
    """Time and memory of simulated predictions in Parquet files at two sizes, each in its process."""
    runs = []
    for number in questions:
        with tempfile.TemporaryDirectory() as folder:
            write_parts(Path(folder), number, max(1, number // ROWS_PER_PART))
            runs.append(facts_of(Alternative(f"{number} questions", f"{__name__}:parts_job", {"folder": folder})))
    small, large = runs
    times = large["questions"] / small["questions"]
    name, before = f"{large['questions']:,} predictions in parts", f"{small['questions']:,}"
    figures = [
        Figure(
            name, large["seconds"], "s", before, small["seconds"],
            exponent(small["seconds"], large["seconds"], times), at_most=1.1,
        ),
        Figure(f"{name}: memory", large["peak_bytes"] / MIB, "MiB", before, small["peak_bytes"] / MIB, at_most=4096),
    ]  # fmt: skip
    return Result(figures, {"ratio": "exponent of growth: 1 is linear", "runs": runs})
