"""Rows of a file are the rows of the array, in any order, even after another file takes the name."""

import os

import numpy as np
import pytest

from vqa.features.stored_rows import StoredRows


def test_rows_are_those_of_the_array(tmp_path):
    array = np.arange(5 * 2 * 3, dtype=np.uint8).reshape(5, 2, 3)
    np.save(tmp_path / "a.npy", array)
    rows = StoredRows(tmp_path / "a.npy")
    assert (len(rows), rows.shape, rows.dtype) == (5, (5, 2, 3), np.uint8)
    np.testing.assert_array_equal(rows[[3, 0, 3]], array[[3, 0, 3]])
    np.testing.assert_array_equal(rows[np.array([4])], array[[4]])
    assert rows[[]].shape == (0, 2, 3)


def test_a_file_renamed_over_it_changes_nothing(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 4)))
    np.save(tmp_path / "b.npy", np.ones((2, 4)))
    rows = StoredRows(tmp_path / "a.npy")
    os.replace(tmp_path / "b.npy", tmp_path / "a.npy")
    assert not rows[[0, 1]].any()


def test_a_file_cut_off_tells_the_first_row_that_is_gone(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((3, 4), dtype=np.float32))
    rows = StoredRows(tmp_path / "a.npy")
    os.truncate(tmp_path / "a.npy", os.path.getsize(tmp_path / "a.npy") - 20)  # 16 bytes per row
    assert rows[[0]].shape == (1, 4)
    with pytest.raises(EOFError) as caught:
        rows[[0, 2, 1]]
    assert caught.value.args == (1,)


def test_fortran_order_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.asfortranarray(np.zeros((2, 3))))
    with pytest.raises(ValueError, match="Fortran"):
        StoredRows(tmp_path / "a.npy")
