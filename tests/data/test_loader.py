from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import vqa
from vqa._mxnet import mx
from vqa.data.cards import DatasetCard, ImageCard
from vqa.data.dataset import Dataset
from vqa.data.images import PixelStore
from vqa.data.loader import Batch, GroupedLoader
from vqa.data.table import QuestionTable
from vqa.data.vocab import build_vocabulary
from vqa.errors import ConfigError, DataError, ImageError

SLOW = settings(deadline=None, max_examples=60)


class MemoryDataset(Dataset):
    """A data set over a table and, with images, random pixels 1 x 1."""

    def __init__(self, table: QuestionTable, with_images: bool) -> None:
        images = ImageCard("pixels", None) if with_images else None
        card = DatasetCard(Path("card.toml"), "test", "csv", None, {}, images)
        super().__init__(card, build_vocabulary(table), tables={"train": table})
        if with_images:
            ids = list(dict.fromkeys(table.image_id))
            # Image number k has the value k in each channel.
            pixels = np.arange(len(ids), dtype=np.uint8)[:, None, None, None].repeat(3, axis=1)
            self._images = PixelStore([ids], [pixels])


def questions(groups: list[int], widths: list[int] | None = None) -> QuestionTable:
    """A table with groups[k] questions about image k, in turn; question n can be ``n`` words long."""
    left = list(groups)
    images: list[str] = []
    while any(left):
        for image, count in enumerate(left):
            if count:
                images.append(f"i{image}")
                left[image] -= 1
    count = len(images)
    widths = widths or [1 + row % 7 for row in range(count)]
    # Rows that are eleven apart and of equal width ask the same question.
    texts = [" ".join(f"w{row % 11}x{word}" for word in range(width)) for row, width in enumerate(widths)]
    answers = [tuple(f"a{row * slot % 5}" for slot in range(1 + row % 3)) for row in range(count)]
    return QuestionTable([str(row) for row in range(count)], images, texts, answers)


GROUPS = st.lists(st.integers(1, 9), min_size=1, max_size=12)


def rows_of(batches: Any) -> list[list[int]]:
    return [batch.rows.tolist() for batch in batches]


# --- one batch by hand


def test_a_batch_by_hand() -> None:
    table = QuestionTable(
        ["1", "2", "3", "4"],
        ["x", "y", "x", "y"],
        ["what is it", "is it a dog or a cat", "?", "What is it?"],
        [("cat", "dog", "cat"), ("dog",), ("fish", "cat"), ("cat",)],
    )
    dataset = MemoryDataset(table, with_images=True)
    dataset.vocabulary = build_vocabulary(table, max_answers=2)  # cat (4 times), dog (2)
    words = dataset.vocabulary.words
    (batch,) = GroupedLoader(dataset, "train")
    assert batch.images.shape == (2, 3, 1, 1)
    assert batch.images.asnumpy()[:, 0, 0, 0].tolist() == pytest.approx([-1, 1 / 127.5 - 1])
    assert batch.image_index.asnumpy().tolist() == [0, 1, 0, 1]
    pad = dataset.vocabulary.padding_id
    assert batch.tokens.asnumpy().tolist() == [
        [*words[["what", "is", "it"]], *[pad] * 4],  # seven words at most
        words[["is", "it", "a", "dog", "or", "a", "cat"]],
        [words["[unk]"], *[pad] * 6],
    ]
    assert batch.lengths.asnumpy().tolist() == [3, 7, 1]
    assert batch.question_index.asnumpy().tolist() == [0, 1, 2, 0]
    assert batch.answers.asnumpy().tolist() == [[0, 1, 0], [1, -1, -1], [-1, 0, -1], [0, -1, -1]]
    assert batch.rows.tolist() == [0, 1, 2, 3]
    assert [batch.images.dtype, *(array.dtype for array in batch[1:])] == [np.float32, *[np.int32] * 5, np.int64]
    assert batch.inputs == batch[:5]


def test_without_images_there_is_one_zero_for_all() -> None:
    (batch,) = GroupedLoader(MemoryDataset(questions([2, 1]), with_images=False), "train", shuffle=True)
    assert batch.images.asnumpy().tolist() == [[0.0]]
    assert batch.image_index.asnumpy().tolist() == [0, 0, 0]


def test_a_batch_moves_to_a_device() -> None:
    (batch,) = GroupedLoader(MemoryDataset(questions([2, 1]), with_images=False), "train", ctx=mx.cpu(1))
    assert {array.context for array in batch[:-1]} == {mx.cpu(1)}
    moved = batch.as_in_context(mx.cpu(0))
    assert isinstance(moved, Batch)
    assert {array.context for array in moved[:-1]} == {mx.cpu(0)}
    np.testing.assert_array_equal(moved.rows, batch.rows)


# --- every question once


@given(
    groups=GROUPS,
    batch_size=st.integers(1, 20),
    shuffle=st.booleans(),
    with_images=st.booleans(),
    workers=st.integers(1, 3),
    seed=st.integers(0, 5),
)
@SLOW
def test_every_epoch_holds_each_question_once(
    groups: list[int], batch_size: int, shuffle: bool, with_images: bool, workers: int, seed: int
) -> None:
    table = questions(groups)
    assume(len(table) >= workers)
    dataset = MemoryDataset(table, with_images)
    loaders = [
        GroupedLoader(dataset, "train", batch_size=batch_size, shuffle=shuffle, seed=seed, shard=(rank, workers))
        for rank in range(workers)
    ]
    sizes = [loader.num_questions for loader in loaders]
    assert max(sizes) - min(sizes) <= 1
    if batch_size > 1:
        assert len({len(loader) for loader in loaders}) == 1
    for number in (0, 1):
        epochs = [list(loader.epoch(number)) for loader in loaders]
        assert sorted(row for epoch in epochs for batch in epoch for row in batch.rows) == list(range(len(table)))
        for loader, size, epoch in zip(loaders, sizes, epochs):
            assert len(epoch) == len(loader)
            assert sum(len(batch.rows) for batch in epoch) == size
            for batch in epoch:
                _check_batch(batch, dataset, table, batch_size)


def _check_batch(batch: Batch, dataset: Dataset, table: QuestionTable, batch_size: int) -> None:
    """Each field says what the table says about the rows."""
    assert 1 <= len(batch.rows) <= batch_size
    vocabulary = dataset.vocabulary
    numbers = batch.question_index.asnumpy()
    num_texts = len(set(table.question[batch.rows]))
    assert len(batch.tokens) == len(batch.lengths) >= num_texts
    assert set(numbers) == set(range(num_texts))
    # Texts of padding may follow.
    assert (batch.tokens.asnumpy()[num_texts:] == vocabulary.padding_id).all()
    assert (batch.lengths.asnumpy()[num_texts:] == 1).all()
    lengths = batch.lengths.asnumpy()[numbers]
    tokens = batch.tokens.asnumpy()[numbers]
    assert lengths.max() <= tokens.shape[1] < lengths.max() * 9 / 8
    for number, row in enumerate(batch.rows):
        ids = vocabulary.encode_question(table.question[row])
        assert tokens[number].tolist() == ids + [vocabulary.padding_id] * (tokens.shape[1] - len(ids))
        assert lengths[number] == len(ids)
        answers = [vocabulary.answers[answer] for answer in batch.answers.asnumpy()[number] if answer >= 0]
        assert tuple(answers) == table.answers[row]
    if dataset.images.kind == "pixels":
        distinct = sorted(set(table.image_id[batch.rows]), key=list(table.image_id).index)
        assert len(batch.images) == len(distinct)
        shown = (batch.images.asnumpy()[batch.image_index.asnumpy(), 0, 0, 0] + 1) * 127.5
        order = list(dict.fromkeys(table.image_id))
        assert shown.round().tolist() == [order.index(image) for image in table.image_id[batch.rows]]


@given(groups=GROUPS, batch_size=st.integers(1, 20))
@SLOW
def test_without_shuffle_the_table_order_stays(groups: list[int], batch_size: int) -> None:
    loader = GroupedLoader(MemoryDataset(questions(groups), with_images=True), "train", batch_size=batch_size)
    for _ in range(2):
        batches = rows_of(loader)
        assert [row for batch in batches for row in batch] == list(range(sum(groups)))
        assert all(len(batch) == batch_size for batch in batches[:-1])


@given(groups=GROUPS, batch_size=st.integers(1, 20), seed=st.integers(0, 5))
@SLOW
def test_an_image_with_its_questions_is_in_one_batch(groups: list[int], batch_size: int, seed: int) -> None:
    table = questions(groups)
    loader = GroupedLoader(
        MemoryDataset(table, with_images=True), "train", batch_size=batch_size, shuffle=True, seed=seed
    )
    batches_of = Counter(image for rows in rows_of(loader) for image in set(table.image_id[rows]))
    for image, size in Counter(table.image_id).items():
        # A group larger than a batch is cut into as few pieces as possible.
        assert batches_of[image] <= -(-size // batch_size)


@given(groups=GROUPS, batch_size=st.integers(1, 20), with_images=st.booleans())
@SLOW
def test_the_order_is_a_function_of_seed_and_epoch(groups: list[int], batch_size: int, with_images: bool) -> None:
    dataset = MemoryDataset(questions(groups), with_images)

    def loader(seed: int = 3) -> GroupedLoader:
        return GroupedLoader(dataset, "train", batch_size=batch_size, shuffle=True, seed=seed)

    one, other = loader(), loader()
    first, second = rows_of(one), rows_of(one)
    np.random.seed(0)  # noqa: NPY002 - the global generator plays no part
    assert rows_of(other.epoch(1)) == second
    assert rows_of(other.epoch(0)) == first
    assert rows_of(other) == first  # asking for epochs by number does not move the count


def test_seeds_and_epochs_change_the_order_and_the_batches() -> None:
    dataset = MemoryDataset(questions([3] * 40), with_images=True)
    loader = GroupedLoader(dataset, "train", batch_size=12, shuffle=True, seed=1)
    first, second = rows_of(loader), rows_of(loader)
    other = rows_of(GroupedLoader(dataset, "train", batch_size=12, shuffle=True, seed=2))
    batches = [{frozenset(batch) for batch in epoch} for epoch in (first, second, other)]
    assert first != second != other
    assert len(batches[0] & batches[1]) <= 1  # other questions meet, not the same ones in another order
    assert len(batches[0] & batches[2]) <= 1


def test_every_pair_of_images_meets_equally_often() -> None:
    dataset = MemoryDataset(questions([2] * 6), with_images=True)
    loader = GroupedLoader(dataset, "train", batch_size=4, shuffle=True, seed=1)
    images = dataset.table("train").image_id
    pairs = Counter(frozenset(images[batch]) for number in range(600) for batch in rows_of(loader.epoch(number)))
    # Three batches of two images: each of the 15 pairs with probability 3/15; 120 of 600, deviation 9.8.
    assert len(pairs) == 15
    assert all(80 < count < 160 for count in pairs.values())


def test_rows_restrict_and_keep_their_numbers() -> None:
    dataset = MemoryDataset(questions([3, 4, 2]), with_images=True)
    for shuffle in (False, True):
        loader = GroupedLoader(dataset, "train", batch_size=2, shuffle=shuffle, rows=[7, 1, 4])
        assert loader.num_questions == 3
        assert sorted(row for rows in rows_of(loader) for row in rows) == [1, 4, 7]
    assert rows_of(GroupedLoader(dataset, "train", rows=np.array([7, 1, 4]))) == [[7, 1, 4]]


def test_answer_slots_are_those_of_the_whole_table() -> None:
    dataset = MemoryDataset(questions([9]), with_images=False)  # row 0 has one answer, row 2 three
    (batch,) = GroupedLoader(dataset, "train", rows=[0])
    assert batch.answers.shape == (1, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"batch_size": 0}, ConfigError, "batch size of at least 1, got 0"),
        ({"seed": -1}, ConfigError, "seed of at least 0"),
        ({"shard": (2, 2)}, ConfigError, "0 <= rank < workers"),
        ({"shard": (0, 0)}, ConfigError, "0 <= rank < workers"),
        ({"shard": (0, 10)}, DataError, "at least one question for each of 10 workers, got 9 questions"),
        ({"rows": []}, DataError, "at least one row"),
        ({"rows": [9]}, ConfigError, "distinct rows from 0 to 8"),
        ({"rows": [-1]}, ConfigError, "distinct rows from 0 to 8"),
        ({"rows": [1, 1]}, ConfigError, "distinct rows from 0 to 8"),
    ],
)
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        GroupedLoader(MemoryDataset(questions([9]), with_images=True), "train", **arguments)


def test_a_missing_image_is_named_before_the_first_batch() -> None:
    dataset = MemoryDataset(questions([2, 2]), with_images=True)
    dataset._images = PixelStore([["i0"]], [np.zeros((1, 3, 1, 1), dtype=np.uint8)])
    with pytest.raises(ImageError, match="1 of 2 images cannot be used; the first, needed by question '1' of"):
        GroupedLoader(dataset, "train")
    assert len(GroupedLoader(dataset, "train", rows=[0, 2])) == 1


# --- the real thing


def test_easy_vqa_in_batches(project: Path) -> None:
    dataset = vqa.load_dataset(project / "data/easy_vqa_3.toml")
    loader = vqa.GroupedLoader(dataset, "test", batch_size=256, shuffle=True, seed=1)
    batches = list(loader)
    assert sum(len(batch.rows) for batch in batches) == loader.num_questions == 9673
    assert sum(len(batch.images) for batch in batches) == 1000  # each image once per epoch
    assert len(batches) <= 41  # 9673 / 256 = 37.8: batches are filled well
    assert batches[0].images.shape[1:] == (3, 64, 64)
    assert batches[0].answers.shape[1] == 3
    first = batches[0]
    image_id = dataset.table("test").image_id[first.rows[5]]
    np.testing.assert_array_equal(
        first.images.asnumpy()[int(first.image_index[5].asscalar())], dataset.images.read([image_id])[0]
    )
