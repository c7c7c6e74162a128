"""``vqa train --seeds``: runs in one folder, resumed, evaluated and compared as one system."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from vqa.cli import cli
from vqa.evaluation.run import load_run
from vqa.evaluation.seed_runs import evaluate_seeds
from vqa.training.seed_folders import seed_folders

GOLDEN = Path(__file__).parent.parent / "golden"
SMALL = ["--epochs", "1", "--model", "cnn-gru", *(
    part for name in ("hidden_size", "embedding_size", "channels") for part in ("--option", f"{name}=4")
)]  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The golden data set, and `both` with the runs of two seeds."""
    path = tmp_path_factory.mktemp("seeds")
    for name in ("card.toml", "train.csv", "test.csv"):
        shutil.copy(GOLDEN / name, path)
    shutil.copytree(GOLDEN / "images", path / "images")
    result = run("train", str(path / "card.toml"), "--run", str(path / "both"), "--seeds", "2", *SMALL)
    assert result.exit_code == 0, result.output
    assert f"now: vqa evaluate {path / 'both'}" in result.stdout.splitlines()[-1]
    return path


def test_each_run_is_that_of_its_seed_alone(folder: Path) -> None:
    assert [path.name for path in seed_folders(folder / "both")] == ["seed-1", "seed-2"]
    result = run("train", str(folder / "card.toml"), "--run", str(folder / "alone"), "--seed", "2", *SMALL)
    assert result.exit_code == 0, result.output
    assert (folder / "both/seed-2/best.params").read_bytes() == (folder / "alone/best.params").read_bytes()
    assert seed_folders(folder / "alone") == []


def test_a_folder_is_refused_or_resumed(folder: Path) -> None:
    again = ["train", str(folder / "card.toml"), "--run", str(folder / "both")]
    refused = run(*again, "--seeds", "3", *SMALL)
    assert refused.exit_code == 1
    assert "both is not empty (it holds seed-1, seed-2)" in refused.stderr
    more = folder / "more"
    shutil.copytree(folder / "both", more)
    before = (more / "seed-2" / "loop.json").stat().st_mtime_ns
    result = run("train", str(folder / "card.toml"), "--run", str(more), "--seeds", "3", "--resume")
    assert result.exit_code == 0, result.output
    assert [path.name for path in seed_folders(more)] == ["seed-1", "seed-2", "seed-3"]
    assert (more / "seed-2" / "loop.json").stat().st_mtime_ns == before
    assert load_run(more / "seed-3").config == load_run(more / "seed-2").config.replace(seed=3)


def test_whatever_a_kill_left_is_resumed(folder: Path) -> None:
    """The first run lacks its plots, the second has not saved its network yet, the third not even its choices."""
    left = folder / "left"
    shutil.copytree(folder / "both", left)
    shutil.rmtree(left / "seed-1" / "tensorboard", ignore_errors=True)
    (left / "seed-1" / "learning_curves.svg").unlink()
    second = left / "seed-2"
    for path in second.iterdir():
        if path.name not in ("config.json", "vocab.json", "run.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    record = json.loads((second / "run.json").read_text())
    del record["best"], record["sha256"]["best.params"]
    (second / "run.json").write_text(json.dumps({**record, "best_epoch": 0}))
    (second / "last.params.next").write_bytes(b"half")
    (left / "seed-3").mkdir()
    for name in ("config.json", "vocab.json"):
        shutil.copy(second / name, left / "seed-3" / f"{name}.next")
    result = run("train", str(folder / "card.toml"), "--run", str(left), "--seeds", "3", "--resume", *SMALL)
    assert result.exit_code == 0, result.output
    assert (left / "seed-1" / "learning_curves.svg").exists()
    assert (second / "best.params").read_bytes() == (folder / "both" / "seed-2" / "best.params").read_bytes()
    assert len(seed_folders(left)) == 3


def test_runs_of_two_systems_are_not_taken_for_one(folder: Path) -> None:
    """--overwrite with fewer seeds, or killed between two of them, leaves runs that were trained otherwise."""
    mixed = folder / "mixed"
    shutil.copytree(folder / "both", mixed)
    one = ["train", str(folder / "card.toml"), "--run", str(mixed / "seed-2"), "--seed", "2", "--overwrite"]
    assert run(*one, *SMALL, "--batch-size", "7").exit_code == 0
    for command in (["evaluate", str(mixed)], ["compare", str(mixed), str(folder / "both")]):
        result = run(*command)
        assert result.exit_code == 1
        assert "seed-2 is not of the system of seed-1: batch_size is 7, not 256" in result.stderr
    assert run(*one, *SMALL, "--save-every", "2").exit_code == 0
    assert run("evaluate", str(mixed)).exit_code == 0


def test_a_run_that_is_a_link_to_elsewhere_is_refused(folder: Path) -> None:
    links, elsewhere = folder / "links", folder / "elsewhere"
    shutil.copytree(folder / "both" / "seed-1", links / "seed-1")
    elsewhere.mkdir()
    (links / "seed-2").symlink_to(elsewhere)
    result = run("train", str(folder / "card.toml"), "--run", str(links), "--seeds", "2", "--resume", *SMALL)
    assert result.exit_code == 1
    assert "seed-2 is a link" in result.stderr
    assert list(elsewhere.iterdir()) == []


def test_the_folder_is_one_system(folder: Path) -> None:
    both = folder / "both"
    evaluated = json.loads(run("evaluate", str(both), "--json", "-").stdout)
    rates = [load_run(path).report("test").report.any_of.value for path in seed_folders(both)]
    assert evaluated["any_of"]["values"] == rates
    assert evaluated["any_of"]["mean"]["value"] == pytest.approx(sum(rates) / 2)
    assert [each["seed"] for each in evaluated["runs"]] == [1, 2]
    assert evaluate_seeds(str(both), [load_run(path) for path in seed_folders(both)]).to_json() == evaluated
    text = run("evaluate", str(both)).stdout
    assert "standard deviation over 2 seeds" in text
    refused = run("evaluate", str(both), "--predictions", str(folder / "p.csv"))
    assert refused.exit_code == 2
    compared = run("compare", str(both), str(both / "seed-1"), "--html", str(folder / "page.html"))
    assert compared.exit_code == 0, compared.output
    assert "standard deviation over 2 seeds" in compared.stdout
    assert "2 systems" in (folder / "page.html").read_text(encoding="utf-8")
