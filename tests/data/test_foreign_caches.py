"""A cache folder that others can write to: what they put there is not used, and no link is written through."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from vqa.data.cards import load_card
from vqa.data.image_files import ImageFolder
from vqa.data.pixel_cache import cached_pixels
from vqa.data.readers import read_split
from vqa.files import is_own


def pixels(project: Path) -> np.ndarray:
    table = read_split(load_card(project / "tests" / "golden" / "card.toml"), "test")
    image_ids = list(dict.fromkeys(table.image_id))
    found = cached_pixels(image_ids, ImageFolder(project / "tests" / "golden" / "images"), None, table)
    return np.asarray(found[range(len(image_ids))])


def planted(cache: Path) -> Path:
    """Return the one cache file, in which all pixels are now black."""
    [path] = (cache / "pixels").glob("*.npy")
    header = path.read_bytes()[:128]
    path.write_bytes(header + bytes(path.stat().st_size - 128))
    return path


@pytest.mark.parametrize("how", ["another user's", "open to all", "a link", "a pipe"])
def test_what_others_may_have_written_is_decoded_again(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    true = pixels(project)
    path = planted(tmp_path / "cache")
    assert not pixels(project).any()  # this user's own files are trusted
    if how == "another user's":
        if os.getuid():
            pytest.skip("only root can give a file to another user")
        os.chown(path, 12345, 12345)
    elif how == "open to all":
        path.chmod(0o666)
    else:
        path.rename(tmp_path / "elsewhere.npy")
        path.symlink_to(tmp_path / "elsewhere.npy") if how == "a link" else os.mkfifo(path)
    assert not is_own(path)
    np.testing.assert_array_equal(pixels(project), true)
    assert is_own(path)
    if how in ("a link", "a pipe"):
        assert not np.load(tmp_path / "elsewhere.npy").any()


def test_a_lock_that_is_a_link_is_not_opened(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    true = pixels(project)
    [path] = (tmp_path / "cache" / "pixels").glob("*.npy")
    path.unlink()
    lock, theirs = path.with_name(f"{path.name}.lock"), tmp_path / "theirs"
    lock.unlink(missing_ok=True)
    lock.symlink_to(theirs)
    np.testing.assert_array_equal(pixels(project), true)
    assert not theirs.exists()
