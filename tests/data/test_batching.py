from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa._mxnet import gluonnlp
from vqa.data.batching import BatchPlan, plan_by_image, plan_by_length
from vqa.data.table import QuestionTable
from vqa.data.vocab import EncodedQuestions, build_vocabulary, encode_questions


def encode(widths: list[int], images: list[int]) -> EncodedQuestions:
    """Distinct questions of the given widths about the given images; their words are numbered from 2 on."""
    starts = np.concatenate([[0], np.cumsum(widths)])
    answers = np.zeros((len(widths), 1), dtype=np.int32)
    tokens = np.arange(2, 2 + starts[-1], dtype=np.int32)
    numbers = np.arange(len(widths))
    names = [str(image) for image in range(max(images) + 1)]
    return EncodedQuestions(tokens, starts, numbers, answers, np.array(images), names)


def test_encoding_by_hand() -> None:
    table = QuestionTable(
        ["1", "2", "3", "4"],
        ["y", "x", "y", "z"],
        ["is it", "what", "is it", "Is it?"],
        [("no",), ("no", "yes"), ("yes", "no", "no"), ("yes",)],
    )
    encoded = encode_questions(table, build_vocabulary(table))  # words is, it, what are 2, 3, 4; no is 0, yes is 1
    assert encoded.tokens.tolist() == [2, 3, 4]
    assert encoded.starts.tolist() == [0, 2, 3]
    assert encoded.lengths.tolist() == [2, 1]
    assert encoded.question_number.tolist() == [0, 1, 0, 0]
    assert encoded.answers.tolist() == [[0, -1, -1], [0, 1, -1], [1, 0, 0], [1, -1, -1]]
    assert encoded.image_number.tolist() == [0, 1, 0, 2]
    assert encoded.image_ids == ["y", "x", "z"]
    assert [array.dtype for array in encoded[:5]] == [np.int32, np.int64, np.int64, np.int32, np.int64]


def test_questions_that_differ_only_in_unknown_words_are_one() -> None:
    known = QuestionTable(["1"], ["x"], ["is it a"], [("no",)])
    asked = QuestionTable(["1", "2", "3"], ["x"] * 3, ["is it cat", "is it dog", "is it"], [("no",)] * 3)
    assert encode_questions(asked, build_vocabulary(known)).question_number.tolist() == [0, 0, 1]


@given(widths=st.lists(st.integers(1, 9), min_size=1, max_size=9), data=st.data())
@settings(deadline=None)
def test_padding_is_that_of_gluonnlp(widths: list[int], data: st.DataObject) -> None:
    encoded = encode(widths, [0] * len(widths))
    rows = data.draw(st.permutations(range(len(widths))))
    pad = gluonnlp.data.batchify.Pad(pad_val=1, ret_length=True, dtype="int32")
    expected, lengths = pad([encoded.tokens[encoded.starts[row] : encoded.starts[row + 1]].tolist() for row in rows])
    chosen = np.array(rows)
    np.testing.assert_array_equal(encoded.padded_tokens(chosen, max(widths), 1), expected.asnumpy())
    np.testing.assert_array_equal(encoded.lengths[chosen], lengths.asnumpy())


def test_questions_without_images_are_padded_little() -> None:
    widths = [1, 20, 3, 18, 4, 19, 2, 17]
    plan = plan_by_length(np.arange(8), 4, encode(widths, [0] * 8))
    for number in range(5):
        shown = [sorted(widths[row] for row in rows) for rows in plan.shuffled(np.random.default_rng(number))]
        assert sorted(shown) == [[1, 2, 3, 4], [17, 18, 19, 20]]


def test_all_batches_without_images_are_full_but_one() -> None:
    plan = plan_by_length(np.arange(23), 4, encode([1 + row % 9 for row in range(23)], [0] * 23))
    for number in range(5):
        sizes = [len(rows) for rows in plan.shuffled(np.random.default_rng(number))]
        assert sorted(sizes) == [3, 4, 4, 4, 4, 4]


def test_image_groups_fill_batches_as_far_as_they_fit() -> None:
    images = [0] * 7 + [1] * 2 + [2] * 5 + [3]
    plan = plan_by_image(np.arange(15), 6, encode([1] * 15, images), np.random.default_rng(0))
    units = np.diff(plan.unit_starts)
    assert sorted(units) == [1, 1, 2, 5, 6]  # 7 is cut into 6 + 1
    sizes = np.diff(plan.unit_starts[plan.batch_starts])
    assert sizes.max() <= 6
    # A batch ends only where the next image would not fit.
    for batch, size in enumerate(sizes[:-1]):
        assert size + units[plan.batch_starts[batch + 1]] > 6


def test_a_plan_split_further_keeps_its_questions() -> None:
    plan = BatchPlan(np.arange(6), np.array([0, 4, 5, 6]), np.array([4, 1, 1]), np.array([0, 1, 3]))
    more = plan.split_into(4)
    assert [rows.tolist() for rows in more.in_order()] == [[0], [1], [2, 3], [4, 5]]
    assert more.unit_class.tolist() == [1, 1, 2, 1, 1]
    assert plan.split_into(2) is plan
    assert plan.split_into(99).num_batches == 6
