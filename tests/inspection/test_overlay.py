"""The overlay is warm where the weights are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.errors import ConfigError
from vqa.inspection.overlay import HEAT, attention_overlay, hops_overlay, save_image


def test_the_heaviest_cell_is_the_warmest_place() -> None:
    pixels = np.full((3, 400, 600), 100, dtype=np.uint8)
    weights = np.zeros(9)
    weights[5] = 0.8  # second row, third column
    overlay = np.asarray(attention_overlay(pixels, weights), dtype=float)
    assert overlay.shape == (400, 600, 3)
    redness = overlay[..., 0] - overlay[..., 2]
    row, column = np.unravel_index(int(redness.argmax()), redness.shape)
    assert 133 <= row < 267
    assert column >= 400
    # Over the middle of the cell: 0.7 of the heat's colour and 0.3 of the grey.
    np.testing.assert_allclose(overlay[200, 550], [0.3 * 100 + 0.7 * value for value in HEAT], atol=8)
    np.testing.assert_array_equal(overlay[20, 20], [100, 100, 100])


def test_small_images_are_enlarged() -> None:
    assert attention_overlay(np.zeros((3, 64, 32), dtype=np.uint8), np.ones(4) / 4).size == (320, 640)


def test_hops_stand_side_by_side() -> None:
    pixels = np.full((3, 320, 320), 100, dtype=np.uint8)
    weights = np.eye(4)[[0, 3]]  # the first hop looks at the top left, the second at the bottom right
    joined = np.asarray(hops_overlay(pixels, weights), dtype=float)
    assert joined.shape == (320, 648, 3)
    np.testing.assert_array_equal(joined[:, :320], np.asarray(attention_overlay(pixels, weights[0])))
    np.testing.assert_array_equal(joined[:, 328:], np.asarray(attention_overlay(pixels, weights[1])))
    assert (joined[:, 320:328] == 255).all()


def test_regions_that_do_not_form_a_grid_are_refused() -> None:
    with pytest.raises(ConfigError, match="attends to 37 regions, not a square grid"):
        attention_overlay(np.zeros((3, 64, 32), dtype=np.uint8), np.ones(37))


def test_the_suffix_says_the_format(tmp_path: Path) -> None:
    image = Image.new("RGB", (4, 4))
    save_image(image, tmp_path / "a.jpg")
    with Image.open(tmp_path / "a.jpg") as saved:
        assert saved.format == "JPEG"
    with pytest.raises(ConfigError, match=r"expected an image file ending in \.png"):
        save_image(image, tmp_path / "a.gif2")
