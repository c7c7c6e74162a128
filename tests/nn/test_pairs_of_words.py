"""Pairs of words in the bag of words, worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from nn_cases import build, on_device, random_batch

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.nn.question_encoders import BagOfWords, pair_numbers
from vqa.nn.spec import MAX_PAIR_BUCKETS


def ids(rows: list[list[int]]) -> mx.nd.NDArray:
    return mx.nd.array(rows, dtype=np.int32)


def test_each_word_is_paired_with_the_one_before_it() -> None:
    # 7919 = 10 * 791 + 9: in ten buckets, the first word counts nine times.
    buckets = pair_numbers(mx.nd, ids([[2, 5, 3], [5, 2, 3], [14, 5, 0]]), 10)
    assert buckets.asnumpy().tolist() == [
        [2, (9 * 2 + 5) % 10, (9 * 5 + 3) % 10],
        [5, (9 * 5 + 2) % 10, (9 * 2 + 3) % 10],
        [4, (9 * 4 + 5) % 10, (9 * 5 + 0) % 10],
    ]


def test_large_word_ids_are_hashed_exactly() -> None:
    words, most = [70_000_000, 69_999_999, MAX_PAIR_BUCKETS - 1, 2**24 + 1], MAX_PAIR_BUCKETS
    expected = [(before % most * 7919 + word) % most for before, word in zip([0, *words], words)]
    assert pair_numbers(mx.nd, ids([words]), most).asnumpy().tolist() == [expected]


def test_the_vectors_of_words_and_pairs_are_added() -> None:
    block = BagOfWords(4, 2, pair_buckets=10)
    block.initialize()
    block.embedding.weight.set_data(mx.nd.array([[0, 0], [9, 9], [1, 10], [2, 20]]))
    block.pairs.weight.set_data(mx.nd.arange(20).reshape((10, 2)))
    # Words 2, 3: pairs (0, 2) in bucket 2 and (2, 3) in bucket (9 * 2 + 3) % 10 = 1. The second question is word 3.
    result = block(ids([[2, 3, 1], [3, 1, 1]]), mx.nd.array([2, 1], dtype=np.int32))
    assert result.asnumpy().tolist() == [[1 + 2 + 4 + 2, 10 + 20 + 5 + 3], [2 + 6, 20 + 7]]


def test_the_order_of_words_counts() -> None:
    images, index, tokens, lengths, questions = random_batch("features", num_tokens=3)
    tokens[:2], lengths[:2] = [[2, 3, 4], [4, 3, 2]], 3
    questions[:2], index[:2] = [0, 1], 0
    for buckets, same in ((0, True), (50, False)):
        inputs = on_device(images, index, tokens, lengths, questions)
        logits = build("mlp", "features", pair_buckets=buckets)(*inputs).asnumpy()
        assert np.allclose(logits[0], logits[1], rtol=1e-4) is same


def test_too_many_buckets_are_refused() -> None:
    with pytest.raises(ConfigError, match="expected at most 262144, got 262145"):
        BagOfWords(4, 2, pair_buckets=MAX_PAIR_BUCKETS + 1)
