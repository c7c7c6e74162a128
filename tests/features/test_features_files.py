"""Features files: rows by id, whatever their type and order, and every kind of damage named."""

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from vqa.data.cards import DatasetCard, ImageCard
from vqa.data.images import open_features
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError, ImageError
from vqa.features.files import FeatureStore, ids_file
from vqa.features.writing import FeatureWriter

SETTINGS = {"encoder": {"name": "mine"}, "frames": None}


def write(path, array, image_ids):
    np.save(path, array)
    ids_file(path).write_text("".join(f"{image_id}\n" for image_id in image_ids), encoding="utf-8")
    return path


def a_card(path, kind):
    return DatasetCard(Path("card.toml"), "name", "csv", None, {}, ImageCard(kind, path))


def a_table(*image_ids):
    rows = [f"q{row}" for row in range(len(image_ids))]
    return QuestionTable(rows, image_ids, rows, [("yes",)] * len(rows), source="questions.csv")


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    array=npst.arrays(
        st.sampled_from([np.float32, np.float16]),
        st.tuples(st.integers(1, 5), st.integers(1, 3), st.integers(1, 4)),
        elements=st.floats(-1000, 1000, width=16),
    ),
    data=st.data(),
)
def test_reads_the_requested_rows(tmp_path, array, data):
    store = FeatureStore(write(tmp_path / "f.npy", array, [f"img {row}" for row in range(len(array))]), "regions")
    rows = data.draw(st.lists(st.integers(0, len(array) - 1), max_size=7))
    features = store.read([f"img {row}" for row in rows])
    assert store.shape == array.shape[1:]
    assert features.dtype == np.float32
    assert features.shape == (len(rows), *array.shape[1:])
    np.testing.assert_array_equal(features, array[rows].astype(np.float32))


def test_regions_of_zeros_stay_zeros(tmp_path):
    array = np.array([[[1, 2], [3, 4]], [[5, 6], [0, 0]]], dtype=np.float16)  # the second image has one region
    store = FeatureStore(write(tmp_path / "f.npy", array, ["a", "b"]), "regions")
    assert store.read(["b", "a"]).tolist() == [[[5, 6], [0, 0]], [[1, 2], [3, 4]]]


def test_a_file_name_is_found_without_its_extension_where_that_is_clear(tmp_path):
    image_ids = ["cat.jpg", "sub/dog.PNG", "fox.jpg", "fox.png", "cow", "cow.jpg", "v1.5", "Zoë.mp4"]
    array = np.arange(8, dtype=np.float32)[:, np.newaxis]
    store = FeatureStore(write(tmp_path / "f.npy", array, image_ids), "features")
    asked = ["cat", "cat.jpg", "sub/dog", "cow", "cow.jpg", "v1.5", "Zoë"]
    assert store.read(asked).ravel().tolist() == [0, 0, 1, 4, 5, 6, 7]
    assert store.missing(["fox", "fox.png", "v1", "dog", "../cat"]) == ["fox", "v1", "dog", "../cat"]


def test_a_file_renamed_over_an_open_one_changes_nothing(tmp_path):
    path = write(tmp_path / "f.npy", np.ones((2, 3), np.float32), "ab")
    store = FeatureStore(path, "features")
    np.save(tmp_path / "other.npy", np.zeros((2, 9), np.float32))
    os.replace(tmp_path / "other.npy", path)
    assert store.read(["a"]).tolist() == [[1, 1, 1]]


def test_the_opener_names_the_image_and_the_question_without_features(tmp_path):
    path = write(tmp_path / "f.npy", np.ones((2, 3), np.float32), "ab")
    tables = {"train": a_table("a", "b"), "test": a_table("b", "c", "d", "c")}
    with pytest.raises(ImageError, match=r"2 of 3 .* 'q1' of questions\.csv: image 'c' has no features in .*f\.npy"):
        open_features(a_card(path, "features"), tables)
    store = open_features(a_card(path, "features"), {"train": tables["train"]})
    assert (store.kind, store.shape) == ("features", (3,))


@pytest.mark.parametrize(
    ("array", "kind", "message"),
    [
        (np.ones((2, 3), np.float64), "features", "float64"),
        (np.ones((2, 3), np.uint8), "features", "uint8"),
        (np.ones((2, 3), np.float32), "regions", r"\(N, R, D\)"),
        (np.ones((2, 3, 4), np.float32), "features", r"\(N, D\)"),
        (np.asfortranarray(np.ones((2, 3), np.float32)), "features", "Fortran"),
    ],
)
def test_arrays_of_another_form_are_refused(tmp_path, array, kind, message):
    with pytest.raises(ImageError, match=message):
        FeatureStore(write(tmp_path / "f.npy", array, "ab"), kind)


def test_a_header_that_claims_to_be_longer_than_the_file(tmp_path):
    (tmp_path / "f.npy").write_bytes(b"\x93NUMPY\x03\x00\x00\x00\x00\x7f{")
    with pytest.raises(ImageError, match="its header is cut off"):
        FeatureStore(tmp_path / "f.npy", "features")


def test_pickled_objects_are_refused(tmp_path):
    np.save(tmp_path / "f.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    ids_file(tmp_path / "f.npy").write_text("a\nb\n")
    with pytest.raises(ImageError, match="objects"):
        FeatureStore(tmp_path / "f.npy", "features")


@pytest.mark.parametrize("length", [0, 5, 100, 128, 140])
def test_a_file_cut_off_is_an_error(tmp_path, length):
    path = write(tmp_path / "f.npy", np.ones((2, 3), np.float32), "ab")
    os.truncate(path, length)
    with pytest.raises(ImageError, match=r"f\.npy: expected a whole"):
        FeatureStore(path, "features")


def test_a_file_cut_off_while_open_is_an_error(tmp_path):
    path = write(tmp_path / "f.npy", np.ones((2, 3), np.float32), "ab")
    store = FeatureStore(path, "features")
    os.truncate(path, 128 + 12 + 4)
    assert store.read(["a"]).tolist() == [[1, 1, 1]]
    with pytest.raises(ImageError, match="ends inside the features of image 'b'"):
        store.read(["a", "b"])


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ("a\n", "expected 2 ids.*got 1"),
        ("a\nb\nc\n", "got 3"),
        ("a\na\n", "'a' occurs more than once"),
        (None, "no such file"),
    ],
)
def test_ids_that_do_not_fit_are_an_error(tmp_path, ids, message):
    np.save(tmp_path / "f.npy", np.ones((2, 3), np.float32))
    if ids is not None:
        (tmp_path / "f.ids.txt").write_text(ids)
    with pytest.raises(ImageError, match=message):
        FeatureStore(tmp_path / "f.npy", "features")


def test_ids_are_lines_and_nothing_else_divides_them(tmp_path):
    write(tmp_path / "f.npy", np.ones((2, 1), np.float32), ["a b\u2028c", "d\x1ee"])
    assert FeatureStore(tmp_path / "f.npy", "features").image_ids == ["a b\u2028c", "d\x1ee"]


def test_memory_stays_flat_over_a_file_larger_than_it(tmp_path):
    # 400 MB of features, read whole in batches by a process that may grow by 100 MB beyond what its imports take.
    shape = (200, 1000, 1000)
    with open(tmp_path / "f.npy", "wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f2", "fortran_order": False, "shape": shape})
        file.seek(2 * int(np.prod(shape)) - 1, os.SEEK_CUR)
        file.write(b"\0")
    ids_file(tmp_path / "f.npy").write_text("".join(f"{row}\n" for row in range(200)))
    code = f"""
import pathlib, resource
from vqa.features.files import FeatureStore
store = FeatureStore(pathlib.Path({str(tmp_path / "f.npy")!r}), "regions")
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for start in range(0, 200, 8):
    store.read([str(row) for row in range(start, start + 8)])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert float(grown) < 100


def test_the_writer_writes_what_the_store_reads(tmp_path):
    path = tmp_path / "sub" / "f.npy"
    with FeatureWriter(path, (2,), np.float16, SETTINGS) as writer:
        writer.append(["a", "b"], np.array([[1, 2], [3, 4]], np.float32))
        writer.append(["c"], np.array([[5, 0.1]], np.float32))
        writer.finish()
    assert np.load(path).dtype == np.float16
    assert FeatureStore(path, "features").read(["c", "a"]).tolist() == [[5, np.float16(0.1)], [1, 2]]
    assert json.loads((tmp_path / "sub" / "f.json").read_text())["encoder"] == {"name": "mine"}
    assert sorted(os.listdir(path.parent)) == ["f.ids.txt", "f.json", "f.npy"]


@pytest.mark.parametrize(
    ("torn", "complete"), [(b"", ["a", "b"]), (b"c", ["a", "b"]), (b"c\nd", ["a", "b", "c"]), (b"\xc3", ["a", "b"])]
)
def test_the_writer_continues_after_the_last_complete_row(tmp_path, torn, complete):
    path = tmp_path / "f.npy"
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        writer.append(["a", "b"], np.array([[1, 2], [3, 4]], np.float32))
    # A kill can leave rows whose ids are not written yet, an incomplete row, and an incomplete line or letter.
    with open(tmp_path / "f.npy.part", "ab") as file:
        file.write(np.array([7, 8, 9, 9, 9], np.float32).tobytes())
    with open(tmp_path / "f.npy.progress", "ab") as file:
        file.write(torn)
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        assert writer.image_ids == complete
        writer.append(["z"], np.array([[5, 6]], np.float32))
        writer.finish()
    expected = [*[[1, 2], [3, 4], [7, 8]][: len(complete)], [5, 6]]
    assert FeatureStore(path, "features").read([*complete, "z"]).tolist() == expected


def test_ids_without_rows_are_encoded_again(tmp_path):
    path = tmp_path / "f.npy"
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        writer.append(["a", "b", "c"], np.ones((3, 2), np.float32))
    with open(tmp_path / "f.npy.part", "r+b") as file:
        file.truncate(128 + 2 * 8 - 1)
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        assert writer.image_ids == ["a"]


def test_settings_that_cannot_be_read_are_not_continued(tmp_path):
    path = tmp_path / "f.npy"
    (tmp_path / "f.npy.part").write_bytes(b"")
    (tmp_path / "f.npy.progress").write_text('{"enc')
    with pytest.raises(ConfigError, match="is damaged"):
        FeatureWriter(path, (2,), np.float32, SETTINGS).__enter__()
    with FeatureWriter(path, (2,), np.float32, SETTINGS, overwrite=True) as writer:
        assert writer.image_ids == []


def test_the_header_fits_for_any_number_of_rows(tmp_path):
    with FeatureWriter(tmp_path / "f.npy", (1,), np.float32, SETTINGS) as writer:
        for start in range(0, 12_000, 4_000):
            numbers = np.arange(start, start + 4_000, dtype=np.float32)
            writer.append([str(int(number)) for number in numbers], numbers[:, np.newaxis])
        writer.finish()
    np.testing.assert_array_equal(np.load(tmp_path / "f.npy")[:, 0], np.arange(12_000))


def test_the_writer_keeps_what_is_there_and_what_others_write(tmp_path):
    path = tmp_path / "f.npy"
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        writer.append(["a"], np.ones((1, 2), np.float32))
        with pytest.raises(ImageError, match="another process"), FeatureWriter(path, (2,), np.float32, SETTINGS):
            pass
    with pytest.raises(ConfigError, match=r"unfinished.*dtype = float32"):
        FeatureWriter(path, (2,), np.float16, SETTINGS).__enter__()
    with FeatureWriter(path, (2,), np.float16, SETTINGS, overwrite=True) as writer:
        assert writer.image_ids == []
        writer.append(["b"], np.ones((1, 2), np.float32))
        writer.finish()
    with pytest.raises(ConfigError, match="exists already"):
        FeatureWriter(path, (2,), np.float32, SETTINGS)
    assert FeatureStore(path, "features").image_ids == ["b"]
    with pytest.raises(ConfigError, match=r"features\.npy"):
        FeatureWriter(tmp_path / "features.txt", (2,), np.float32, SETTINGS)


@pytest.mark.parametrize("end", [".part", ".progress"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_what_somebody_put_where_rows_are_written_aside_is_replaced(tmp_path, end, kind):
    path, theirs = tmp_path / "f.npy", tmp_path / "theirs"
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        writer.append(["a"], np.ones((1, 2), np.float32))
    (tmp_path / f"f.npy{end}").rename(theirs)
    before = theirs.read_bytes()
    (tmp_path / f"f.npy{end}").symlink_to(theirs) if kind == "link" else os.mkfifo(tmp_path / f"f.npy{end}")
    with FeatureWriter(path, (2,), np.float32, SETTINGS) as writer:
        assert writer.image_ids == []
        writer.append(["b"], np.ones((1, 2), np.float32))
        writer.finish()
    assert theirs.read_bytes() == before
    assert FeatureStore(path, "features").image_ids == ["b"]
    assert not path.is_symlink()


def test_a_lock_that_is_a_link_is_refused(tmp_path):
    theirs = tmp_path / "theirs"
    theirs.write_text("mine")
    (tmp_path / "f.npy.lock").symlink_to(theirs)
    with pytest.raises(OSError, match="is a link"), FeatureWriter(tmp_path / "f.npy", (2,), np.float32, SETTINGS):
        pass
    assert theirs.read_text() == "mine"


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_values_that_are_not_finite_in_the_file_are_refused(tmp_path, value):
    with FeatureWriter(tmp_path / "f.npy", (2,), np.float16, SETTINGS) as writer:
        with pytest.raises(ImageError, match="image 'b' are not all finite as float16"):
            writer.append(["a", "b"], np.array([[1, 2], [3, value]], np.float32))
        assert writer.image_ids == []


def test_a_full_disk_keeps_the_rows_before_it(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    with FeatureWriter(tmp_path / "f.npy", (500,), np.float32, SETTINGS) as writer:
        writer.append(["a"], np.full((1, 500), ord("a"), np.float32))
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, limits[1]))  # no file may grow more: as good as a full disk
        try:
            with pytest.raises(OSError, match=r"the rows written so far are kept.*f\.npy\.part"):
                writer.append(["b"], np.full((1, 500), ord("b"), np.float32))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    with FeatureWriter(tmp_path / "f.npy", (500,), np.float32, SETTINGS) as writer:
        assert writer.image_ids == ["a"]
        writer.append(["c"], np.full((1, 500), ord("c"), np.float32))
        writer.finish()
    assert FeatureStore(tmp_path / "f.npy", "features").read(["a", "c"])[:, 499].tolist() == [ord("a"), ord("c")]
