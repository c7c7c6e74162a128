"""A clone of the project in which documents are run: the same files and commands, a small extract of easy-VQA."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib.metadata import distribution
from pathlib import Path

import pytest
from blocks import PROJECT
from clone import Clone

# The hooks of the site's build are tested as modules.
sys.path.append(str(PROJECT / "docs"))

# The questions of a file go image by image, about ten per image.
QUESTIONS = {"train": 1500, "test": 300}


def write_extract(folder: Path) -> None:
    """Write a package `easy_vqa` that holds the first questions of the published one, with their pictures."""
    published = Path(str(distribution("easy-vqa").locate_file("easy_vqa")))
    (folder / "easy_vqa").mkdir(parents=True)
    (folder / "easy_vqa" / "__init__.py").touch()
    for split, count in QUESTIONS.items():
        questions = json.loads((published / "data" / split / "questions.json").read_text())[:count]
        images = folder / "easy_vqa" / "data" / split / "images"
        images.mkdir(parents=True)
        for number in {image for _, _, image in questions}:
            shutil.copy(published / "data" / split / "images" / f"{number}.png", images)
        (images.parent / "questions.json").write_text(json.dumps(questions))


@pytest.fixture(scope="session")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the small package `easy_vqa`, with a cache of its decoded pictures."""
    folder = tmp_path_factory.mktemp("extract")
    write_extract(folder)
    return folder


def new_clone(folder: Path, extract: Path) -> Clone:
    """Return a fresh clone of the project, its virtual environment in `.venv`, and a photo of the reader's."""
    folder.mkdir()
    for path in PROJECT.iterdir():
        if path.name not in {"runs", "build", "data", "docs", ".venv", ".git"}:
            (folder / path.name).symlink_to(path)
    # Copied, since the paths of a card and of a notebook start from their own folder.
    for name in ("data", "docs"):
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("vqa_v2", "zjb"))
    shutil.copy(next((extract / "easy_vqa/data/test/images").glob("*.png")), folder / "photo.png")
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(extract), str(PROJECT), os.environ.get("PYTHONPATH", "")]),
        "VQA_CACHE": str(extract / "cache"),
    }
    return Clone(folder, Path(sys.executable), environment)


@pytest.fixture
def clone(tmp_path: Path, extract: Path) -> Clone:
    """A clone of one test's own."""
    return new_clone(tmp_path / "vqa", extract)


@pytest.fixture(scope="module")
def shared_clone(tmp_path_factory: pytest.TempPathFactory, extract: Path) -> Clone:
    """A clone in which the tests of a module use the runs of one another."""
    return new_clone(tmp_path_factory.mktemp("shared") / "vqa", extract)
