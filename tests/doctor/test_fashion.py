from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.doctor.lab import fashion
from vqa.errors import DataError


def test_both_losses_are_gluons_on_small_logits_and_only_the_stable_one_on_large() -> None:
    logits = mx.nd.array([[1.0, -2.0, 0.5], [0.0, 0.0, 3.0]])
    labels = mx.nd.array([2, 0])
    expected = mx.gluon.loss.SoftmaxCrossEntropyLoss()(logits, labels).asnumpy()
    for loss in (fashion.textbook_loss, fashion.stable_loss):
        np.testing.assert_allclose(loss(logits, labels).asnumpy(), expected, rtol=1e-5)
    large = 1000 * logits
    assert not np.isfinite(fashion.textbook_loss(large, labels).asnumpy()).all()
    np.testing.assert_allclose(fashion.stable_loss(large, labels).asnumpy(), [500.0, 3000.0])


def test_without_the_files_the_error_says_where_to_get_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQA_FASHION_MNIST", str(tmp_path))
    with pytest.raises(DataError, match=r"dataset-fashion-mnist.*VQA_FASHION_MNIST"):
        fashion.fashion_mnist(1)


@pytest.mark.usefixtures("small_fashion_mnist")
def test_it_learns_bars_and_a_bright_lamp_ends_only_the_textbooks_learning() -> None:
    plain, bright = fashion.fashion_mnist(1).rows
    assert plain.naive == pytest.approx(plain.right, abs=0.02)
    assert float(plain.right) > 0.9
    assert float(bright.right) > 0.9
    assert float(bright.naive) < 0.2


@pytest.mark.slow
@pytest.mark.skipif(not fashion.FOLDER.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed")
def test_softmax_regression_on_the_real_images() -> None:
    plain, _ = fashion.fashion_mnist(2).rows
    assert float(plain.right) > 0.815
