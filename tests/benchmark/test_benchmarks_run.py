"""Every benchmark runs at a tiny size and gives its figures; no time is asserted."""

import json

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.benchmark.grouping import ROWS, SHARED, as_rows, gradient_differences
from vqa.benchmark.sizes import CARDS, Arrays, unshared
from vqa.benchmark.suite import BENCHMARKS, run

KEYS = {"name", "value", "unit", "against", "other", "ratio", "at_least", "at_most", "reached", "flops_per_second"}
FIGURES = {"grouping": 5, "torch": 3, "threads": 2, "loader": 1, "scoring": 1, "easy-vqa": 4, "memory": 1, "export": 7}
SLOW = ("grouping", "torch", "threads", "loader", "easy-vqa", "memory", "inference", "export")


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in BENCHMARKS])
def test_it_runs_and_gives_its_figures(name):
    if name in ("torch", "export"):
        pytest.importorskip("torch", reason="PyTorch is not installed: pip install 'vqa[bench]'")
    result = run(name, quick=True)
    assert len(result.figures) == FIGURES.get(name, len(result.figures)) > 0
    for figure in result.figures:
        assert set(figure.to_json()) == KEYS
        assert figure.value >= 0
    assert json.dumps([figure.to_json() for figure in result.figures], allow_nan=False)
    assert json.dumps(result.details)


def a_batch():
    """Two images and two texts; three questions, of which two share a text, with two, one and two known answers."""
    return Arrays(
        images=np.array([[0], [1]], np.float32),
        image_index=np.array([1, 0, 0], np.int32),
        tokens=np.array([[5], [6]], np.int32),
        lengths=np.ones(2, np.int32),
        question_index=np.array([1, 0, 1], np.int32),
        answers=np.array([[3, 4], [7, -1], [8, 9]], np.int32),
    )


def test_rows_have_one_answer_and_their_own_image_and_text():
    rows = as_rows(a_batch())
    assert rows.images.ravel().tolist() == [1, 1, 0, 0, 0]
    assert rows.image_index.tolist() == rows.question_index.tolist() == [0, 1, 2, 3, 4]
    assert rows.tokens.ravel().tolist() == [6, 6, 5, 6, 6]
    assert rows.answers.ravel().tolist() == [3, 4, 7, 8, 9]
    assert unshared(a_batch()).images.ravel().tolist() == [1, 0, 0]
    assert unshared(a_batch()).tokens.ravel().tolist() == [6, 5, 6]


def test_grouped_batches_have_the_gradients_of_rows():
    facts = gradient_differences(str(CARDS / "easy_vqa_3.toml"), num_images=4).facts
    mx.nd.waitall()
    assert facts[SHARED] == 0
    assert 0 <= facts[ROWS] < 1e-5
    assert max(facts.values()) < 1e-5
