"""Originals: what people look at where the network sees features, frames or small pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.data.cards import load_card
from vqa.data.originals import open_originals
from vqa.errors import ConfigError, ImageError

GREEN = (0, 200, 0)


def write_card(folder: Path, images: str, data_format: str = "csv") -> Path:
    (folder / "train.csv").write_text("image_id,question,answer_1\nkitchen,what is it,a room\n")
    (folder / "features.npy").touch()
    file = "" if data_format == "easy-vqa" else 'file = "train.csv"'
    (folder / "card.toml").write_text(
        f'name = "test"\nformat = "{data_format}"\n[splits.train]\n{file}\n[images]\n{images}\n'
    )
    return folder / "card.toml"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of a landscape photograph and one that its EXIF tag turns."""
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (640, 480), GREEN).save(folder / "kitchen.jpg")
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (640, 480), GREEN).save(folder / "turned.jpg", exif=exif)
    return folder


@pytest.mark.parametrize("kind", ["features", "regions", "frames"])
def test_the_photographs_behind_features(tmp_path: Path, photos: Path, kind: str) -> None:
    card = load_card(write_card(tmp_path, f'kind = "{kind}"\npath = "features.npy"\noriginals = "photos"'))
    originals = open_originals(card)
    assert originals is not None
    assert originals.find("kitchen") == photos / "kitchen.jpg"
    pixels = originals.read("kitchen", 160)
    assert (pixels.dtype, pixels.shape) == (np.uint8, (3, 120, 160))
    np.testing.assert_allclose(pixels[:, 60, 80], GREEN, atol=3)
    assert originals.read("turned", 160).shape == (3, 160, 120)
    assert originals.read("kitchen", 5000).shape == (3, 480, 640)  # never enlarged


def test_pixels_are_their_own_originals_at_full_size(tmp_path: Path, photos: Path) -> None:
    originals = open_originals(load_card(write_card(tmp_path, 'kind = "pixels"\npath = "photos"\nsize = [8, 8]')))
    assert originals is not None
    assert originals.read("kitchen", 320).shape == (3, 240, 320)


def test_the_packaged_data_set_has_originals_whatever_its_kind(tmp_path: Path) -> None:
    for images in ('kind = "pixels"', 'kind = "features"\npath = "features.npy"'):
        originals = open_originals(load_card(write_card(tmp_path, images, "easy-vqa")))
        assert originals is not None
        assert originals.read("train/0", 160).shape == (3, 64, 64)


def test_the_middle_frame_of_a_video(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="needs the extra video")
    (tmp_path / "videos").mkdir()
    with av.open(str(tmp_path / "videos/kitchen.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height = 64, 32
        for index in range(9):
            frame = np.full((32, 64, 3), 250 if index == 4 else 20, dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    for images in (
        'kind = "frames"\npath = "videos"',
        'kind = "frames"\npath = "features.npy"\noriginals = "videos"',
    ):
        originals = open_originals(load_card(write_card(tmp_path, images)))
        assert originals is not None
        pixels = originals.read("kitchen", 32)
        assert pixels.shape == (3, 16, 32)
        assert pixels.mean() > 200


def test_cards_without_originals(tmp_path: Path, project: Path) -> None:
    assert open_originals(load_card(write_card(tmp_path, 'kind = "features"\npath = "features.npy"'))) is None
    assert open_originals(load_card(project / "data/forum.toml")) is None


def test_an_original_that_is_missing_damaged_or_outside(tmp_path: Path, photos: Path) -> None:
    (photos / "bad.jpg").write_bytes(b"no image")
    (tmp_path / "other.jpg").touch()
    (photos / "link.jpg").symlink_to(tmp_path / "other.jpg")
    images = 'kind = "features"\npath = "features.npy"\noriginals = "photos"'
    originals = open_originals(load_card(write_card(tmp_path, images)))
    assert originals is not None
    for name, message in (
        ("none", "'none' is not in"),
        ("bad", "cannot be decoded"),
        ("link", "out of the folder"),
        ("../other", "leads out of the folder"),
    ):
        with pytest.raises(ImageError, match=message):
            originals.read(name, 64)
    write_card(tmp_path, images + "\nfollow_symlinks = true")
    followed = open_originals(load_card(tmp_path / "card.toml"))
    assert followed is not None
    assert followed.find("link") == photos / "link.jpg"


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ('originals = "features.npy"', "originals must be a folder of images or videos, got the file"),
        ('originals = "nowhere"', "originals = 'nowhere': no such file or folder"),
        ('follow_symlinks = "yes"', "follow_symlinks must be true or false, got 'yes'"),
        ('original = "photos"', "unknown key 'original'; did you mean 'originals'"),
    ],
)
def test_wrong_keys(tmp_path: Path, photos: Path, key: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_card(write_card(tmp_path, f'kind = "features"\npath = "features.npy"\n{key}'))
