"""Damaged files of every kind end in one line; scripts/fuzz.py does the same for as long as it is given."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutations import damaged
from readers import READERS, corpus
from running import complaint

# These take tens of milliseconds for each file.
SLOW = ("parts", "video", "ONNX file", "answers of VLMEvalKit")


def some(name: str) -> int:
    return 3 if name.startswith(SLOW) else 20


@pytest.mark.parametrize("name", READERS)
def test_the_seed_is_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    path = reader.prepare(tmp_path)
    path.write_bytes(reader.seed)
    reader.read(path)


@pytest.mark.parametrize("name", READERS)
def test_damaged_files_end_in_one_line(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    reader = READERS[name]
    path, seed = reader.prepare(tmp_path), reader.seed

    @settings(max_examples=some(name), deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(numbers=st.randoms(use_true_random=False))
    def try_one(numbers: random.Random) -> None:
        path.write_bytes(damaged(seed, reader.form, numbers))
        assert complaint(reader, path) == ""

    try_one()
    if name != "image .tif":  # libtiff prints a line in some of its ways to fail
        assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", READERS)
def test_the_finds_stay_found(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    path = reader.prepare(tmp_path)
    for found in corpus(name):
        path.write_bytes(found.read_bytes())
        assert complaint(reader, path) == "", found.name
