from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from vqa.files import find_recorded, portable_paths, replacing


def test_a_full_disk_is_reported_with_the_file_and_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left on device") as raised, replacing(path) as file:
        file.write("new")
    assert raised.value.filename == str(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["report.json"]


def test_an_error_about_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, replacing(tmp_path / "copy") as file:
        file.write((tmp_path / "original").read_text())
    assert raised.value.filename == str(tmp_path / "original")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a card and a run that records it, seen from a folder elsewhere."""
    (tmp_path / "project/data").mkdir(parents=True)
    (tmp_path / "project/runs/x").mkdir(parents=True)
    (tmp_path / "project/data/card.toml").touch()
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path / "project"


def test_a_recorded_path_is_found_from_anywhere(project: Path) -> None:
    record = portable_paths({"card": project / "data/card.toml"}, project / "runs/x")
    assert find_recorded(record, "card", project / "runs/x") == project / "data/card.toml"


def test_it_is_found_when_the_folder_moves_alone_and_when_both_move(project: Path) -> None:
    record = portable_paths({"card": project / "data/card.toml"}, project / "runs/x")
    alone = shutil.copytree(project / "runs/x", project.parent / "elsewhere/x")
    assert find_recorded(record, "card", alone) == project / "data/card.toml"
    both = project.rename(project.parent / "moved")
    assert find_recorded(record, "card", both / "runs/x") == both / "data/card.toml"


def test_an_old_record_as_it_was_typed_is_found_from_the_folder_of_the_run(project: Path) -> None:
    assert find_recorded({"card": "data/card.toml"}, "card", project / "runs/x") == project / "data/card.toml"


def test_a_path_below_the_current_folder_is_short_and_a_lost_one_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    record = portable_paths({"card": "data/card.toml"}, Path("runs/x"))
    assert find_recorded(record, "card", Path("runs/x")) == Path("data/card.toml")
    (project / "data/card.toml").unlink()
    assert find_recorded(record, "card", Path("runs/x")) == Path("data/card.toml")
    assert find_recorded({"card": "lost.toml"}, "card", Path("runs/x")) == Path("lost.toml")
