from __future__ import annotations

import numpy as np
import pytest

from vqa.evaluation.probabilities import probabilities, top_answers


def test_softmax_and_sigmoid_of_the_same_logits() -> None:
    logits = np.log([[1.0, 3.0]])
    np.testing.assert_allclose(probabilities(logits, "softmax"), [[1 / 4, 3 / 4]])
    np.testing.assert_allclose(probabilities(logits, "sigmoid"), [[1 / 2, 3 / 4]])


def test_another_activation_is_refused() -> None:
    with pytest.raises(ValueError, match="expected the activation 'softmax' or 'sigmoid', got 'tanh'"):
        probabilities([[0.0]], "tanh")


def test_classes_rank_by_their_logits_where_probabilities_are_equal() -> None:
    """Both probabilities are rounded to 1."""
    classes, probability = top_answers(np.array([[50.0, 60.0, -1.0]]), "sigmoid", 2)
    assert classes.tolist() == [[1, 0]]
    assert probability.tolist() == [[1.0, 1.0]]
