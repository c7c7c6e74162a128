"""Predictions in Parquet parts: the numbers of a table in memory, whatever the files, their order and who adds them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli
from vqa.errors import DataError
from vqa.scoring import parts_job
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.intervals import Clusters, Rate, cluster_names
from vqa.scoring.parquet_parts import connect, parquet_files, predictions_source, questions_source
from vqa.scoring.parts import kinds_of_clusters, sum_per_cluster
from vqa.scoring.parts_report import PartsReport, score_parts
from vqa.scoring.protocols import PROTOCOLS

pytest.importorskip("duckdb", reason="the extra parts is not installed")

NAMES = ("any-of", "per-split", "vqa-official", "vqa-lenient", "anls")
CARD = Path(__file__).parent / "files" / "card.toml"
WORDS = ["red", "Red", "the red", "2", "two", "yes", "no", "dark blue", ""]


def made_up(size: int, seed: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return questions with one to ten answers, some without an image, and one prediction for each."""
    draw = random.Random(seed)
    questions = [
        {
            "question_id": number * 7,
            "image_id": "" if draw.random() < 0.1 else f"im {number // draw.choice([1, 3, 5])}",
            "answers": [draw.choice(WORDS[:-1]) for _ in range(draw.choice([1, 3, 10]))],
            "answer_type": draw.choice(["yes/no", "other", ""]),
        }
        for number in range(size)
    ]
    predictions = [{"question_id": each["question_id"], "prediction": draw.choice(WORDS)} for each in questions]
    draw.shuffle(predictions)
    return pd.DataFrame(questions), pd.DataFrame(predictions)


def write(frame: pd.DataFrame, folder: Path, parts: int, **types: Any) -> list[str]:
    folder.mkdir(parents=True)
    for number, rows in enumerate(np.array_split(np.arange(len(frame)), parts)):
        frame.iloc[rows].astype(types).to_parquet(folder / f"part-{number:02}.parquet", index=False)
    return parquet_files([folder])


def scored(predictions: list[str], questions: list[str], **options: Any) -> PartsReport:
    return score_parts(predictions_source(predictions), questions_source(questions), NAMES, **options)


def in_memory(questions: pd.DataFrame, predictions: pd.DataFrame) -> dict[str, dict[str, Rate]]:
    """Return the rates that the same rows give without DuckDB and blocks."""
    table = questions.merge(predictions, on="question_id")
    answers = AnswerSets(table["answers"].map(tuple))
    ids, said = table["question_id"].astype(str).tolist(), table["prediction"].tolist()
    clusters = Clusters(cluster_names(ids, table["image_id"].tolist()))
    found = {}
    for name in NAMES:
        scores = PROTOCOLS[name].defined_scores(said, answers)
        rates = clusters.rates_by_name(scores, table["answer_type"].tolist())
        found[name] = {**rates, "": clusters.rate(scores)}
    return found


def assert_equal(report: PartsReport, expected: dict[str, dict[str, Rate]]) -> None:
    for each in report.protocols:
        rates = {**each.by_answer_type, "": each.overall}
        assert set(rates) == set(expected[each.protocol])
        for name, rate in rates.items():
            assert rate is not None
            wanted = expected[each.protocol][name]
            assert rate.n == wanted.n
            assert (rate.value, rate.low, rate.high) == pytest.approx((wanted.value, wanted.low, wanted.high), abs=1e-9)


def test_the_numbers_of_a_table_in_memory(tmp_path: Path) -> None:
    questions, predictions = made_up(3_000)
    report = scored(write(predictions, tmp_path / "p", 1), write(questions, tmp_path / "q", 1))
    assert_equal(report, in_memory(questions, predictions))
    assert report.scored == 3_000
    names = cluster_names(questions["question_id"].astype(str).tolist(), questions["image_id"].tolist())
    assert report.clusters == len(set(names))
    assert "3,000 questions about" in report.to_text()
    assert json.loads(json.dumps(report.to_json()))["protocols"][0]["protocol"] == "any-of"


def test_one_file_or_sixteen_in_any_order_give_the_same_to_the_last_digit(tmp_path: Path) -> None:
    questions, predictions = made_up(2_000)
    one = scored(write(predictions, tmp_path / "p1", 1), write(questions, tmp_path / "q1", 1))
    many = write(predictions.sample(frac=1, random_state=3), tmp_path / "p16", 16)
    other = scored(many[::-1], write(questions.sample(frac=1, random_state=4), tmp_path / "q16", 16))
    assert other.protocols == one.protocols
    assert (other.predictions, other.questions) == (16, 16)


def test_the_number_of_shares_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    questions, predictions = made_up(1_000)
    files = write(predictions, tmp_path / "p", 3), write(questions, tmp_path / "q", 2)
    one = scored(*files)
    monkeypatch.setattr(parts_job, "ROWS_PER_SHARE", 70)
    assert scored(*files) == one
    # Shares without a row: ten questions in 15 shares.
    few = write(predictions.iloc[:10], tmp_path / "few", 1)
    report = scored(few, files[1], partial=True)
    assert (report.scored, report.questions_without_answer) == (10, 990)


def test_ids_of_another_type_and_answers_in_columns(tmp_path: Path) -> None:
    questions, predictions = made_up(50)
    files = write(predictions.rename(columns={"prediction": "answer"}), tmp_path / "p", 2, question_id=str)
    columns = {f"answer_{n}": [each[n : n + 1] or [""] for each in questions["answers"]] for n in range(10)}
    single = questions.assign(**{name: [each[0] for each in texts] for name, texts in columns.items()})
    report = scored(files, write(single.drop(columns="answers"), tmp_path / "q", 2))
    assert_equal(report, in_memory(questions, predictions))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.iloc[2:], "missing ids: 2 (first: "),
        (lambda rows: pd.concat([rows, rows.iloc[:3]]), "duplicate ids: 3 (first: "),
        (lambda rows: pd.concat([rows.iloc[1:], rows.iloc[1:2]]), "missing ids: 1 "),
        (lambda rows: rows.assign(question_id=rows["question_id"].replace(7, 5)), "unknown ids: 1 (first: 5)"),
    ],
)
def test_ids_are_checked(change: Any, message: str, tmp_path: Path) -> None:
    questions, predictions = made_up(40)
    asked = write(questions, tmp_path / "q", 3)
    with pytest.raises(DataError) as error:
        scored(write(change(predictions), tmp_path / "p", 4), asked)
    assert "expected one result for each of the 40 questions" in str(error.value)
    assert message in str(error.value)


def test_repeated_questions_and_no_answers(tmp_path: Path) -> None:
    questions, predictions = made_up(40)
    files = write(predictions, tmp_path / "p", 1)
    with pytest.raises(DataError, match="1 question ids occur more than once"):
        scored(files, write(pd.concat([questions, questions.iloc[:1]]), tmp_path / "q", 2))
    empty = questions.assign(answers=[*questions["answers"][:-1], [""]])
    with pytest.raises(DataError, match="question '273' has no answer"):
        scored(files, write(empty, tmp_path / "e", 1))
    with pytest.raises(DataError, match="expected columns question_id and answers, got question_id, prediction"):
        questions_source(files)


def test_a_part_of_the_questions(tmp_path: Path) -> None:
    questions, predictions = made_up(300)
    few = predictions.iloc[:200]
    report = scored(write(few, tmp_path / "p", 2), write(questions, tmp_path / "q", 2), partial=True)
    assert (report.scored, report.questions_without_answer) == (200, 100)
    assert_equal(report, in_memory(questions, few))
    assert "--partial: 100 questions without an answer" in report.to_text()


# Each function of the job kills its worker once, as a machine that loses power would.
TWO_WORKERS = """
import json, os, signal, sys, tempfile
from pathlib import Path
from vqa.cluster import dask_cluster
from vqa.scoring import parts_job
from vqa.scoring.parquet_parts import predictions_source, questions_source

class Once:
    def __init__(self, function, folder):
        self.function, self.folder = function, folder

    def __call__(self, *arguments):
        killed = Path(self.folder) / self.function.__name__
        if not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return self.function(*arguments)

if __name__ == "__main__":
    predictions, questions, names, dead = (value.split(",") for value in sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder, dask_cluster(2, None) as cluster:
        sources = predictions_source(predictions), questions_source(questions)
        job = parts_job.Job(*sources, tuple(names), False, folder, 8, 1)
        over = parts_job.over_cluster(cluster)
        found = job.run(lambda function, *arguments: over(Once(function, dead[0]), *arguments))
    counts, squares, kinds = found
    print(json.dumps([vars(counts), squares, kinds]))
"""


@pytest.mark.slow
def test_two_workers_that_are_killed_give_the_same_to_the_last_digit(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    questions, predictions = made_up(2_000)
    files = write(predictions, tmp_path / "p", 4), write(questions, tmp_path / "q", 3)
    database, protocols = str(tmp_path / "sums.duckdb"), [PROTOCOLS[name] for name in NAMES]
    counts, squares = sum_per_cluster(predictions_source(files[0]), questions_source(files[1]), protocols, database)
    with connect(database) as connection:
        alone = [vars(counts), squares, kinds_of_clusters(connection, protocols)]
    script, dead = tmp_path / "two.py", tmp_path / "dead"
    script.write_text(TWO_WORKERS)
    dead.mkdir()
    arguments = (",".join(files[0]), ",".join(files[1]), ",".join(NAMES), str(dead))
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert sorted(path.name for path in dead.iterdir()) == ["add", "score", "share_out"]
    assert json.loads(done.stdout.splitlines()[-1]) == json.loads(json.dumps(alone))


@pytest.mark.slow
def test_the_command_with_two_workers(tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="the extra dask is not installed")
    questions, predictions = made_up(500)
    write(predictions, tmp_path / "p", 2)
    write(questions, tmp_path / "q", 2)
    arguments = [sys.executable, "-m", "vqa.cli", "score", tmp_path / "p", "--data", tmp_path / "q", "--json", "-"]
    one, two = (
        subprocess.run([*map(str, arguments), *more], capture_output=True, text=True, check=False)
        for more in ([], ["--workers", "2", "--scratch", str(tmp_path)])
    )
    assert two.returncode == 0, two.stderr[-2000:]
    assert two.stdout == one.stdout
    assert two.stderr == ""


def run(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["score", *map(str, arguments)])


def test_the_command(tmp_path: Path) -> None:
    questions, predictions = made_up(200)
    write(predictions, tmp_path / "p", 3)
    write(questions, tmp_path / "q", 2)
    done = run(tmp_path / "p", "--data", tmp_path / "q", "--json", tmp_path / "r.json")
    assert done.exit_code == 0, done.output
    assert "from 3 files of predictions and 2 of questions" in done.stdout
    named = run(*parquet_files([tmp_path / "p"]), "--data", tmp_path / "q", "--protocol", "any-of", "--json", "-")
    report = json.loads(named.stdout)
    assert [each["protocol"] for each in report["protocols"]] == ["any-of"]
    assert report["protocols"][0] == json.loads((tmp_path / "r.json").read_text())["protocols"][0]


def test_the_command_with_a_card(tmp_path: Path) -> None:
    results = pd.read_json(CARD.parent / "results.json")
    write(results, tmp_path / "p", 2)
    done = run(tmp_path / "p", "--data", CARD, "--json", "-")
    assert done.exit_code == 0, done.output
    found = {each["protocol"]: each["overall"] for each in json.loads(done.stdout)["protocols"]}
    whole = json.loads(run(CARD.parent / "results.json", "--data", CARD, "--json", "-").stdout)
    assert found["any-of"] == pytest.approx(whole["any_of"])
    assert found["vqa-official"] == pytest.approx(whole["vqa_official"]["overall"])


def test_what_duckdb_cannot_do_is_one_line(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(b"PAR1" + bytes(range(200)))
    done = run(damaged, damaged, "--data", CARD)
    assert (done.exit_code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: ")
    assert "damaged.parquet" in done.stderr
    with pytest.raises(DataError, match=r"sums\.duckdb") as caught, connect(str(tmp_path / "none" / "sums.duckdb")):
        pass
    assert "\n" not in str(caught.value)


def test_wrong_usage(tmp_path: Path) -> None:
    write(made_up(5)[1], tmp_path / "p", 1)
    (tmp_path / "none").mkdir()
    html = run(tmp_path / "p", "--data", CARD, "--html", tmp_path / "page.html")
    assert (html.exit_code, "--html does not go with Parquet parts" in html.output) == (2, True)
    assert run(tmp_path / "p").exit_code == 2
    assert run(CARD.parent / "results.json", "--data", CARD, "--scratch", tmp_path).exit_code == 2
    options = run(tmp_path / "p", "--data", CARD, "--protocol", "multiple-choice")
    assert (options.exit_code, "needs the options of each question" in options.output) == (1, True)
    empty = run(tmp_path / "none", "--data", CARD)
    assert (empty.exit_code, "expected a folder of Parquet files, found none" in empty.output) == (1, True)
    text = run(CARD.parent / "results.json", CARD.parent / "results.json", "--data", CARD)
    assert (text.exit_code, "expected a Parquet file" in text.output) == (1, True)
