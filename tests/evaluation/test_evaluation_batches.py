"""An evaluation's batches hold each question once; equal images, or without images equal questions, come together."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vqa.data.cards import DatasetCard, ImageCard
from vqa.data.dataset import Dataset
from vqa.data.images import PixelStore
from vqa.data.table import QuestionTable
from vqa.data.vocab import build_vocabulary
from vqa.evaluation import batches as module
from vqa.evaluation.batches import evaluation_batches


def dataset(image_of: list[int], words_of: list[int], with_images: bool) -> Dataset:
    """Question n is about image ``image_of[n]``, one pixel of that value, and has ``words_of[n]`` words."""
    images = [f"i{number}" for number in image_of] if with_images else [""] * len(image_of)
    table = QuestionTable(
        [str(n) for n in range(len(image_of))],
        images,
        [" ".join(["w"] * n) for n in words_of],
        [("a",)] * len(image_of),
    )
    card = DatasetCard(Path("card.toml"), "test", "csv", None, {}, ImageCard("pixels", None) if with_images else None)
    made = Dataset(card, build_vocabulary(table), tables={"test": table})
    if with_images:
        ids = list(dict.fromkeys(images))
        values = np.array([int(name[1:]) for name in ids], dtype=np.uint8)
        made._images = PixelStore([ids], [values[:, None, None, None].repeat(3, axis=1)])
    return made


numbers = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), min_size=1, max_size=30)


@settings(deadline=None, max_examples=60)
@given(numbers, st.booleans(), st.one_of(st.none(), st.integers(1, 7)))
def test_every_question_is_there_once_beside_its_like(
    pairs: list[tuple[int, int]], with_images: bool, batch_size: int | None
) -> None:
    image_of, words_of = map(list, zip(*pairs))
    batches = list(evaluation_batches(dataset(image_of, words_of, with_images), "test", batch_size, numpy=True))
    rows = np.concatenate([batch.rows for batch in batches])
    assert sorted(rows) == list(range(len(pairs)))
    like = np.array(image_of if with_images else words_of)[rows]
    assert len(set(like)) == 1 + np.count_nonzero(np.diff(like)), (
        "the questions of one image, or of one text, are apart"
    )
    for batch in batches:
        words = batch.lengths[batch.question_index]
        assert words.tolist() == np.array(words_of)[batch.rows].tolist()
        if with_images:
            shown = np.rint((batch.images[batch.image_index, 0, 0, 0] + 1) * 127.5)
            assert shown.tolist() == np.array(image_of)[batch.rows].tolist()
    if batch_size is not None:
        assert [len(batch.rows) for batch in batches[:-1]] == [batch_size] * (len(batches) - 1)


@pytest.mark.parametrize(
    ("questions", "distinct_images", "most_bytes", "expected"),
    [
        (40, 20, 12 * 5, 10),  # an image is 3 floats of 4 bytes; 5 images have 10 questions
        (40, 40, 12 * 5, 5),
        (40, 10, 1, 1),  # never none
    ],
)
def test_a_batch_grows_until_its_images_fill_the_memory(
    monkeypatch: pytest.MonkeyPatch, questions: int, distinct_images: int, most_bytes: int, expected: int
) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", most_bytes)
    data = dataset([n % distinct_images for n in range(questions)], [1] * questions, with_images=True)
    assert len(next(iter(evaluation_batches(data, "test", numpy=True))).rows) == expected


def test_many_answers_make_a_batch_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without images, 8 bytes are the logits of two questions with one answer to choose from."""
    monkeypatch.setattr(module, "MOST_BYTES", 8)
    data = dataset([0] * 6, [1] * 6, with_images=False)
    assert data.vocabulary.num_answers == 1
    assert [len(batch.rows) for batch in evaluation_batches(data, "test", numpy=True)] == [2, 2, 2]
