"""``scoring``: the official rule over all questions against a plain loop."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from vqa.benchmark.figures import Result, speed, timings_json
from vqa.benchmark.synthetic import synthetic_questions
from vqa.benchmark.worker import Alternative, Job, measure
from vqa.scoring import rules
from vqa.scoring.official_files import read_official
from vqa.scoring.reference import official_by_loop

NUM_QUESTIONS = 48_061
RULE, LOOP = "vqa.scoring", "plain loop"


def shared_data() -> Path:
    """Return the folder of real data: $VQA_SHARED_DATA, by default ../shared/data from the project's root."""
    return Path(os.environ.get("VQA_SHARED_DATA", Path(__file__).parents[3] / "shared" / "data"))


def read_answers(num_questions: int) -> tuple[list[str], list[tuple[str, ...]], str]:
    """Return predictions, the human answers, and where they are from: real ones where they are at hand."""
    folder = shared_data() / "vqa_v2_60k"
    if folder.is_dir():
        questions = read_official(folder / "train_questions.json.gz", folder / "train_annotations.json.gz")
        answers, source = questions.answers[:num_questions], "VQA v2, 60k subset, train"
    else:
        answers, source = [tuple(given) for given in synthetic_questions(num_questions).answers], "synthetic"
    # Every question is answered by the first annotator of the question before it or its own: some right, some wrong.
    predictions = [answers[row - row % 2][0] for row in range(len(answers))]
    return predictions, answers, source


def scoring_job(num_questions: int, by_loop: bool) -> Job:
    """Return passes of the official rule over all questions, strings in and scores out."""
    predictions, answers, source = read_answers(num_questions)
    compute = official_by_loop if by_loop else rules.official
    total = float(np.sum(compute(predictions[:1000], answers[:1000])))
    facts = {"questions": len(answers), "source": source, "sum_of_the_first_1000": total}
    return Job(lambda: compute(predictions, answers), lambda: None, facts)


def scoring(*, num_questions: int = NUM_QUESTIONS, repetitions: int = 3) -> Result:
    """The official rule against a plain loop over the same questions."""
    timings = measure(
        [
            Alternative(name, f"{__name__}:scoring_job", {"num_questions": num_questions, "by_loop": by_loop})
            for name, by_loop in ((RULE, False), (LOOP, True))
        ],
        repetitions=repetitions,
        seconds=0,
        warm_up=1,
    )
    sums = {timing.facts["sum_of_the_first_1000"] for timing in timings.values()}
    assert max(sums) - min(sums) < 1e-9, f"the two ways of scoring differ: {sums}"
    return Result([speed("official rule", timings, RULE, LOOP, at_least=20)], {"timings": timings_json(timings)})
