"""A predictions table of a dozen questions that several tests inspect, worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from vqa.data.image_files import ImageFolder
from vqa.data.originals import Originals
from vqa.evaluation.predictions import COLUMNS

HOSTILE_QUESTION = '<script>alert(1)</script> & what "is" it?\u2028</script><!--'
HOSTILE_IMAGE = '"><img src=x onerror=alert(1)>'

ROWS = (
    # id, image, question, answers, prediction, probability, top, loss, hit, score, answer type, question type
    ("q1", "a", "what color is it?", ("blue", "navy", "blue"), "blue", 0.75, (("blue", 0.75), ("red", 0.25)), 0.3, 1),
    ("q2", "a", "what shape is it?", ("round", "circle", "circle"), "square", 0.5, (("square", 0.5), ("circle", 0.375)),
     1.5, 0),
    ("q3", "b", "is it blue?", ("yes", "yes", "yes"), "no", 0.875, (("no", 0.875), ("yes", 0.125)), 2.5, 0),
    ("q4", "b", "is it red?", ("no", "no", "no"), "no", 0.9999999, (("no", 0.9999999), ("yes", 1e-07)), 1e-07, 1),
    ("q5", HOSTILE_IMAGE, HOSTILE_QUESTION, ("<b>bold</b>", "x", "y"), "<i>no</i>", 0.5, (("<i>no</i>", 0.5),), 4.0, 0),
    ("q6", "c", "what color is the SKY?", ("blue", "blue", "grey"), "grey", 0.4, (("grey", 0.4), ("blue", 0.3)),
     0.9, 1),
)  # fmt: skip


@pytest.fixture
def frame() -> pd.DataFrame:
    """Six questions: hits are q1, q4 and q6."""
    types = {"what color": "color", "what shape": "shape", "is it": "yes/no"}
    rows = [
        (
            *row,
            2 / 9,
            types.get(" ".join(row[2].split()[:2]), ""),
            " ".join(row[2].split()[:2]) if row[0] != "q5" else "",
        )
        for row in ROWS
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def pictures(tmp_path: Path) -> Originals:
    """Original image files of 60 x 40 pixels: each is red, except that "b" is noise."""
    folder = tmp_path / "originals"
    folder.mkdir()
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    for name in ("a", "b", "c", HOSTILE_IMAGE):
        image = Image.fromarray(noise) if name == "b" else Image.new("RGB", (60, 40), "red")
        image.save(folder / f"{name}.png")
    return Originals(ImageFolder(folder))
