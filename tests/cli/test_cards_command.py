"""The cards that come with the package: listed, printed, and used by name from any folder, from a wheel too."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import vqa
from vqa.cli import cli
from vqa.data.cards import load_card
from vqa.data.included_cards import find_card, find_recorded_card, included_cards
from vqa.errors import ConfigError


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments)


def test_all_cards_are_listed_with_what_they_are(project: Path) -> None:
    result = run("cards", "--json", "-")
    cards = {card["name"]: card for card in json.loads(result.stdout)}
    assert set(cards) == {path.stem for path in (project / "data").glob("*.toml")}
    assert {"easy_vqa", "easy_vqa_3", "forum", "vqa_v2", "zjb"} <= set(cards)
    assert cards["easy_vqa_3"]["missing"] == ""
    assert "three SIMULATED annotators" in cards["easy_vqa_3"]["description"]
    assert "no such file" in cards["vqa_v2"]["missing"]
    text = run("cards").stdout
    assert "data not included: vqa cards vqa_v2 > vqa_v2.toml" in text


def test_a_card_is_printed_to_be_changed(project: Path) -> None:
    result = run("cards", "zjb")
    assert (result.exit_code, result.stdout) == (0, (project / "data/zjb.toml").read_text())
    unknown = run("cards", "easy")
    assert unknown.exit_code == 1
    assert "the name of an included card, got easy; did you mean 'easy_vqa'?" in unknown.stderr


def test_a_name_works_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_card("forum").name == "forum"
    assert load_card("easy-vqa-3").annotators == 3
    assert len(vqa.load_dataset("forum").table("train")) == 5
    assert run("audit", "forum").exit_code == 0


def test_what_exists_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "forum").mkdir()
    assert find_card("forum") == Path("forum")
    assert find_card("forum.toml") == Path("forum.toml")
    with pytest.raises(ConfigError, match=r"no such dataset card: forum\.toml"):
        load_card("forum.toml")


def test_a_recorded_card_is_found_where_the_package_is_now(tmp_path: Path) -> None:
    assert find_recorded_card("/gone/site-packages/vqa/data/included/easy_vqa.toml") == included_cards()["easy_vqa"]
    assert find_recorded_card(tmp_path / "mine.toml") == tmp_path / "mine.toml"


@pytest.mark.slow
def test_a_wheel_brings_the_cards(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("setuptools", reason="builds a wheel")
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(tmp_path)]
    source = tmp_path / "source"  # a build leaves files beside the code
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "vqa", "data"):
        (source / name).symlink_to(project / name)
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *options, str(source)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("vqa-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    script = "from vqa.cli import main; main(['audit', 'forum'])"
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    audit = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, cwd=tmp_path, env=environment, check=False
    )
    assert audit.returncode == 0, audit.stderr
    assert "5 questions" in audit.stdout
