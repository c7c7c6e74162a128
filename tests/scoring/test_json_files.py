"""Reading the records of a JSON file one by one gives what reading it as a whole gives, errors included."""

import gc
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.errors import DataError
from vqa.garbage import collection_paused
from vqa.scoring.json_files import read_records

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
WHOLE = ' {"info": {"list": [1]},\n "list" : [ {"a": "]"}, [2, 3] ,"x,"\n], "after": [4]} '


@given(
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
    st.lists(VALUES, max_size=4),
    st.dictionaries(st.text(max_size=3), VALUES, max_size=3),
    st.sampled_from([None, 1]),
)
def test_the_records_are_those_of_the_whole_file(tmp_path_factory, before, records, after, indent):
    for other in (before, after):
        other.pop("list", None)
    path = tmp_path_factory.mktemp("json") / "file.json"
    path.write_text(json.dumps({**before, "list": records, **after}, indent=indent), encoding="utf-8")
    assert list(read_records(path, "list")) == records


def test_whatever_is_cut_off_or_added_is_an_error(tmp_path):
    path = tmp_path / "file.json"
    path.write_text(WHOLE)
    assert list(read_records(path, "list")) == [{"a": "]"}, [2, 3], "x,"]
    damaged = [WHOLE[:end] for end in range(len(WHOLE) - 1)] + [WHOLE + "x", WHOLE.replace("] ,", "] ")]
    for text in damaged:
        path.write_text(text)
        with pytest.raises(DataError, match=r"file\.json:\d+: expected JSON"):
            list(read_records(path, "list"))


def test_the_place_of_an_error_is_that_in_the_file(tmp_path):
    path = tmp_path / "file.json"
    path.write_text('{"list": [1],\n\n "b": oops}')
    with pytest.raises(DataError, match=r"file\.json:3: expected JSON, Expecting value at column 7"):
        list(read_records(path, "list"))


@pytest.mark.parametrize("text", ["[]", "3", "{}", '{"list": {}}', '{"other": []}'])
def test_another_form_is_named(tmp_path, text):
    path = tmp_path / "file.json"
    path.write_text(text)
    with pytest.raises(DataError, match='expected an object with a list "list"'):
        list(read_records(path, "list"))


def test_the_collector_runs_again_afterwards():
    with collection_paused():
        assert not gc.isenabled()
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
