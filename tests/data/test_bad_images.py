"""Images that cannot be used stop a data set, or, on request, are left out with their questions, each by name."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import vqa
from vqa.data import pixel_cache
from vqa.data.dataset import load_dataset
from vqa.errors import ImageError

COUNT = 20


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A card over 20 images with two questions each, of which image 3 is damaged and image 7 missing."""
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "images").mkdir()
    for number in range(COUNT):
        Image.new("RGB", (6, 4), (number * 10, 0, 0)).save(tmp_path / f"images/{number}.png")
    (tmp_path / "images/3.png").write_bytes(b"no image")
    (tmp_path / "images/7.png").unlink()
    lines = ["question_id,image_id,question,answer_1"]
    lines += [f"q{number}{kind},{number},is it {kind},{kind}" for number in range(COUNT) for kind in "ab"]
    (tmp_path / "train.csv").write_text("\n".join(lines))
    (tmp_path / "card.toml").write_text(
        'name = "test"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n'
        '[images]\nkind = "pixels"\npath = "images"\n'
    )
    return tmp_path / "card.toml"


def test_without_the_option_the_first_bad_image_is_an_error(card: Path) -> None:
    with pytest.raises(ImageError, match="1 of 20 images cannot be used; the first, needed by question 'q7a'"):
        _ = load_dataset(card, max_bad=0.1).images


def test_bad_images_are_left_out_with_their_questions_and_named(card: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "vqa"):
        dataset = load_dataset(card, max_bad=0.1, skip_bad_images=True)
    assert len(dataset.table("train")) == 2 * (COUNT - 2)
    assert not {"q3a", "q3b", "q7a", "q7b"} & set(dataset.table("train").question_id)
    assert len(caplog.messages) == 3
    assert "image '7' is not in" in caplog.messages[0]
    assert "3.png cannot be decoded" in caplog.messages[1]
    assert caplog.messages[2].endswith("train.csv: 2 of 20 images left out; 36 questions are left")
    batches = list(vqa.GroupedLoader(dataset, "train"))
    np.testing.assert_allclose(batches[0].images.asnumpy()[:3, 0, 0, 0], np.array([0, 10, 20]) / 127.5 - 1, atol=1e-6)


def test_more_bad_images_than_allowed(card: Path) -> None:
    message = r"2 of 20 images cannot be used, more than --max-bad 0\.05 allows; 1 of 19 images cannot be used"
    with pytest.raises(ImageError, match=message):
        load_dataset(card, max_bad=0.05, skip_bad_images=True)


def test_no_image_left(card: Path) -> None:
    for file in (card.parent / "images").iterdir():
        file.unlink()
    with pytest.raises(ImageError, match="20 of 20 images cannot be used"):
        load_dataset(card, max_bad=1, skip_bad_images=True)


def test_the_second_time_nothing_is_decoded(card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_dataset(card, max_bad=0.1, skip_bad_images=True)
    monkeypatch.setattr(pixel_cache, "decode_image", lambda *_: pytest.fail("decoded again"))
    second = load_dataset(card, max_bad=0.1, skip_bad_images=True)
    assert second.table("train").content_hash() == first.table("train").content_hash()
    assert second.images.shape == (3, 4, 6)


def test_images_without_features_are_left_out(card: Path) -> None:
    ids = [str(number) for number in range(COUNT) if number != 5]
    np.save(card.parent / "f.npy", np.ones((len(ids), 3), np.float32))
    (card.parent / "f.ids.txt").write_text("\n".join(ids))
    text = card.read_text().replace('"pixels"', '"features"').replace('"images"', '"f.npy"')
    card.write_text(text)
    with pytest.raises(ImageError, match="1 of 20 images cannot be used"):
        _ = load_dataset(card).images
    dataset = load_dataset(card, max_bad=0.05, skip_bad_images=True)
    assert len(dataset.table("train")) == 2 * (COUNT - 1)
