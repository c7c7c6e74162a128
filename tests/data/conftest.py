"""Small data sets for the tests of `vqa.data`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.data.cards import DatasetCard, load_card


@pytest.fixture
def csv_card(tmp_path: Path) -> Callable[..., DatasetCard]:
    """A function that writes a CSV file (text or bytes) and a card over it, and loads the card."""

    def write(content: str | bytes, extra: str = "", split: str = "train") -> DatasetCard:
        raw = content.encode("utf-8") if isinstance(content, str) else content
        (tmp_path / "questions.csv").write_bytes(raw)
        (tmp_path / "card.toml").write_text(
            f'name = "test"\nformat = "csv"\n{extra}\n[splits.{split}]\nfile = "questions.csv"\n', encoding="utf-8"
        )
        return load_card(tmp_path / "card.toml")

    return write


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, and the environment variable that names it."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("VQA_CACHE", str(folder))
    return folder


@pytest.fixture
def write_image() -> Callable[..., np.ndarray]:
    """A function that writes a random image file and returns its pixels, uint8 (3, height, width)."""

    def write(path: Path, size: tuple[int, int] = (4, 6), seed: int = 0) -> np.ndarray:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return pixels.transpose(2, 0, 1)

    return write
