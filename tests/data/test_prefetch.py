"""Prefetched items are the same, in the same order, made on another thread; an error comes where it would have come."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa.data.prefetch import AHEAD, prefetched


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(st.none(), st.integers())))
def test_items_come_in_their_order(items: list[int | None]) -> None:
    assert list(prefetched(iter(items))) == items


def test_an_error_comes_after_the_items_before_it() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the file is gone")

    found = prefetched(items())
    assert next(found) == 1
    with pytest.raises(OSError, match="the file is gone"):
        next(found)


def test_a_few_items_are_made_ahead_and_no_more() -> None:
    made, threads = [], set()
    third = threading.Event()

    def items() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            threads.add(threading.get_ident())
            if number == AHEAD:
                third.set()
            yield number

    found = prefetched(items())
    assert next(found) == 0
    assert third.wait(timeout=60), "the next item is made while the first is used"
    found.close()
    assert made == list(range(AHEAD + 1))
    assert threading.get_ident() not in threads
