"""Losses: values and gradients against Gluon's own losses row by row, against formulas, and worked out by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from nn_cases import on_device, random_batch, small_spec

from vqa._mxnet import mx
from vqa.errors import DataError
from vqa.nn.losses import LOSSES, known_questions
from vqa.nn.network import build_from_spec

ANSWERS = [[0, 1, 1], [2, 2, 2], [3, -1, 0], [-1, -1, -1], [1, 2, 3], [-1, 2, -1]]
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=3, size=(6, 4)).astype(np.float32)


def value_and_gradient(loss, logits, answers):
    """Loss of each question and gradient of their sum, as NumPy."""
    x = mx.nd.array(logits)
    x.attach_grad()
    with mx.autograd.record():
        y = loss(x, mx.nd.array(answers, dtype="int32"))
    y.backward()
    return y.asnumpy(), x.grad.asnumpy()


def rows_one_by_one(logits, answers):
    """The loss of record: SoftmaxCrossEntropyLoss over (question, known answer) rows, averaged a question."""
    plain = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    x = mx.nd.array(logits)
    x.attach_grad()
    values = np.zeros(len(answers))
    with mx.autograd.record():
        total = mx.nd.zeros(1)
        for n, row in enumerate(answers):
            known = [a for a in row if a >= 0]
            for a in known:
                term = plain(x[n : n + 1], mx.nd.array([a])) / len(known)
                values[n] += term.asscalar()
                total = total + term
    total.backward()
    return values, x.grad.asnumpy()


def log_softmax(x):
    shifted = x - x.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def official_score(answer, answers):
    """The official score of an answer by its definition: leave each annotator out, three of the others will do."""
    terms = [min(1, sum(a == answer for j, a in enumerate(answers) if j != i) / 3) for i in range(len(answers))]
    return sum(terms) / len(terms)


def reference(name, logits, answers):
    """Loss of each question by its formula, in float64, question by question."""
    values = []
    for x, row in zip(logits.astype(np.float64), answers):
        known = sorted({a for a in row if a >= 0})
        log_p = log_softmax(x[np.newaxis])[0]
        if not known:
            values.append(0.0)
        elif name == "softmax":
            values.append(-np.mean([log_p[a] for a in row if a >= 0]))
        elif name == "soft-score":
            scores = np.array([official_score(a, row) for a in known])
            values.append(-(scores / scores.sum() * log_p[known]).sum())
        elif name == "any":
            values.append(-math.log(np.exp(log_p[known]).sum()))
        else:
            targets = np.zeros(len(x))
            targets[known] = 1
            p = 1 / (1 + np.exp(-x))
            values.append(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).sum())
    return np.array(values)


def numeric_gradient(name, logits, answers, step=1e-5):
    gradient = np.zeros(logits.shape)
    for index in np.ndindex(*logits.shape):
        moved = [logits.astype(np.float64) for _ in range(2)]
        moved[0][index] += step
        moved[1][index] -= step
        up, down = (reference(name, values, answers).sum() for values in moved)
        gradient[index] = (up - down) / (2 * step)
    return gradient


def test_softmax_equals_the_loss_row_by_row(logits):
    value, gradient = value_and_gradient(LOSSES["softmax"](), logits, ANSWERS)
    expected_value, expected_gradient = rows_one_by_one(logits, ANSWERS)
    np.testing.assert_allclose(value, expected_value, **TOLERANCE)
    np.testing.assert_allclose(gradient, expected_gradient, **TOLERANCE)


def test_softmax_gives_a_network_the_gradient_of_its_rows():
    """Through a whole network: one row per question, or one row per (question, answer) pair."""
    images, *indices = random_batch("none", num_rows=6)
    answers = np.random.default_rng(3).integers(0, 4, (6, 3)).astype(np.int32)

    def gradients(loss, repeat):
        network = build_from_spec(small_spec("question-only", "none"), seed=2)
        image_index, tokens, lengths, question_index = indices
        rows = (np.repeat(image_index, repeat), tokens, lengths, np.repeat(question_index, repeat))
        labels = mx.nd.array(answers if repeat == 1 else answers.reshape(-1), dtype="int32")
        with mx.autograd.record(train_mode=False):
            losses = loss(network(*on_device(images, *rows)), labels) / repeat
        losses.backward()
        return {k: p.grad().asnumpy() for k, p in network._collect_params_with_prefix().items()}

    grouped = gradients(LOSSES["softmax"](), 1)
    row_by_row = gradients(mx.gluon.loss.SoftmaxCrossEntropyLoss(), 3)
    for name, gradient in row_by_row.items():
        np.testing.assert_allclose(grouped[name], gradient, rtol=1e-4, atol=1e-5, err_msg=name)
        assert np.abs(gradient).max() > 1e-4, name


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("num_classes", [2, 28, 500])
def test_no_loss_is_negative_not_even_where_the_network_is_certain(name, num_classes):
    """MXNet's logarithm of a softmax of 1 is 1.4e-6 above 0."""
    random = np.random.default_rng(0)
    logits = random.normal(size=(200, num_classes)).astype(np.float32)
    answers = random.integers(0, num_classes, (200, 1)).astype(np.int32)
    logits[np.arange(200), answers[:, 0]] += random.uniform(10, 40, 200)
    value, gradient = value_and_gradient(LOSSES[name](), logits, np.repeat(answers, 3, axis=1))
    assert not np.signbit(value).any()
    assert (value[logits.max(axis=1) > 35] < 1e-4).all() or name == "bce"
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_equal_the_formula(name, logits):
    value, gradient = value_and_gradient(LOSSES[name](), logits, ANSWERS)
    assert value.shape == (6,)
    assert value.dtype == np.float32
    np.testing.assert_allclose(value, reference(name, logits, ANSWERS), **TOLERANCE)
    np.testing.assert_allclose(gradient, numeric_gradient(name, logits, ANSWERS), rtol=1e-3, atol=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_values_equal_the_formula_for_any_answers(data):
    n, a, c = (data.draw(st.integers(low, high)) for low, high in ((1, 5), (2, 6), (1, 5)))
    answers = data.draw(arrays(np.int32, (n, a), elements=st.integers(-1, c - 1)))
    logits = data.draw(arrays(np.float32, (n, c), elements=st.floats(-8, 8, width=32)))
    for name, block in LOSSES.items():
        value = block()(mx.nd.array(logits), mx.nd.array(answers, dtype="int32")).asnumpy()
        np.testing.assert_allclose(value, reference(name, logits, answers.tolist()), rtol=1e-4, atol=1e-4, err_msg=name)


def test_values_worked_out_by_hand():
    """Two classes, logits (0, ln 3): softmax gives 1/4 and 3/4, sigmoid 1/2 and 3/4."""
    logits = np.array([[0, math.log(3)]], dtype=np.float32)
    ln = math.log
    cases = {
        # Answers 0, 1, 1: mean of ln 4, ln 4/3, ln 4/3.
        ("softmax", (0, 1, 1)): (ln(4) + 2 * ln(4 / 3)) / 3,
        # Official scores of three answers: 2/9 for one match, 4/9 for two: weights 1/3 and 2/3.
        ("soft-score", (0, 1, 1)): ln(4) / 3 + 2 * ln(4 / 3) / 3,
        ("any", (0, 1, 1)): 0.0,
        ("any", (1, 1, 1)): ln(4 / 3),
        ("any", (0, -1, 0)): ln(4),
        ("bce", (0, 1, 1)): ln(2) + ln(4 / 3),
        ("bce", (1, 1, -1)): ln(2) + ln(4 / 3),
        ("bce", (0, 0, 0)): ln(2) + ln(4),
    }
    for (name, answers), expected in cases.items():
        value, _ = value_and_gradient(LOSSES[name](), logits, [answers])
        np.testing.assert_allclose(value, [expected], rtol=1e-4, atol=1e-5, err_msg=f"{name} {answers}")


def test_soft_scores_of_ten_annotators():
    """1, 2, 3, 4 matches of ten score 0.3, 0.6, 0.9, 1: the gradient at even logits shows the targets."""
    answers = [[0] + [1] * 2 + [2] * 3 + [3] * 4]
    _, gradient = value_and_gradient(LOSSES["soft-score"](), np.zeros((1, 4), np.float32), answers)
    targets = np.array([0.3, 0.6, 0.9, 1.0]) / 2.8
    np.testing.assert_allclose(gradient[0], 0.25 - targets, **TOLERANCE)


@pytest.mark.parametrize("name", LOSSES)
def test_unknown_answers_are_masked(name, logits):
    value, gradient = value_and_gradient(LOSSES[name](), logits, ANSWERS)
    assert value[3] == 0
    assert not gradient[3].any()
    # Class 0, to which MXNet's own losses clip -1, is pushed down like any other wrong class, not trained.
    assert gradient[5, 0] > 0


@pytest.mark.parametrize("name", LOSSES)
def test_order_of_answers_does_not_matter(name, logits):
    value, gradient = value_and_gradient(LOSSES[name](), logits, ANSWERS)
    other_value, other_gradient = value_and_gradient(LOSSES[name](), logits, [row[::-1] for row in ANSWERS])
    np.testing.assert_allclose(value, other_value, **TOLERANCE)
    np.testing.assert_allclose(gradient, other_gradient, **TOLERANCE)


@pytest.mark.parametrize("name", LOSSES)
def test_large_logits_stay_finite(name):
    logits = np.array([[1e4, -1e4, 0, 50], [-1e4, -1e4, -1e4, 1e4]], dtype=np.float32)
    value, gradient = value_and_gradient(LOSSES[name](), logits, [[0, 0], [3, 3]])
    np.testing.assert_allclose(value, [50 if name == "bce" else 0, 0], atol=0.7)
    assert np.isfinite(gradient).all()
    value, gradient = value_and_gradient(LOSSES[name](), logits, [[1, 1], [0, 0]])
    assert (value >= 1.9e4).all()
    assert np.isfinite(value).all()
    assert np.isfinite(gradient).all()


@pytest.mark.parametrize("name", LOSSES)
def test_hybridized_gives_the_same(name, logits):
    loss = LOSSES[name]()
    value, gradient = value_and_gradient(loss, logits, ANSWERS)
    loss.hybridize()
    for rows in (slice(0, 6), slice(0, 2)):
        hybrid_value, hybrid_gradient = value_and_gradient(loss, logits[rows], ANSWERS[rows])
        np.testing.assert_allclose(hybrid_value, value[rows], rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(hybrid_gradient, gradient[rows], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("hybrid", [False, True])
@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ([[0, 4]] * 6, r"\[0, 4\) or -1, got 4 for question 0"),
        ([[0, 0]] * 5 + [[1, -2]], "got -2 for question 5"),
        ([[0, 1]] * 5, r"\(6, A\).*got \(5, 2\)"),
        ([0, 1, 2, 3, 0, 1], r"\(6, A\).*got \(6,\)"),
    ],
)
def test_answers_out_of_range_or_shape(name, logits, answers, message, hybrid):
    loss = LOSSES[name]()
    if hybrid:
        loss.hybridize()
    with pytest.raises(DataError, match=message) as caught:
        loss(mx.nd.array(logits), mx.nd.array(answers, dtype="int32"))
    assert "\n" not in str(caught.value)


def test_soft_scores_need_two_annotators(logits):
    with pytest.raises(DataError, match="at least 2 answers per question"):
        LOSSES["soft-score"]()(mx.nd.array(logits), mx.nd.array([[0]] * 6, dtype="int32"))


def test_known_questions():
    known = known_questions(mx.nd.array(ANSWERS, dtype="int32"))
    np.testing.assert_array_equal(known.asnumpy(), [1, 1, 1, 0, 1, 1])
    assert known.dtype == np.float32


def test_activations():
    assert {name: block.activation for name, block in LOSSES.items()} == {
        "softmax": "softmax",
        "soft-score": "softmax",
        "any": "softmax",
        "bce": "sigmoid",
    }
