"""MultiAnswerAccuracy against hand tables and a plain loop, however the questions are split into batches."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vqa._mxnet import mx
from vqa.errors import DataError, TrainingError
from vqa.metrics import MultiAnswerAccuracy


def plain_hits(answers, logits):
    """Right and asked, counted question by question in plain Python."""
    right = 0
    for answer_row, logit_row in zip(answers.tolist(), logits.tolist()):
        best = max(range(len(logit_row)), key=lambda c: (logit_row[c], -c))
        right += best in [a for a in answer_row if a >= 0]
    return right, len(answers)


def value(answers, logits):
    metric = MultiAnswerAccuracy()
    metric.update(answers, logits)
    return metric.get()[1]


@st.composite
def questions(draw):
    n, a, c = (draw(st.integers(1, high)) for high in (9, 4, 5))
    answers = draw(arrays(np.int32, (n, a), elements=st.integers(-1, c - 1)))
    logits = draw(arrays(np.float32, (n, c), elements=st.floats(-100, 100, width=32)))
    return answers, logits


@given(questions())
def test_equals_a_plain_loop(case):
    answers, logits = case
    right, asked = plain_hits(answers, logits)
    assert value(answers, logits) == right / asked
    assert value(mx.nd.array(answers, dtype="int32"), mx.nd.array(logits)) == right / asked


@given(questions(), st.randoms(use_true_random=False))
def test_order_of_questions_and_of_answers_does_not_matter(case, random):
    answers, logits = case
    order = list(range(len(answers)))
    random.shuffle(order)
    slots = list(range(answers.shape[1]))
    random.shuffle(slots)
    assert value(answers[order][:, slots], logits[order]) == value(answers, logits)


@settings(max_examples=15)
@given(questions())
def test_every_split_into_batches_gives_the_same_value(case):
    answers, logits = case
    expected = value(answers, logits)
    n = len(answers)
    for number in range(n):
        for cuts in itertools.islice(itertools.combinations(range(1, n), number), 40):
            metric = MultiAnswerAccuracy()
            for start, stop in zip((0, *cuts), (*cuts, n)):
                metric.update(answers[start:stop], logits[start:stop])
            assert metric.get()[1] == expected


# Four classes. Argmax by row: 2, 0, 3, 1.
LOGITS = np.array([[0.1, 0.2, 0.9, 0.3], [5, 1, 2, 3], [-4, -3, -2, -1], [0, 7, 0, 0]], dtype=np.float32)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([[2], [0], [3], [1]], 1.0),
        ([[2], [1], [3], [0]], 0.5),
        ([[0, 1, 3], [0, 0, 0], [-1, 3, -1], [2, 3, 0]], 0.5),  # C == A - 1
        ([[2, 1, 0, -1], [1, 2, 3, -1], [3, 3, 3, 3], [-1, -1, -1, -1]], 0.5),  # C == A: still the argmax
        ([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1], [0, 1, 0, 0]], 0.5),  # looks like one-hot, holds ids
        ([[-1], [-1], [-1], [-1]], 0.0),  # no known answer: counted, and wrong
        ([[2], [-1], [-1], [-1]], 0.25),
    ],
)
def test_hand_tables(answers, expected):
    assert value(np.array(answers), LOGITS) == expected


def test_a_single_class_is_still_an_argmax():
    assert value(np.array([[0], [-1]]), np.array([[-3.0], [9.0]])) == 0.5


def test_probabilities_count_like_logits():
    answers = np.array([[2], [1], [3], [0]])
    softmax = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)
    assert value(answers, softmax) == value(answers, LOGITS)


def test_lists_of_arrays_count_every_one():
    metric = MultiAnswerAccuracy()
    answers = np.array([[2], [1], [3], [0]])
    parts = [slice(0, 1), slice(1, 4)]
    metric.update([mx.nd.array(answers[part]) for part in parts], [mx.nd.array(LOGITS[part]) for part in parts])
    assert metric.get() == ("any_of", 0.5)


def test_nothing_counted_is_not_a_number():
    metric = MultiAnswerAccuracy()
    assert math.isnan(metric.get()[1])
    assert math.isnan(metric.get_global()[1])
    metric.update(np.zeros((0, 3)), np.zeros((0, 4)))
    assert math.isnan(metric.get()[1])


def test_local_and_global_sums():
    metric = MultiAnswerAccuracy()
    metric.update(np.array([[2], [0], [3], [1]]), LOGITS)
    metric.reset_local()
    assert math.isnan(metric.get()[1])
    metric.update(np.array([[0], [1], [0], [0]]), LOGITS)
    assert metric.get() == ("any_of", 0.0)
    assert metric.get_global() == ("any_of", 0.5)
    metric.reset()
    assert math.isnan(metric.get_global()[1])


def test_works_by_name_and_in_a_composite():
    composite = mx.metric.CompositeEvalMetric([MultiAnswerAccuracy("a"), MultiAnswerAccuracy("b")])
    composite.update([mx.nd.array([[2]])], [mx.nd.array(LOGITS[:1])])
    assert composite.get() == (["a", "b"], [1.0, 1.0])
    named = MultiAnswerAccuracy(output_names=["logits"], label_names=["answers"])
    named.update_dict({"answers": mx.nd.array([[2]])}, {"features": None, "logits": mx.nd.array(LOGITS[:1])})
    assert named.get() == ("any_of", 1.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite(bad):
    logits = LOGITS.copy()
    logits[1, 2] = bad
    metric = MultiAnswerAccuracy()
    with pytest.raises(TrainingError, match="row 1 of the batch"):
        metric.update(np.array([[2], [0], [3], [1]]), logits)
    assert math.isnan(metric.get()[1])


@pytest.mark.parametrize(
    ("answers", "logits", "message"),
    [
        (np.zeros((3, 1)), LOGITS, r"\(4, A\).*got \(3, 1\)"),
        (np.zeros(4), LOGITS, r"\(4, A\).*got \(4,\)"),
        (np.zeros((4, 1)), LOGITS[0], r"\(N, C\), got \(4,\)"),
        (np.zeros((4, 1)), LOGITS[:, :0], r"\(N, C\), got \(4, 0\)"),
        ([np.zeros((4, 1))], [LOGITS, LOGITS], "got 1, 2"),
    ],
)
def test_shapes_that_do_not_fit(answers, logits, message):
    with pytest.raises(DataError, match=message) as caught:
        MultiAnswerAccuracy().update(answers, logits)
    assert "\n" not in str(caught.value)
