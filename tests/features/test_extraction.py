"""Extraction: rows that belong to their ids, resumed after a kill, with every unusable file told."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from PIL import Image

from vqa.cli import main
from vqa.data.cards import load_card
from vqa.data.image_sources import decode_file, find_sources
from vqa.data.images import open_images
from vqa.data.readers import read_split
from vqa.errors import ConfigError, ImageError
from vqa.features.extraction import encode_like, extract
from vqa.features.files import FeatureStore
from vqa.features.writing import FeatureWriter

SIZE = 2


class MeanColour:
    """An encoder whose features can be seen in the image: its mean red, green and blue in [0, 255]."""

    size, grid, shape = SIZE, False, (3,)

    def __init__(self):
        self.batches = []
        self.settings = {"name": "mean colour"}

    def encode(self, pixels):
        assert pixels.dtype == np.uint8
        assert pixels.shape[1:] == (3, SIZE, SIZE)
        self.batches.append(len(pixels))
        return pixels.mean(axis=(2, 3), dtype=np.float32)


@pytest.fixture
def folder(tmp_path):
    """Seven images of one colour each, one in a subfolder, and files that are none."""
    path = tmp_path / "images"
    (path / "sub").mkdir(parents=True)
    for number in range(6):
        Image.new("RGB", (5 + number, 4), (number, 10 * number, 200)).save(path / f"{number}.png")
    Image.new("RGB", (3, 3), (99, 0, 0)).save(path / "sub" / "x.bmp")
    (path / "README.txt").write_text("no image")
    (path / ".hidden.png").write_text("no image")
    return path


def colours(path, image_ids):
    return FeatureStore(path, "features").read(image_ids).tolist()


def test_each_row_belongs_to_its_id(folder, tmp_path):
    encoder = MeanColour()
    result = extract(find_sources(folder), tmp_path / "f.npy", encoder, batch_size=3)
    assert result == ((7, 3), "float32", {})
    assert encoder.batches == [3, 3, 1]
    image_ids = [*(f"{number}.png" for number in range(6)), "sub/x.bmp"]
    assert (tmp_path / "f.ids.txt").read_text().splitlines() == image_ids
    expected = [[number, 10 * number, 200] for number in range(6)] + [[99, 0, 0]]
    assert np.load(tmp_path / "f.npy").tolist() == expected
    assert colours(tmp_path / "f.npy", ["sub/x", "3"]) == [[99, 0, 0], [3, 30, 200]]


def test_half_precision_on_request(folder, tmp_path):
    result = extract(find_sources(folder), tmp_path / "f.npy", MeanColour(), float16=True)
    assert result.dtype == "float16"
    assert np.load(tmp_path / "f.npy").dtype == np.float16


def test_unusable_files_are_listed_and_left_out(folder, tmp_path):
    (folder / "2.png").write_bytes((folder / "2.png").read_bytes()[:40])
    (folder / "4.png").write_bytes(b"")
    result = extract(find_sources(folder), tmp_path / "f.npy", MeanColour(), batch_size=3)
    assert list(result.failures) == ["2.png", "4.png"]
    assert "2.png cannot be decoded" in result.failures["2.png"]
    assert result.shape == (5, 3)
    assert colours(tmp_path / "f.npy", ["3.png", "5.png"]) == [[3, 30, 200], [5, 50, 200]]
    assert FeatureStore(tmp_path / "f.npy", "features").missing(["2.png", "3.png"]) == ["2.png"]


def test_nothing_usable_is_an_error(folder, tmp_path):
    for path in folder.rglob("*.*"):
        path.write_bytes(b"")
    with pytest.raises(ImageError, match=r"none of the 7 files can be used; the first: .*0\.png"):
        extract(find_sources(folder), tmp_path / "f.npy", MeanColour())
    assert not (tmp_path / "f.npy").exists()


def test_a_name_with_a_line_break_is_left_out(folder, tmp_path):
    os.rename(folder / "0.png", folder / "0\n9.png")
    result = extract(find_sources(folder), tmp_path / "f.npy", MeanColour())
    assert "line break" in result.failures["0\n9.png"]
    assert result.shape == (6, 3)


def test_an_interrupted_extraction_continues(folder, tmp_path):
    whole, encoder = MeanColour(), MeanColour()
    extract(find_sources(folder), tmp_path / "whole.npy", whole, batch_size=2)

    class Stopped(MeanColour):
        def encode(self, pixels):
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super().encode(pixels)

    with pytest.raises(KeyboardInterrupt):
        extract(find_sources(folder), tmp_path / "f.npy", Stopped(), batch_size=2)
    assert not (tmp_path / "f.npy").exists()
    extract(find_sources(folder), tmp_path / "f.npy", encoder, batch_size=2)
    assert encoder.batches == [2, 1]
    for end in ("npy", "ids.txt"):
        assert (tmp_path / f"f.{end}").read_bytes() == (tmp_path / f"whole.{end}").read_bytes()


KILLED = """
import sys, time, pathlib
sys.path.insert(0, {tests!r})
from test_extraction import MeanColour, extract, find_sources
class Slow(MeanColour):
    def encode(self, pixels):
        time.sleep(0.2)
        return super().encode(pixels)
extract(find_sources(pathlib.Path({folder!r})), pathlib.Path({output!r}), Slow(), batch_size=1)
"""


def test_a_killed_extraction_continues(folder, tmp_path):
    output = tmp_path / "f.npy"
    code = KILLED.format(tests=os.path.dirname(__file__), folder=str(folder), output=str(output))
    with subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.DEVNULL) as process:
        progress = tmp_path / "f.npy.progress"
        deadline = time.monotonic() + 60
        while not (progress.exists() and progress.read_text().count("\n") >= 3):  # the settings and two ids
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    encoder = MeanColour()
    extract(find_sources(folder), output, encoder)
    assert 0 < sum(encoder.batches) <= 5
    assert np.load(output)[:, 2].tolist() == [200] * 6 + [0]
    assert np.load(output)[:, 0].tolist() == [0, 1, 2, 3, 4, 5, 99]


def test_another_encoder_does_not_continue_it(folder, tmp_path):
    encoder = MeanColour()
    settings = {"encoder": encoder.settings, "frames": None, "source": str(folder)}
    encoder.settings = {"name": "other"}
    with FeatureWriter(tmp_path / "f.npy", (3,), "float32", settings) as writer:
        writer.append(["0.png"], np.zeros((1, 3), np.float32))
    with pytest.raises(ConfigError, match="unfinished extraction with other settings"):
        extract(find_sources(folder), tmp_path / "f.npy", encoder)


def test_videos_give_a_row_of_frames_each(tmp_path):
    av = pytest.importorskip("av", reason="the extra 'video' is not installed")
    for name, greys in {"a.mp4": [0, 0, 240, 240], "b.mp4": [120] * 4}.items():
        with av.open(str(tmp_path / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width = stream.height = 32
            for grey in greys:
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), grey, np.uint8), format="rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    (tmp_path / "c.mp4").write_bytes(b"")
    Image.new("RGB", (3, 3)).save(tmp_path / "poster.png")
    result = extract(find_sources(tmp_path, num_frames=2), tmp_path / "f.npy", MeanColour())
    assert result.shape == (2, 2, 3)
    assert list(result.failures) == ["c.mp4"]
    store = FeatureStore(tmp_path / "f.npy", "frames")
    np.testing.assert_allclose(store.read(["b", "a"]).mean(axis=2), [[120, 120], [0, 240]], atol=4)

    class Grid(MeanColour):
        grid = True

    with pytest.raises(ConfigError, match="leave out --grid or --frames"):
        extract(find_sources(tmp_path, num_frames=2), tmp_path / "g.npy", Grid())


def test_a_folder_without_the_files_asked_for(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ConfigError, match=r"no images in this folder$"):
        find_sources(tmp_path / "empty")
    with pytest.raises(ConfigError, match="no videos in this folder; it has 7 images and 0 videos"):
        find_sources(folder, num_frames=2)
    with pytest.raises(ConfigError, match="expected a folder"):
        find_sources(tmp_path / "absent")


def test_a_card_gives_its_own_ids(folder, tmp_path):
    (tmp_path / "q.csv").write_text("image_id,question,answer_1\n3,what?,yes\nsub/x.bmp,what?,no\n3,why?,no\n")
    (tmp_path / "t.csv").write_text("image_id,question,answer_1\n9,what?,yes\n3,why?,no\n")
    card = tmp_path / "card.toml"
    head = 'name = "n"\nformat = "csv"\n[splits.train]\nfile = "q.csv"\n[splits.test]\nfile = "t.csv"\n'
    card.write_text(head + '[images]\nkind = "pixels"\npath = "images"\n')
    sources = find_sources(card)
    assert sources.image_ids == ["3", "sub/x.bmp", "9"]
    result = extract(sources, tmp_path / "f.npy", MeanColour())
    assert "image '9' is not in" in result.failures["9"]
    assert colours(tmp_path / "f.npy", ["sub/x.bmp", "3"]) == [[99, 0, 0], [3, 30, 200]]
    with pytest.raises(ConfigError, match="--frames is for videos"):
        find_sources(card, num_frames=3)
    card.write_text(head)
    with pytest.raises(ConfigError, match="this card has none"):
        find_sources(card)


def test_links_out_of_a_folder_are_followed_on_request(folder, tmp_path):
    outside = tmp_path / "outside.png"
    Image.new("RGB", (8, 8), (10, 20, 30)).save(outside)
    (folder / "link.png").symlink_to(outside)
    result = extract(find_sources(folder), tmp_path / "a.npy", MeanColour())
    assert "out of the folder" in result.failures["link.png"]
    extract(find_sources(folder, follow_symlinks=True), tmp_path / "b.npy", MeanColour())
    assert colours(tmp_path / "b.npy", ["link.png"]) == [[10, 20, 30]]


def test_the_packaged_data_set():
    sources = find_sources(os.path.join(os.path.dirname(__file__), "..", "..", "data", "easy_vqa.toml"))
    assert len(sources.image_ids) == 5000
    assert sources.folder.find("test/0").is_file()


class Result(NamedTuple):
    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture
def run(capsys):
    """Run ``vqa extract`` in this process."""

    def run(*arguments):
        with pytest.raises(SystemExit) as stop:
            main(["extract", *map(str, arguments)])
        return Result(int(stop.value.code or 0), *capsys.readouterr())

    return run


def test_the_command(run, folder, tmp_path):
    (folder / "5.png").write_bytes(b"no image")
    options = ("--encoder", "squeezenet1.0", "--weights", "random", "--size", 64, "--batch-size", 4)
    result = run(folder, tmp_path / "f.npy", *options, "--json", tmp_path / "f.report.json")
    assert result.exit_code == 1  # one file was left out
    assert f"{tmp_path / 'f.npy'}: float32 (6, 512), 1 of 7 files left out\n" == result.stdout
    assert "left out: " in result.stderr
    assert "5.png cannot be decoded" in result.stderr
    report = json.loads((tmp_path / "f.report.json").read_text())
    assert report["shape"] == [6, 512]
    assert list(report["failures"]) == ["5.png"]

    again = run(folder, tmp_path / "f.npy", *options)
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "exists already; --overwrite replaces it" in again.stderr
    os.remove(folder / "5.png")
    assert run(folder, tmp_path / "f.npy", *options, "--overwrite", "--grid", "--float16").exit_code == 0
    assert np.load(tmp_path / "f.npy").shape == (6, 9, 512)

    # One more image, encoded as the others were.
    expected = FeatureStore(tmp_path / "f.npy", "regions").read(["3.png"])[0]
    decode = partial(decode_file, folder / "3.png")
    np.testing.assert_allclose(encode_like(tmp_path / "f.npy", decode), expected, rtol=2e-3, atol=1e-3)
    os.remove(tmp_path / "f.json")
    with pytest.raises(ConfigError, match=r"f\.json: expected the settings"):
        encode_like(tmp_path / "f.npy", decode)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "Missing argument"),
        (("x", "f.npy", "--frames", "0"), 2, "--frames"),
        (("x", "f.npy"), 1, "expected a folder of images or videos"),
        ((".", "f.npy", "--encoder", "resnet"), 1, "unknown encoder"),
        ((".", "f.txt", "--encoder", "mobilenet0.25", "--weights", "random", "--size", "64"), 1, "features.npy"),
        ((".", "f.npy", "--encoder", "mobilenet0.25", "--weights", "none.params"), 1, "no such file"),
        ((".", "f.npy", "--device", "tpu"), 1, "expected a device"),
    ],
)
def test_wrong_use_is_one_line(run, folder, monkeypatch, arguments, code, message):
    monkeypatch.chdir(folder)
    result = run(*arguments)
    assert result.exit_code == code
    assert message in result.stderr
    assert code == 2 or result.stderr.count("\n") == 1
    assert result.stdout == ""


def test_the_script_is_the_command(project):
    script = project / "scripts" / "extract_features.py"
    result = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=True)
    assert "vqa extract easy_vqa" in result.stdout


def test_the_cards_for_easy_vqa_use_its_features(project, tmp_path):
    image_ids = find_sources(project / "data" / "easy_vqa.toml").image_ids
    for name, shape in {"vector": (2,), "grid": (4, 2)}.items():
        with FeatureWriter(tmp_path / f"easy_vqa_{name}.npy", shape, "float16", {}) as writer:
            writer.append(image_ids, np.full((5000, *shape), 0.5, np.float32))
            writer.finish()
    script = project / "scripts" / "easy_vqa_features.py"
    subprocess.run([sys.executable, script, tmp_path], check=True)  # makes what is not there yet: the cards
    for name, kind, shape in [("vector", "features", (2,)), ("grid", "regions", (4, 2))]:
        card = load_card(tmp_path / f"easy_vqa_{name}.toml")
        store = open_images(card, {split: read_split(card, split) for split in card.splits})
        assert (store.kind, store.shape) == (kind, shape)
        assert store.read(["train/3999", "test/0"]).mean() == 0.5
