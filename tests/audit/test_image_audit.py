"""The audit looks at every image: what cannot be used, shows nothing, or is there under two names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.audit.audit import audit


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """Six images: two usual ones, one of them again under another name in the test split, one black, one broken."""
    images = tmp_path / "images"
    images.mkdir()
    pixels = np.random.default_rng(1).integers(0, 256, (2, 12, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels[0]).save(images / "a.png")
    Image.fromarray(pixels[1][:6]).save(images / "b.png")
    Image.fromarray(pixels[0]).save(images / "copy.bmp")
    # 12 bits in a file of 16: an X-ray that looks fine in its viewer and is nearly black here.
    Image.fromarray(np.arange(16, dtype=np.uint16).reshape(4, 4) * 40).save(images / "black.png")
    (images / "broken.png").write_bytes(b"no image")
    header = "question_id,image_id,question,answer_1\n"
    (tmp_path / "train.csv").write_text(header + "1,a,q,yes\n2,b,q,no\n3,black,q,no\n4,a,r,no\n")
    (tmp_path / "test.csv").write_text(header + "5,copy,q,yes\n6,broken,q,no\n7,gone,q,no\n")
    (tmp_path / "card.toml").write_text(
        'name = "small"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n[splits.test]\nfile = "test.csv"\n'
        '[images]\nkind = "pixels"\npath = "images"\n'
    )
    return tmp_path / "card.toml"


def test_images_are_looked_at(card: Path) -> None:
    found = audit(card)
    files = found.to_json()["image_files"]
    assert files["train"] == {
        "unusable": {"count": 0, "first": []},
        "one_colour": {"count": 1, "first": ["black"]},
        "repeated": {"count": 0, "first": []},
        "smallest": [4, 4],
        "largest": [12, 10],
    }
    assert files["test"]["unusable"]["count"] == 2
    assert "broken.png cannot be decoded" in files["test"]["unusable"]["first"][0]
    assert "image 'gone' is not in" in files["test"]["unusable"]["first"][1]
    assert files["test"]["repeated"] == {"count": 1, "first": ["copy has the pixels of a"]}
    text = found.to_text()
    assert "  images from 4 x 4 to 12 x 10 pixels (height x width)\n  0 images that cannot be used\n" in text
    assert "  1 image of one colour\n    black\n" in text
    assert "  2 images that cannot be used\n" in text


def test_without_images_or_on_request_nothing_is_decoded(card: Path, project: Path) -> None:
    assert audit(card, images=False).to_json()["image_files"] == {}
    assert audit(project / "data/forum.toml").to_json()["image_files"] == {}


def test_features_are_opened(card: Path) -> None:
    folder = card.parent
    np.save(folder / "f.npy", np.ones((3, 4), np.float32))
    (folder / "f.ids.txt").write_text("a\nb\nblack\n")
    card.write_text(card.read_text().replace('"pixels"', '"features"').replace('"images"', '"f.npy"'))
    files = audit(card).to_json()["image_files"]
    assert files["train"]["unusable"]["count"] == 0
    assert files["test"]["unusable"]["count"] == 3
    assert (files["test"]["smallest"], files["test"]["largest"]) == (None, None)
