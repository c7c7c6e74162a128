"""Damaged files of every kind end in one line; scripts/fuzz.py does the same for as long as it is given."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers import Reader, complaint, corpus, mutated, readers

with tempfile.TemporaryDirectory() as folder:
    NAMES = list(readers(Path(folder)))


@pytest.fixture
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    return readers(tmp_path)[request.param]


@pytest.mark.parametrize("reader", NAMES, indirect=True)
def test_the_seed_is_read(reader: Reader, tmp_path: Path) -> None:
    path = tmp_path / reader.name
    path.write_bytes(reader.seed)
    assert complaint(reader, path) == ""


@pytest.mark.parametrize("reader", NAMES, indirect=True)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(numbers=st.randoms(use_true_random=False))
def test_damaged_files_end_in_one_line(reader: Reader, tmp_path: Path, numbers: random.Random) -> None:
    path = tmp_path / reader.name
    path.write_bytes(mutated(reader.seed, numbers))
    assert complaint(reader, path) == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_finds_stay_found(name: str, tmp_path: Path) -> None:
    reader = readers(tmp_path)[name]
    for found in corpus(name):
        path = tmp_path / reader.name
        path.write_bytes(found.read_bytes())
        assert complaint(reader, path) == "", found.name
