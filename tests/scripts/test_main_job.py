"""The main job as a user runs it: commands in processes of their own, their output, exit codes and files."""

from __future__ import annotations

import json
import os
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

SMALL = ["--option", "embedding_size=8", "--option", "hidden_size=16", "--batch-size", "16", "--seed", "3"]


def vqa(*arguments: object, script: str | None = None, **options: object) -> subprocess.CompletedProcess[str]:
    """Run `vqa ARGUMENTS`, or a script of the project with them."""
    start = [sys.executable, "-m", "vqa.cli"] if script is None else [sys.executable, script]
    return subprocess.run(
        [*start, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300, **options
    )


def error_line(result: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a failing command prints, having checked that it is one line and exit code 1."""
    assert result.returncode == 1, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("Error: ")
    assert "Traceback" not in result.stderr
    return lines[-1]


def write_data(folder: Path) -> Path:
    """Write a data set of coloured images, two questions each, three answers, and return its card."""
    random = np.random.default_rng(0)
    (folder / "images").mkdir(parents=True)
    colours = {"red": (220, 30, 30), "green": (30, 220, 30), "blue": (30, 30, 220)}
    for split, count in (("train", 60), ("test", 12)):
        lines = ["question_id,image_id,question,answer_1,answer_2,answer_3"]
        for number in range(count):
            name = str(random.choice(list(colours)))
            pixels = np.clip(np.array(colours[name]) + random.integers(-20, 20, (16, 16, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(folder / "images" / f"{split}{number}.png")
            lines.append(f"{split}-{number}-a,{split}{number},what color is it,{name},dark {name},{name}")
            lines.append(f"{split}-{number}-b,{split}{number},is it red,{'yes' if name == 'red' else 'no'},,")
        (folder / f"{split}.csv").write_text("\n".join(lines) + "\n")
    card = folder / "card.toml"
    card.write_text(
        'name = "colours"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n[splits.test]\nfile = "test.csv"\n'
        '[images]\nkind = "pixels"\npath = "images"\n'
    )
    return card


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set and a run on it; tests that change something work on a copy."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["VQA_CACHE"] = str(folder / "cache")
    card = write_data(folder / "data")
    result = vqa("train", card, "--run", folder / "run", "--epochs", 2, *SMALL)
    assert result.returncode == 0, result.stderr
    assert "best epoch" in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert result.stderr.count("any-of") == 2
    assert "Warning" not in result.stderr
    return folder


@pytest.fixture
def copy(home: Path, tmp_path: Path) -> Path:
    """A copy of the data set and the run, to damage."""
    for name in ("data", "run"):
        shutil.copytree(home / name, tmp_path / name)
    record = tmp_path / "run" / "run.json"
    record.write_text(record.read_text().replace(str(home), str(tmp_path)))
    return tmp_path


def test_evaluate_reports_and_writes_every_question_once(home: Path, tmp_path: Path) -> None:
    frames = []
    for suffix, read in (
        ("csv", lambda path: pd.read_csv(path, keep_default_na=False)),
        ("jsonl", lambda path: pd.read_json(path, lines=True, dtype=False)),
        ("parquet", pd.read_parquet),
    ):
        path = tmp_path / f"predictions.{suffix}"
        result = vqa("evaluate", home / "run", "--predictions", path, "--json", tmp_path / "report.json")
        assert result.returncode == 0, result.stderr
        assert "any-of accuracy" in result.stdout
        frames.append(read(path))
    report = json.loads((tmp_path / "report.json").read_text())
    for frame in frames:
        assert frame["question_id"].tolist() == [f"test-{n}-{part}" for n in range(12) for part in "ab"]
        assert frame["hit"].mean() == pytest.approx(report["any_of"]["value"])
    assert report["questions"] == 24
    assert report["per_split"]["value"] <= report["per_split"]["ceiling"] == pytest.approx((2 / 3 + 1) / 2)


def test_json_on_stdout_is_json_alone(home: Path) -> None:
    result = vqa("evaluate", home / "run", "--json", "-")
    assert json.loads(result.stdout)["split"] == "test"


@pytest.mark.parametrize("name", ["train", "evaluate", "inspect_predictions"])
def test_scripts_show_help_with_an_example(project: Path, name: str) -> None:
    result = vqa("--help", script=str(project / "scripts" / f"{name}.py"))
    assert result.returncode == 0
    assert "Example" in result.stdout


def test_scripts_do_what_the_command_does(home: Path, project: Path, tmp_path: Path) -> None:
    scripts = project / "scripts"
    run, predictions = tmp_path / "run", tmp_path / "p.csv"
    result = vqa(home / "data/card.toml", "--run", run, "--epochs", 2, *SMALL, script=str(scripts / "train.py"))
    assert result.returncode == 0, result.stderr
    assert (run / "last.params").read_bytes() == (home / "run/last.params").read_bytes()
    assert vqa(run, "--predictions", predictions, script=str(scripts / "evaluate.py")).returncode == 0
    result = vqa(predictions, "--id", "test-3-a", script=str(scripts / "inspect_predictions.py"))
    assert result.returncode == 0, result.stderr
    assert "what color is it" in result.stdout


@pytest.mark.parametrize("arguments", [["train"], ["nothing"], ["train", "x.toml", "--epochs", "many"], ["--what"]])
def test_wrong_usage_exits_with_2(arguments: list[str]) -> None:
    result = vqa(*arguments)
    assert result.returncode == 2
    assert "Usage: vqa" in result.stderr
    assert result.stdout == ""


def test_a_missing_card(tmp_path: Path) -> None:
    assert "no such dataset card" in error_line(vqa("train", tmp_path / "none.toml"))


def test_a_missing_file_of_the_card(copy: Path) -> None:
    (copy / "data/train.csv").unlink()
    line = error_line(vqa("train", copy / "data/card.toml", "--run", copy / "new"))
    assert "train.csv" in line
    assert "no such file" in line
    assert not (copy / "new").exists()


def test_an_unknown_key_of_the_card(copy: Path) -> None:
    card = copy / "data/card.toml"
    card.write_text(card.read_text().replace("format =", "fromat ="))
    assert "unknown key 'fromat'; did you mean 'format'?" in error_line(vqa("train", card))


def test_malformed_lines_are_counted_or_refused(copy: Path) -> None:
    train = copy / "data/train.csv"
    lines = train.read_text().splitlines()
    lines[7] = 'broken,"line'
    train.write_text("\n".join(lines) + "\n")
    result = vqa("train", copy / "data/card.toml", "--run", copy / "new", "--epochs", 1, *SMALL)
    assert result.returncode == 0, result.stderr
    assert "train.csv:8" in result.stderr
    lines[9] = "b,train3"
    train.write_text("\n".join(lines) + "\n")
    line = error_line(vqa("train", copy / "data/card.toml", "--run", copy / "newer", *SMALL))
    assert "2 of 120 lines cannot be read, more than --max-bad 0.01 allows" in line
    assert "train.csv:8" in line
    result = vqa("train", copy / "data/card.toml", "--run", copy / "newer", "--epochs", 1, "--max-bad", 0.1, *SMALL)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("damage", ["remove", "text"])
def test_an_image_that_cannot_be_used_is_named_with_its_question(copy: Path, damage: str) -> None:
    image = copy / "data/images/train5.png"
    image.unlink()
    if damage == "text":
        image.write_text("no image")
    line = error_line(vqa("train", copy / "data/card.toml", "--run", copy / "new", *SMALL))
    assert "train5" in line
    assert "'train-5-a'" in line


def test_an_empty_split(copy: Path) -> None:
    (copy / "data/train.csv").write_text("question_id,image_id,question,answer_1\n")
    assert "at least one question" in error_line(vqa("train", copy / "data/card.toml", "--run", copy / "new"))


def test_a_split_that_is_not_there(home: Path) -> None:
    assert "no split 'valid'" in error_line(vqa("evaluate", home / "run", "--split", "valid"))


def test_answers_all_out_of_vocabulary(copy: Path) -> None:
    test = copy / "data/test.csv"
    text = test.read_text()
    for word in ("red", "green", "blue", "yes", "no"):
        text = text.replace(f",{word}", f",x{word}").replace(f",dark {word}", f",dark x{word}")
    test.write_text(text)
    assert "none of the 24 questions" in error_line(vqa("evaluate", copy / "run"))


def test_a_run_folder_that_is_none(tmp_path: Path) -> None:
    assert "is not there" in error_line(vqa("evaluate", tmp_path / "none"))
    assert "holds no run.json" in error_line(vqa("evaluate", tmp_path))


def test_a_damaged_run(copy: Path) -> None:
    parameters = copy / "run/best.params"
    parameters.write_bytes(parameters.read_bytes()[:-4])
    assert "best.params is damaged" in error_line(vqa("evaluate", copy / "run"))


@pytest.mark.parametrize("name", ["vocab.json", "config.json"])
def test_a_damaged_text_file_of_a_run(copy: Path, name: str) -> None:
    (copy / "run" / name).write_text("{")
    assert name in error_line(vqa("evaluate", copy / "run"))


def test_a_run_of_another_version(copy: Path) -> None:
    record = copy / "run/run.json"
    record.write_text(record.read_text().replace('"format_version": 1', '"format_version": 2'))
    assert "format version 2, this program reads version 1" in error_line(vqa("evaluate", copy / "run"))


def test_a_run_on_other_data(copy: Path) -> None:
    train = copy / "data/train.csv"
    train.write_text(train.read_text().replace("is it red", "is it really red"))
    assert "was trained on other questions" in error_line(vqa("evaluate", copy / "run"))
    result = vqa("evaluate", copy / "run", "--card", copy / "data/card.toml")
    assert result.returncode == 0, result.stderr


def test_a_card_of_another_kind(copy: Path, project: Path) -> None:
    line = error_line(vqa("evaluate", copy / "run", "--card", project / "data/forum.toml", "--split", "train"))
    assert "was trained on pixels images of shape (3, 16, 16)" in line


def test_a_predictions_file_of_an_unknown_format_is_refused_before_the_work(home: Path, tmp_path: Path) -> None:
    assert ".csv" in error_line(vqa("evaluate", home / "run", "--predictions", tmp_path / "p.xlsx"))


def start_training(folder: Path, run: str, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "vqa.cli", "train", str(folder / "data/card.toml"), "--run", str(folder / run)]
    command += ["--epochs", "30", *SMALL, *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_epochs(process: subprocess.Popen[str], run: Path, count: int) -> None:
    history = run / "history.csv"
    deadline = time.monotonic() + 120
    while not history.exists() or len(history.read_text().splitlines()) < 1 + count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_saves_and_says_how_to_resume(copy: Path, number: int, code: int) -> None:
    process = start_training(copy, "new")
    wait_for_epochs(process, copy / "new", 2)
    process.send_signal(number)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == code, stderr
    last = stderr.splitlines()[-1]
    assert last.startswith("interrupted: saved epoch")
    assert f"vqa train {copy}/data/card.toml --run {copy}/new --resume" in last
    result = vqa(*last.split("vqa ", 1)[1].split())
    assert result.returncode == 0, result.stderr


@pytest.mark.slow
def test_killed_at_any_moment_a_run_resumes_bit_for_bit(copy: Path) -> None:
    whole = start_training(copy, "whole")
    whole.communicate(timeout=300)
    assert whole.returncode == 0
    random = np.random.default_rng(7)
    resume: list[str] = []
    for epochs in (0, 1, 3, 6, 10, 15):
        process = start_training(copy, "parts", *resume)
        # At 0 the kill comes during start-up or the first epoch, later somewhere in an epoch or a save.
        wait_for_epochs(process, copy / "parts", epochs)
        time.sleep(float(random.uniform(0, 0.05)))
        process.kill()
        process.communicate()
        resume = ["--resume"]
    process = start_training(copy, "parts", *resume)
    process.communicate(timeout=300)
    assert process.returncode == 0
    for name in ("last.params", "best.params", "trainer.states"):
        assert (copy / "parts" / name).read_bytes() == (copy / "whole" / name).read_bytes(), name


def test_a_full_disk_leaves_the_last_checkpoint_usable(copy: Path) -> None:
    """A limit on the size of files fails writes as a full disk does."""
    size = (copy / "run/trainer.states").stat().st_size
    command = ["train", copy / "data/card.toml", "--run", copy / "new", "--epochs", 3, *SMALL]
    process = start_training(copy, "new")
    wait_for_epochs(process, copy / "new", 1)
    process.kill()
    process.communicate()
    before = vqa("evaluate", copy / "new", "--json", "-").stdout
    limit = (size // 2, size // 2)
    result = vqa(*command[:4], "--resume", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit))
    line = error_line(result)
    assert "cannot save" in line
    assert "--resume" in line
    assert vqa("evaluate", copy / "new", "--json", "-").stdout == before
    assert not list((copy / "new").glob("*.next"))
    assert vqa(*command[:4], "--resume").returncode == 0


def test_a_run_works_from_anywhere_and_moves_with_its_data_or_without(copy: Path, tmp_path: Path) -> None:
    shutil.rmtree(copy / "run")
    arguments = ["train", "data/card.toml", "--run", "a run", "--epochs", 1, *SMALL]
    result = vqa(*arguments, cwd=copy)
    assert result.returncode == 0, result.stderr
    predictions = copy / "a run/test.csv"
    expected = vqa("evaluate", copy / "a run", "--predictions", predictions, "--json", "-", cwd="/")
    assert expected.returncode == 0, expected.stderr
    any_of = json.loads(expected.stdout)["any_of"]

    def any_of_from_root(run: Path) -> object:
        result = vqa("evaluate", run, "--json", "-", cwd="/")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)["any_of"]

    # The run alone, then both, after which the old place of the data is gone.
    (tmp_path / "alone").mkdir()
    shutil.copytree(copy / "a run", tmp_path / "alone/run")
    assert any_of_from_root(tmp_path / "alone/run") == any_of
    (tmp_path / "both").mkdir()
    for name in ("data", "a run"):
        (copy / name).rename(tmp_path / "both" / name)
    assert any_of_from_root(tmp_path / "both/a run") == any_of
    assert "which is not there; name the data set (--card CARD" in error_line(vqa("evaluate", tmp_path / "alone/run"))
    result = vqa("evaluate", tmp_path / "alone/run", "--card", tmp_path / "both/data/card.toml", "--json", "-")
    assert json.loads(result.stdout)["any_of"] == any_of
    # A predictions file finds its run and its data as well.
    result = vqa("inspect", tmp_path / "both/a run/test.csv", "--html", tmp_path / "page.html", cwd="/")
    assert result.returncode == 0, result.stderr
    assert "blind baseline" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("splits", [["train"], ["train", "val"], ["train", "test"]])
def test_the_line_after_train_names_a_command_that_works(tmp_path: Path, splits: list[str]) -> None:
    card = write_data(tmp_path / "data")
    text = card.read_text().replace('[splits.test]\nfile = "test.csv"\n', "")
    for split in splits[1:]:
        text = text.replace("[images]", f'[splits.{split}]\nfile = "test.csv"\n[images]')
    card.write_text(text)
    result = vqa("train", "data/card.toml", "--run", "it's a run", "--epochs", 1, *SMALL, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    command = shlex.split(result.stdout.split("now: ")[1])
    assert command[:3] == ["vqa", "evaluate", "it's a run"]
    assert command[3:] == {"train": ["--split", "train"], "val": ["--split", "val"], "test": []}[splits[-1]]
    assert vqa(*command[1:], cwd=tmp_path).returncode == 0


def test_a_file_where_a_run_is_expected(copy: Path) -> None:
    line = error_line(vqa("evaluate", copy / "data/card.toml"))
    assert "expected a run, which is a folder that `vqa train` wrote, got the file" in line
    assert f"`vqa train {copy}/data/card.toml`" in line


def test_a_full_disk_behind_stdout(home: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    command = [sys.executable, "-m", "vqa.cli", "evaluate", str(home / "run")]
    with open("/dev/full", "w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=300)
    assert result.returncode == 1
    assert result.stderr == "Error: standard output: No space left on device\n"


def test_a_report_that_does_not_fit_on_the_disk_is_named(home: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    limit = (1000, 1000)
    result = vqa(
        "evaluate", home / "run", "--json", path, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    )
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == f"Error: {path}: File too large"
    assert not list(tmp_path.iterdir())


def test_text_that_is_not_ascii_in_a_locale_that_is(home: Path, project: Path, tmp_path: Path) -> None:
    image = tmp_path / "größe 红.png"
    shutil.copy(home / "data/images/test0.png", image)
    # Python would switch to UTF-8 by itself in this locale, were it not told otherwise.
    ascii_locale = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    arguments = ["ask", home / "run", image, "what color is это"]
    for start in (["-m", "vqa.cli"], ["-c", "from vqa.cli import main; main()"]):
        result = subprocess.run(
            [sys.executable, *start, *map(str, arguments)], capture_output=True, env=ascii_locale, check=False
        )
        assert result.returncode == 0, result.stderr.decode()
        assert "never seen: 'это'" in result.stderr.decode("utf-8")
