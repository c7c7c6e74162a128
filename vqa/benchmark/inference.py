"""``inference``: a whole evaluation against bare forward passes, the latency of one question, start-up of commands."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from vqa.benchmark.figures import Figure, Result, timings_json
from vqa.benchmark.sizes import CARDS
from vqa.benchmark.synthetic import synthetic_questions, write_official_files
from vqa.benchmark.worker import Alternative, Job, facts_of, measure

FORWARD, PREDICT, EVALUATE = "bare forward passes", "predict", "predict and report"
BATCH_SIZE = 512
VQA = (sys.executable, "-m", "vqa.cli")


def passes(run_dir: str, work: str) -> Job:
    """Return passes over the test split of a run: FORWARD (batches of 512, made before), PREDICT or EVALUATE."""
    from vqa._mxnet import mx
    from vqa.data.loader import GroupedLoader
    from vqa.evaluation.run import load_run

    run = load_run(run_dir)
    loader = GroupedLoader(run.dataset, "test", batch_size=BATCH_SIZE)

    batches = list(loader) if work == FORWARD else []

    def forward() -> None:
        for batch in batches:
            run.network(*batch.inputs)
            mx.nd.waitall()

    steps = {FORWARD: forward, PREDICT: lambda: run.predict("test"), EVALUATE: lambda: run.evaluate("test")}
    return Job(steps[work], mx.nd.waitall, {"questions": loader.num_questions})


def latencies(run_dir: str, count: int) -> Job:
    """Return, as facts, the seconds that single questions about images in files take, one after another."""
    from vqa.data.image_files import image_folder
    from vqa.evaluation.run import load_run

    run = load_run(run_dir)
    table, images = run.dataset.table("test"), image_folder(run.dataset.card)
    seconds = []
    for row in range(-5, count):
        image, question = images.find(table.image_id[row]), table.question[row]
        started = time.perf_counter()
        run.ask(image, question)
        seconds.append(time.perf_counter() - started)
    return Job(lambda: None, lambda: None, {"seconds": seconds[5:]})


def _score_files(folder: Path, num_questions: int = 100) -> list[str]:
    """Write small official files and return the arguments of ``vqa score`` for them."""
    questions = synthetic_questions(num_questions)
    write_official_files(questions, folder)
    results = [{"question_id": number, "answer": "answer 0"} for number in questions.question_id]
    (folder / "results.json").write_text(json.dumps(results))
    paths = [str(folder / name) for name in ("questions.json", "annotations.json", "results.json")]
    return ["score", "-q", paths[0], "-a", paths[1], "-r", paths[2]]


def _start_ups(commands: dict[str, list[str]], repetitions: int) -> dict[str, list[float]]:
    """Return the seconds that commands take from start to exit, taking turns."""
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(repetitions + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            seconds[name].append(time.perf_counter() - started)
    return {name: values[1:] for name, values in seconds.items()}


def _imports_mxnet(arguments: list[str]) -> bool:
    command = [sys.executable, "-X", "importtime", "-m", "vqa.cli", *arguments]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stderr.splitlines()
    # The last of the columns is the module's name, indented by depth.
    return "mxnet" in {line.rpartition("|")[2].strip() for line in lines}


def inference(
    *,
    card: Path = CARDS / "easy_vqa_3.toml",
    options: tuple[str, ...] = ("--epochs", "1"),
    repetitions: int = 5,
    num_asked: int = 300,
) -> Result:
    """Evaluation, single questions and start-up of a run on a data set with images in files."""
    with tempfile.TemporaryDirectory() as folder:
        run = str(Path(folder) / "run")
        subprocess.run([*VQA, "train", str(card), "--run", run, *options], stdout=2, check=True)  # stderr
        timings = measure(
            [
                Alternative(work, f"{__name__}:passes", {"run_dir": run, "work": work})
                for work in (FORWARD, PREDICT, EVALUATE)
            ],
            repetitions=repetitions,
            seconds=0,
            warm_up=1,
        )
        asked = facts_of(Alternative("ask", f"{__name__}:latencies", {"run_dir": run, "count": num_asked}))
        score = _score_files(Path(folder))
        commands = {"python": [sys.executable, "-c", ""], "--help": [*VQA, "--help"], "score": [*VQA, *score]}
        started = _start_ups(commands, repetitions)
        mxnet_imported = {
            name: _imports_mxnet(arguments) for name, arguments in (("--help", ["--help"]), ("score", score))
        }
    assert not any(mxnet_imported.values()), f"a command that needs no MXNet imports it: {mxnet_imported}"
    forward = timings[FORWARD]
    figures = [
        Figure(
            name, timings[name].facts["questions"] / timings[name].median, "questions/s", FORWARD,
            forward.facts["questions"] / forward.median, forward.times_faster_than(timings[name]), at_most=1.3,
        )
        for name in (PREDICT, EVALUATE)
    ]  # fmt: skip
    p50, p99 = np.percentile(asked["seconds"], [50, 99]) * 1000
    python = statistics.median(started["python"])
    figures += [
        Figure("ask, p50", float(p50), "ms"),
        Figure("ask, p99", float(p99), "ms"),
        Figure(
            "start-up of `vqa --help`", statistics.median(started["--help"]), "s", "bare Python", python, at_most=0.3
        ),
        Figure("`vqa score`, 100 questions", statistics.median(started["score"]), "s", "bare Python", python),
    ]
    details: dict[str, Any] = {"timings": timings_json(timings), "start_up_seconds": started}
    return Result(figures, {**details, "mxnet_imported": mxnet_imported})
