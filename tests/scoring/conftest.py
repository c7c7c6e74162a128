"""Real questions for the tests of scoring, read once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from vqa.scoring.official_files import OfficialQuestions, read_official

# Nothing here asserts how long it takes.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")


@pytest.fixture(scope="session")
def vqa_subset(shared_data: Path) -> Path:
    return shared_data / "vqa_v2_60k"


@pytest.fixture(scope="session")
def train(vqa_subset: Path) -> OfficialQuestions:
    return read_official(vqa_subset / "train_questions.json.gz", vqa_subset / "train_annotations.json.gz")


@pytest.fixture(scope="session")
def val(vqa_subset: Path) -> OfficialQuestions:
    return read_official(vqa_subset / "val_questions.json.gz", vqa_subset / "val_annotations.json.gz")


@pytest.fixture(scope="session")
def test_split(vqa_subset: Path) -> OfficialQuestions:
    return read_official(vqa_subset / "test_questions.json.gz", vqa_subset / "test_annotations.json.gz")
