"""Videos: the requested frames in their colours; a file that is not a video is named with its question."""

import os
from pathlib import Path

import numpy as np
import pytest

from vqa.data.cards import DatasetCard, ImageCard
from vqa.data.images import open_images
from vqa.data.table import QuestionTable
from vqa.data.video import FrameStore, VideoFolder, cached_frames, frame_positions, open_frames, read_frames
from vqa.errors import ImageError
from vqa.features.files import ids_file

av = pytest.importorskip("av", reason="the extra 'video' is not installed: pip install 'vqa[video]'")


def write_video(path, greys, options=None, tint=(1.0, 1.0, 1.0)):
    """Write a video whose frame i is of one colour all over: `greys[i]` times the tint."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 48, "yuv420p"
        stream.bit_rate = 10_000_000
        for grey in greys:
            pixels = np.empty((48, 32, 3), np.uint8)
            pixels[:] = np.multiply(tint, grey)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


def a_card(path, **keys):
    return DatasetCard(Path("card.toml"), "name", "csv", None, {}, ImageCard("frames", path, **keys))


def a_table(*image_ids):
    rows = [f"q{row}" for row in range(len(image_ids))]
    return QuestionTable(rows, image_ids, rows, [("yes",)] * len(rows), source="questions.csv")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "frames"


@pytest.mark.parametrize(
    ("num_frames", "length", "expected"),
    [
        (1, 1, [0]),
        (1, 7, [3]),
        (2, 10, [2, 7]),
        (4, 100, [12, 37, 62, 87]),
        (3, 3, [0, 1, 2]),
        (4, 2, [0, 0, 1, 1]),
        (5, 1, [0, 0, 0, 0, 0]),
    ],
)
def test_positions_are_the_middles_of_equal_parts(num_frames, length, expected):
    assert frame_positions(num_frames, length) == expected


@pytest.mark.parametrize("suffix", [".mp4", ".avi", ".mkv"])
def test_the_frames_are_those_at_the_positions(tmp_path, suffix):
    path = write_video(tmp_path / f"v{suffix}", [10 * number for number in range(20)])
    frames = read_frames(path, 4, (6, 4))  # positions 2, 7, 12, 17
    assert (frames.shape, frames.dtype) == ((4, 3, 6, 4), np.uint8)
    for frame, grey in zip(frames, [20, 70, 120, 170]):
        np.testing.assert_allclose(frame, grey, atol=4)  # the format is lossy


def test_the_channels_are_red_green_blue(tmp_path):
    path = write_video(tmp_path / "v.mp4", [200] * 4, tint=(1.0, 0.5, 0.0))
    np.testing.assert_allclose(read_frames(path, 1, (4, 4)).mean(axis=(0, 2, 3)), [200, 100, 0], atol=12)


def test_a_short_video_gives_frames_more_than_once(tmp_path):
    path = write_video(tmp_path / "v.mp4", [50, 200])
    greys = read_frames(path, 4, (2, 2)).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(greys, [50, 50, 200, 200], atol=4)


@pytest.mark.parametrize(("name", "frames"), [("ZJL2495", 336), ("ZJL963", 962), ("ZJL18", 354)])
def test_real_videos_against_decoding_every_frame(shared_data, name, frames):
    path = shared_data / "zjb" / f"{name}.mp4"
    with av.open(str(path)) as container:
        every = [frame.to_ndarray(format="rgb24").mean(axis=(0, 1)) for frame in container.decode(video=0)]
    assert len(every) == frames
    expected = [every[(2 * index + 1) * frames // 16] for index in range(8)]
    # The mean colour hardly changes when a frame is scaled down by averaging.
    np.testing.assert_allclose(read_frames(path, 8, (16, 16)).mean(axis=(2, 3)), expected, atol=1.5)


@pytest.mark.parametrize("content", [b"", b"no video at all\n" * 100, b"\0" * 5000])
def test_a_file_that_is_not_a_video_is_an_error(tmp_path, content):
    (tmp_path / "v.mp4").write_bytes(content)
    with pytest.raises(ImageError, match=r"v\.mp4: not a video that can be decoded"):
        read_frames(tmp_path / "v.mp4", 2, (4, 4))


def test_a_sound_file_is_an_error(tmp_path):
    with av.open(str(tmp_path / "v.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(ImageError, match="no video stream"):
        read_frames(tmp_path / "v.mp4", 2, (4, 4))


def test_a_video_cut_off_is_an_error_wherever_its_index_is(tmp_path):
    at_end = write_video(tmp_path / "a.mp4", range(0, 200, 5))
    at_start = write_video(tmp_path / "b.mp4", range(0, 200, 5), options={"movflags": "faststart"})
    for path in (at_end, at_start):
        os.truncate(path, path.stat().st_size - 400)
    with pytest.raises(ImageError, match=r"a\.mp4: not a video that can be decoded"):
        read_frames(at_end, 2, (4, 4))
    with pytest.raises(ImageError, match=r"b\.mp4: the video is truncated: it has \d+ of 40 frames"):
        read_frames(at_start, 2, (4, 4))


def test_a_missing_file_and_a_folder_are_errors(tmp_path):
    with pytest.raises(ImageError, match=r"none\.mp4: No such file"):
        read_frames(tmp_path / "none.mp4", 2, (4, 4))
    with pytest.raises(ImageError, match="directory"):
        read_frames(tmp_path, 2, (4, 4))


def test_a_folder_of_videos_as_a_store(tmp_path):
    (tmp_path / "sub").mkdir()
    write_video(tmp_path / "one.mp4", [0] * 5 + [255] * 5)
    write_video(tmp_path / "sub" / "two.avi", [255] * 10)
    table = a_table("one", "sub/two.avi", "one")
    store = open_frames(a_card(tmp_path, frames=2, size=(2, 3)), {"train": table})
    assert (store.kind, store.shape) == ("frames", (2, 18))
    values = store.read(["sub/two.avi", "one"])
    assert (values.shape, values.dtype) == ((2, 2, 18), np.float32)
    np.testing.assert_allclose(values.mean(axis=2), [[1, 1], [-1, 1]], atol=0.05)
    assert store.missing(["two", "one"]) == ["two"]
    assert store.read([]).shape == (0, 2, 18)
    with pytest.raises(ImageError, match="'two'"):
        store.read(["one", "two"])


def test_the_founding_videos_as_a_store(shared_data):
    store = open_frames(a_card(shared_data / "zjb"), {"train": a_table("ZJL2495", "ZJL963")})
    assert store.shape == (8, 768)
    values = store.read(["ZJL963", "ZJL2495"])
    assert -1 <= values.min() < 0 < values.max() <= 1
    assert np.ptp(values, axis=1).max() > 0.1  # the frames of a video differ


def test_features_of_frames_as_a_store(tmp_path):
    np.save(tmp_path / "f.npy", np.ones((1, 4, 5), np.float16))
    ids_file(tmp_path / "f.npy").write_text("a.mp4\n")
    store = open_images(a_card(tmp_path / "f.npy"), {"train": a_table("a")})
    assert (store.kind, store.shape) == ("frames", (4, 5))


def test_a_bad_video_is_named_with_its_question(tmp_path):
    write_video(tmp_path / "good.mp4", [9] * 3)
    (tmp_path / "bad.mp4").write_bytes(b"")
    table = a_table("good", "bad", "absent", "bad")
    with pytest.raises(ImageError, match=r"2 of 3 .* 'q1' of questions\.csv: .*bad\.mp4: not a video"):
        open_frames(a_card(tmp_path), {"train": table})


@pytest.mark.parametrize("name", ["../v", "/etc/passwd", "sub/../../v", "..\\v"])
def test_names_do_not_lead_out_of_the_folder(tmp_path, name):
    write_video(tmp_path / "v.mp4", [1])
    (tmp_path / "folder").mkdir()
    with pytest.raises(ImageError, match="leads out of the folder"):
        VideoFolder(tmp_path / "folder").find(name)


def test_decoded_frames_are_cached_by_content(tmp_path, cache, monkeypatch):
    path = write_video(tmp_path / "v.mp4", [0, 100, 200])
    first = cached_frames(path, 2, (4, 4))
    (entry,) = cache.iterdir()
    monkeypatch.setattr("vqa.data.video.read_frames", lambda *_: pytest.fail("decoded again"))
    np.testing.assert_array_equal(cached_frames(path, 2, (4, 4)), first)
    monkeypatch.undo()
    monkeypatch.setenv("VQA_CACHE", str(cache.parent))
    entry.write_bytes(entry.read_bytes()[:-1])  # damaged: decoded anew
    np.testing.assert_array_equal(cached_frames(path, 2, (4, 4)), first)
    assert cached_frames(path, 3, (4, 4)).shape == (3, 3, 4, 4)
    write_video(path, [255, 255, 255])  # another file under the same name
    assert cached_frames(path, 2, (4, 4)).mean() > 250


def test_without_a_writable_cache_videos_are_decoded_each_time(tmp_path, monkeypatch, caplog):
    path = write_video(tmp_path / "v.mp4", [0, 100, 200])
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("VQA_CACHE", str(tmp_path / "file"))
    assert cached_frames(path, 2, (4, 4)).shape == (2, 3, 4, 4)
    assert "set VQA_CACHE to another folder" in caplog.text


def test_frames_that_do_not_fit_into_memory_are_refused(tmp_path):
    write_video(tmp_path / "v.mp4", [1])
    with pytest.raises(ImageError, match=r"9\.0 GB of memory.*vqa extract"):
        open_frames(a_card(tmp_path, frames=1000, size=(1024, 3072 + 74)), {"train": a_table("v")})


def test_the_store_needs_no_files_later():
    store = FrameStore({"a": np.full((2, 3, 1, 1), 255, np.uint8)})
    assert store.read(["a", "a"]).tolist() == [[[1, 1, 1], [1, 1, 1]]] * 2
