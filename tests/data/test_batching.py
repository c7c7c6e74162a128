from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa._mxnet import gluonnlp
from vqa.data.batching import (
    WINDOW,
    BatchPlan,
    equal_shapes_together,
    padded_counts,
    padded_length,
    plan_by_image,
    plan_by_length,
)
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


def batch_sizes(plan: BatchPlan) -> tuple[list[int], list[int]]:
    """Return the numbers of questions and of groups of each batch."""
    return np.diff(plan.unit_starts[plan.batch_starts]).tolist(), np.diff(plan.batch_starts).tolist()


def test_image_groups_are_dealt_out_evenly() -> None:
    # 7 is cut into 6 + 1; 15 questions need three batches of at most 6, of which 6 fills one.
    images = [0] * 7 + [1] * 2 + [2] * 5 + [3]
    plan = plan_by_image(np.arange(15), 6, encode([1] * 15, images), np.random.default_rng(0))
    assert sorted(np.diff(plan.unit_starts)) == [1, 1, 2, 5, 6]
    questions, groups = batch_sizes(plan)
    assert sorted(questions) == [4, 5, 6] or sorted(questions) == [3, 6, 6]
    assert max(groups) <= 3


@given(
    groups=st.lists(st.integers(1, 9), min_size=1, max_size=60), batch_size=st.integers(9, 40), seed=st.integers(0, 9)
)
@settings(deadline=None)
def test_every_image_is_in_one_batch_that_is_not_too_large(groups: list[int], batch_size: int, seed: int) -> None:
    images = np.repeat(np.arange(len(groups)), groups).tolist()
    encoded = encode([1] * len(images), images)
    plan = plan_by_image(np.arange(len(images)), batch_size, encoded, np.random.default_rng(seed))
    questions, _ = batch_sizes(plan)
    assert max(questions) <= batch_size
    assert sorted(plan.rows) == list(range(len(images)))
    batch_of = {image: batch for batch, rows in enumerate(plan.in_order()) for image in np.array(images)[rows]}
    for batch, rows in enumerate(plan.in_order()):
        assert all(batch_of[image] == batch for image in np.array(images)[rows])


def test_batches_of_usual_images_have_few_shapes() -> None:
    """As many questions per image as in easy-VQA: 26 or 27 images in each batch, and almost as many questions."""
    groups = np.random.default_rng(1).poisson(9.6, 4000).clip(min=1)
    images = np.repeat(np.arange(4000), groups).tolist()
    plan = plan_by_image(np.arange(len(images)), 256, encode([1] * len(images), images), np.random.default_rng(0))
    questions, in_batch = batch_sizes(plan)
    assert len(questions) <= -(-len(images) // 256) + 2
    assert max(in_batch) - min(in_batch) <= 1
    assert len(set(zip(questions, in_batch))) <= 6


@given(length=st.integers(1, 5000))
def test_lengths_are_padded_by_less_than_an_eighth_to_few_sizes(length: int) -> None:
    assert length <= padded_length(length) < length * 9 / 8
    assert len({padded_length(each) for each in range(1, length + 1)}) <= 8 * max(2, length.bit_length() - 2)


@given(counts=st.lists(st.integers(1, 300), min_size=1, max_size=50))
def test_counts_are_padded_to_few_sizes(counts: list[int]) -> None:
    padded = padded_counts(np.array(counts))
    assert padded.max() == max(counts)
    assert all(count <= size < 1.25 * count + 1 for count, size in zip(counts, padded.tolist()))
    assert len(set(padded.tolist())) <= 2 + np.log(300) / np.log(1.25)


def test_equal_shapes_follow_one_another_within_a_window() -> None:
    shapes = np.random.default_rng(0).integers(0, 2, (200, 2))
    order = equal_shapes_together(shapes)
    assert sorted(order) == list(range(200))
    for start in range(0, 200, WINDOW):
        assert {place // WINDOW for place in order[start : start + WINDOW]} == {start // WINDOW}
    changes = (np.diff(shapes[order], axis=0) != 0).any(axis=1).sum()
    assert changes <= 4 * 3  # four shapes in each of four windows, and none between windows


def test_a_plan_split_further_keeps_its_questions() -> None:
    plan = BatchPlan(np.arange(6), np.array([0, 4, 5, 6]), np.array([4, 1, 1]), np.array([0, 1, 3]))
    more = plan.split_into(4)
    assert [rows.tolist() for rows in more.in_order()] == [[0], [1], [2, 3], [4, 5]]
    assert more.unit_class.tolist() == [1, 1, 2, 1, 1]
    assert plan.split_into(2) is plan
    assert plan.split_into(99).num_batches == 6
