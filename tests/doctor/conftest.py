from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest


@pytest.fixture
def small_fashion_mnist(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files in the format of Fashion-MNIST in its place: class k is a bright row k, among noise."""
    random = np.random.default_rng(1)
    for part, count in (("train", 1024), ("t10k", 200)):
        labels = random.integers(10, size=count).astype(np.uint8)
        images = random.integers(60, size=(count, 28, 28)).astype(np.uint8)
        images[np.arange(count), labels] += 150
        (tmp_path / f"{part}-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(16) + images.tobytes()))
        (tmp_path / f"{part}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(bytes(8) + labels.tobytes()))
    monkeypatch.setenv("VQA_FASHION_MNIST", str(tmp_path))
