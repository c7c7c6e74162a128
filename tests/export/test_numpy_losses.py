"""The losses in NumPy are those of the Gluon blocks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vqa._mxnet import mx
from vqa.export import losses as numpy_losses
from vqa.nn.losses import LOSSES


def test_every_loss_has_one_in_numpy() -> None:
    assert set(numpy_losses.LOSSES) == set(LOSSES)


@pytest.mark.parametrize("name", LOSSES)
@given(
    logits=arrays(np.float32, (3, 4), elements=st.floats(-30, 30, width=32)),
    answers=arrays(np.int32, (3, 3), elements=st.integers(-1, 3)),
)
@settings(max_examples=60, deadline=None)
def test_a_loss_is_that_of_its_block(name: str, logits: np.ndarray, answers: np.ndarray) -> None:
    expected = LOSSES[name]()(mx.nd.array(logits), mx.nd.array(answers, dtype="int32")).asnumpy()
    ours = numpy_losses.losses(name, logits, answers)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-5)


def test_huge_logits_stay_finite() -> None:
    logits = np.array([[1e4, -1e4, 0.0]], dtype=np.float32)
    for name in numpy_losses.LOSSES:
        assert np.isfinite(numpy_losses.losses(name, logits, np.array([[1, 1, 2]], dtype=np.int32))).all()


def test_an_unknown_loss_is_not_a_number() -> None:
    answers = np.zeros((2, 1), dtype=np.int32)
    assert np.isnan(numpy_losses.losses("focal", np.zeros((2, 3), dtype=np.float32), answers)).all()
