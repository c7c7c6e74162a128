from __future__ import annotations

import io
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vqa.data import image_files, pixel_cache
from vqa.data.cards import DatasetCard, ImageCard, load_card
from vqa.data.image_files import ImageFolder, decode_image, opened_image, to_network_values
from vqa.data.images import NoImages, open_images
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.errors import ImageError

WriteImage = Callable[..., np.ndarray]


def ask(*image_ids: str, source: str = "test.csv") -> QuestionTable:
    """A table with one question per image id, named q0, q1, ..."""
    count = len(image_ids)
    return QuestionTable([f"q{row}" for row in range(count)], image_ids, ["?"] * count, [("a",)] * count, source=source)


def card(folder: Path, size: tuple[int, int] | None = None) -> DatasetCard:
    return DatasetCard(folder / "card.toml", "test", "csv", None, {}, ImageCard("pixels", folder, size))


# --- finding files


def test_names_with_and_without_extension_and_with_folders(tmp_path: Path) -> None:
    for name in ("a.png", "b.c.jpg", "sub/d.PNG", "notes.txt", "video"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder = ImageFolder(tmp_path)
    found = {"a": "a.png", "a.png": "a.png", "b.c": "b.c.jpg", "sub/d": "sub/d.PNG", "video": "video"}
    assert {name: folder.find(name) for name in found} == {name: tmp_path / file for name, file in found.items()}
    for name in ("b", "notes", "sub/e", "nowhere/a", "a/b", ""):
        with pytest.raises(ImageError, match="is not in"):
            folder.find(name)


def test_a_name_that_fits_two_files(tmp_path: Path) -> None:
    for name in ("a.png", "a.jpg"):
        (tmp_path / name).touch()
    with pytest.raises(ImageError, match=r"fits a\.jpg and a\.png"):
        ImageFolder(tmp_path).find("a")


@pytest.mark.parametrize("name", ["../a.png", "sub/../../a.png", "/etc/passwd", "..", "..\\a.png", "a\0.png"])
def test_names_may_not_leave_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "images").mkdir()
    with pytest.raises(ImageError, match="leads out of the folder"):
        ImageFolder(tmp_path / "images").find(name)


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A folder of images with links to a file and a folder outside of it, and to a file inside."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/b.png").touch()
    images = tmp_path / "images"
    images.mkdir()
    (images / "a.png").touch()
    (images / "inside.png").symlink_to("a.png")
    (images / "outside.png").symlink_to(tmp_path / "secret/b.png")
    (images / "folder").symlink_to(tmp_path / "secret")
    (tmp_path / "alias").symlink_to(images)
    return tmp_path


@pytest.mark.parametrize("folder", ["images", "alias"])
def test_links_may_not_leave_the_folder(linked: Path, folder: str) -> None:
    images = ImageFolder(linked / folder)
    assert images.find("inside") == linked / folder / "inside.png"
    for name in ("outside", "folder/b"):
        with pytest.raises(ImageError, match=f"{name!r} is a link to .*b.png, out of .*follow_symlinks = true"):
            images.find(name)


def test_links_are_followed_on_request(linked: Path) -> None:
    images = ImageFolder(linked / "images", follow_symlinks=True)
    assert images.find("outside") == linked / "images/outside.png"
    assert images.find("folder/b") == linked / "images/folder/b.png"


# --- decoding


def test_network_values_by_hand() -> None:
    values = to_network_values(np.array([0, 51, 127, 255], dtype=np.uint8))
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, [-1, -0.6, -1 / 255, 1], atol=1e-7)


def test_pixels_are_rgb_channels_first(tmp_path: Path, write_image: WriteImage) -> None:
    pixels = write_image(tmp_path / "a.png", size=(4, 6))
    np.testing.assert_array_equal(decode_image(tmp_path / "a.png"), pixels)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "1", "CMYK"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    name = "a.jpg" if mode == "CMYK" else "a.png"
    Image.new("RGB", (5, 3), (255, 255, 255)).convert(mode).save(tmp_path / name)
    np.testing.assert_array_equal(decode_image(tmp_path / name), np.full((3, 3, 5), 255))


def test_scaling_gives_height_and_width_in_their_order(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (10, 20, 30)).save(tmp_path / "a.png")
    pixels = decode_image(tmp_path / "a.png", size=(8, 4))
    assert pixels.shape == (3, 8, 4)
    np.testing.assert_array_equal(pixels[:, 0, 0], [10, 20, 30])


def test_a_photo_is_turned_upright(tmp_path: Path) -> None:
    image = Image.new("RGB", (2, 1))
    image.putdata([(255, 0, 0), (0, 255, 0)])
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    image.save(tmp_path / "a.png", exif=exif)
    pixels = decode_image(tmp_path / "a.png")
    assert pixels.shape == (3, 2, 1)
    np.testing.assert_array_equal(pixels[:2, :, 0], [[255, 0], [0, 255]])  # left becomes top


def damaged(kind: str) -> bytes:
    whole = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(whole, "PNG")
    return {
        "text": b"not an image",
        "empty": b"",
        "truncated": whole.getvalue()[:1000],
        "bad checksum": whole.getvalue()[:60] + b"\0\0\0" + whole.getvalue()[63:],
    }[kind]


@pytest.mark.parametrize("kind", ["text", "empty", "truncated", "bad checksum"])
def test_damaged_files(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a.png").write_bytes(damaged(kind))
    with pytest.raises(ImageError, match=r"a\.png cannot be decoded"):
        decode_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_grey_values_of_16_bits_keep_their_upper_8(tmp_path: Path, name: str) -> None:
    values = np.array([[0, 255, 256], [4096, 40_000, 65_535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    np.testing.assert_array_equal(decode_image(tmp_path / name), [[[0, 0, 1], [16, 156, 255]]] * 3)


def test_an_error_without_a_text_is_named(tmp_path: Path, write_image: WriteImage) -> None:
    """A chunk that claims gigabytes is out of memory, of which Python says nothing but the name."""
    write_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match="cannot be decoded: MemoryError"), opened_image(tmp_path / "a.png"):
        raise MemoryError


def test_values_of_32_bits_are_refused(tmp_path: Path) -> None:
    for kind in (np.int32, np.float32):
        Image.fromarray(np.full((2, 2), 40_000, dtype=kind)).save(tmp_path / "a.tif")
        with pytest.raises(ImageError, match="8 or 16 bits per channel"):
            decode_image(tmp_path / "a.tif")


def test_a_cmyk_photo_has_its_colours(tmp_path: Path) -> None:
    # 100 % magenta and yellow print red; cameras and Photoshop store the inverted values, as Pillow's writer does.
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "a.jpg", quality=95)
    np.testing.assert_allclose(decode_image(tmp_path / "a.jpg")[:, 8, 8], [255, 0, 0], atol=3)


def test_decompression_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "a.png")
    monkeypatch.setattr(image_files, "MAX_PIXELS", 399)
    with pytest.raises(ImageError, match="20 x 20 pixels, more than the 399 allowed"):
        decode_image(tmp_path / "a.png")


# --- the store


def test_no_images() -> None:
    store = NoImages()
    assert (store.kind, store.shape, store.missing(["a"])) == ("none", (1,), [])
    assert store.read(["a", "b"]).tolist() == [[0.0], [0.0]]


def test_a_store_reads_images_of_several_splits_in_any_order(
    tmp_path: Path, cache: Path, write_image: WriteImage
) -> None:
    images = tmp_path / "images"
    pixels = {name: write_image(images / f"{name}.png", seed=seed) for seed, name in enumerate("abcd")}
    store = open_images(card(images), {"train": ask("c", "a", "c"), "test": ask("d", "a", "b")})
    assert (store.kind, store.shape) == ("pixels", (3, 4, 6))
    values = store.read(["b", "c", "d", "a", "c"])
    assert values.dtype == np.float32
    expected = np.stack([pixels[name] for name in "bcdac"]).astype(np.float64) / 127.5 - 1
    np.testing.assert_allclose(values, expected, atol=1e-6)
    assert store.missing(["b", "x", "c"]) == ["x"]
    with pytest.raises(ImageError, match="'x' is not an image of the data set"):
        store.read(["a", "x"])


def test_missing_images_are_named_with_the_first_question(tmp_path: Path, cache: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "a.png")
    with pytest.raises(
        ImageError, match=r"2 of 3 images cannot be used; the first, needed by question 'q1' of test.csv: image 'x'"
    ):
        open_images(card(tmp_path), {"train": ask("a", "x", "x", "y", "a")})


def test_undecodable_images_are_named_with_the_first_question(
    tmp_path: Path, cache: Path, write_image: WriteImage
) -> None:
    write_image(tmp_path / "a.png")
    for name in ("b", "c"):
        (tmp_path / f"{name}.png").write_bytes(damaged("truncated"))
    with pytest.raises(ImageError, match=r"2 of 3 images .* question 'q1' of test.csv: .*b.png cannot be decoded"):
        open_images(card(tmp_path), {"train": ask("a", "b", "c")})
    assert not list(cache.rglob("*.npy*.tmp"))


def test_the_first_image_of_another_size_is_named(tmp_path: Path, cache: Path, write_image: WriteImage) -> None:
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png", size=(5, 6))
    with pytest.raises(
        ImageError, match=r"1 of 2 .*'q1'.*'b' is 5 x 6 .*'a' is 4 x 6; scale them with size = \[4, 6\]"
    ):
        open_images(card(tmp_path), {"train": ask("a", "b")})
    with pytest.raises(ImageError, match=r"images of test.csv are 5 x 6 .* others 4 x 6"):
        open_images(card(tmp_path), {"train": ask("a"), "test": ask("b")})
    assert open_images(card(tmp_path, size=(2, 3)), {"train": ask("a", "b")}).shape == (3, 2, 3)


def test_easy_vqa_images(project: Path, cache: Path) -> None:
    easy = load_card(project / "data/easy_vqa.toml")
    table = read_split(easy, "test").take(range(30))
    store = open_images(easy, {"test": table})
    assert store.shape == (3, 64, 64)
    with Image.open(image_files.package_folder() / "test/images/0.png") as image:
        expected = np.asarray(image).transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(store.read(["test/0"])[0], expected, atol=1e-6)


# --- the cache


def test_the_second_time_nothing_is_decoded(
    tmp_path: Path, cache: Path, write_image: WriteImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_image(tmp_path / "images/a.png")
    first = open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"])
    monkeypatch.setattr(pixel_cache, "decode_image", None)
    np.testing.assert_array_equal(open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"]), first)
    assert len(list(cache.rglob("*.npy"))) == 1


@pytest.mark.parametrize("by_content", [True, False])
def test_a_changed_image_is_decoded_again(
    tmp_path: Path, cache: Path, write_image: WriteImage, monkeypatch: pytest.MonkeyPatch, by_content: bool
) -> None:
    monkeypatch.setattr(pixel_cache, "MAX_HASHED_BYTES", 2**20 if by_content else 0)
    write_image(tmp_path / "images/a.png", seed=1)
    open_images(card(tmp_path / "images"), {"train": ask("a")})
    time.sleep(0.01)
    pixels = write_image(tmp_path / "images/a.png", seed=2)
    values = open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"])
    np.testing.assert_allclose(values[0], pixels / 127.5 - 1, atol=1e-6)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY damaged", None])
def test_a_damaged_cache_file_is_made_anew(
    tmp_path: Path, cache: Path, write_image: WriteImage, damage: bytes | None
) -> None:
    pixels = write_image(tmp_path / "images/a.png")
    open_images(card(tmp_path / "images"), {"train": ask("a")})
    (file,) = cache.rglob("*.npy")
    file.write_bytes(file.read_bytes()[:-1] if damage is None else damage)
    values = open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"])
    np.testing.assert_allclose(values[0], pixels / 127.5 - 1, atol=1e-6)


def test_where_the_cache_cannot_be_written_images_stay_in_memory(
    tmp_path: Path, cache: Path, write_image: WriteImage, caplog: pytest.LogCaptureFixture
) -> None:
    pixels = write_image(tmp_path / "images/a.png")
    cache.write_text("a file where the folder should be")
    values = open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"])
    np.testing.assert_allclose(values[0], pixels / 127.5 - 1, atol=1e-6)
    assert "images are kept in memory" in caplog.text


def test_a_full_disk_leaves_no_file_behind(
    tmp_path: Path, cache: Path, write_image: WriteImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    pixels = write_image(tmp_path / "images/a.png")
    monkeypatch.setattr("vqa.files.os.fsync", full)
    values = open_images(card(tmp_path / "images"), {"train": ask("a")}).read(["a"])
    np.testing.assert_allclose(values[0], pixels / 127.5 - 1, atol=1e-6)
    assert [file.suffix for file in cache.rglob("*") if file.is_file()] in ([], [".lock"])
    monkeypatch.setattr(pixel_cache, "MAX_BYTES_IN_MEMORY", 10)
    with pytest.raises(ImageError, match="set VQA_CACHE to a folder"):
        open_images(card(tmp_path / "images"), {"train": ask("a")})


OPEN_IN_ANOTHER_PROCESS = """
import sys
from pathlib import Path
import numpy as np
from vqa.data import pixel_cache
from vqa.data.cards import DatasetCard, ImageCard
from vqa.data.images import open_images
from vqa.data.table import QuestionTable
decode, decoded = pixel_cache.decode_image, []
def counting(*arguments):
    decoded.append(1)
    return decode(*arguments)
pixel_cache.decode_image = counting
folder = Path(sys.argv[1])
ids = [str(number) for number in range(60)]
table = QuestionTable(ids, ids, ids, [("a",)] * 60)
store = open_images(DatasetCard(folder, "t", "csv", None, {}, ImageCard("pixels", folder)), {"train": table})
print(len(decoded), repr(float(np.abs(store.read(ids)).sum())))
"""


def test_two_processes_that_start_together_decode_once(tmp_path: Path, cache: Path, write_image: WriteImage) -> None:
    for number in range(60):
        write_image(tmp_path / f"images/{number}.png", size=(64, 64), seed=number)
    command: Sequence[str] = [sys.executable, "-c", OPEN_IN_ANOTHER_PROCESS, str(tmp_path / "images")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sorted(int(count) for count, _ in outputs) == [0, 60]
    assert outputs[0][1] == outputs[1][1]
    assert len(list(cache.rglob("*.npy"))) == 1
