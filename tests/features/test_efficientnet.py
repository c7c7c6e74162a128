"""EfficientNet-Lite0: the logits of the original architecture, worked out by PyTorch with the same weights."""

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.errors import DataError, InstallationError, VqaError
from vqa.features.efficientnet import PIXEL_DEVIATION, PIXEL_MEAN, ConvolutionUnit, EfficientNetLite0, weights_file

# Computed by package efficientnet-lite-pytorch 0.1.0 (PyTorch 2.13) from the images of `images()`.
GOLDEN_CLASSES = [0, 100, 200, 300, 400, 506, 600, 700, 800, 999]
GOLDEN_LOGITS = [
    [0.594545, -0.082677, 1.451257, 0.119609, -1.719757, 11.279097, 2.546381, -1.680691, 1.494830, -1.086086],
    [0.711798, -0.087040, 1.438052, 0.143906, -1.569729, 10.507854, 2.278845, -1.529910, 1.597444, -0.779897],
]
GOLDEN_FEATURE_MEAN = [0.231063, 0.223247]


def images():
    """Two images float32 (2, 3, 224, 224), from whole numbers, so that they are the same everywhere."""
    n, c, y, x = np.ogrid[:2, :3, :224, :224]
    pixels = (7 * x + 3 * y + 50 * c + 80 * n + (x * y) // 16) % 256
    return ((pixels - PIXEL_MEAN) / PIXEL_DEVIATION).astype(np.float32)


@pytest.fixture(scope="module")
def pretrained():
    try:
        path = weights_file()
    except InstallationError as error:
        pytest.skip(str(error))
    network = EfficientNetLite0()
    network.load_torch_archive(path)
    return network


@pytest.mark.parametrize("hybridized", [False, True])
def test_gives_the_logits_of_the_original(pretrained, hybridized):
    pretrained.hybridize(hybridized)
    logits = pretrained(mx.nd.array(images())).asnumpy()
    assert logits.shape == (2, 1000)
    np.testing.assert_allclose(logits[:, GOLDEN_CLASSES], GOLDEN_LOGITS, rtol=0, atol=1e-4)
    assert logits.argmax(axis=1).tolist() == [506, 506]


def test_features_are_the_last_map_of_the_original(pretrained):
    features = pretrained.features(mx.nd.array(images())).asnumpy()
    assert features.shape == (2, 1280, 7, 7)
    assert features.min() >= 0
    np.testing.assert_allclose(features.mean(axis=(1, 2, 3)), GOLDEN_FEATURE_MEAN, rtol=0, atol=1e-5)


def test_number_of_parameters():
    network = EfficientNetLite0()
    network.initialize()
    trained = [p for p in network.collect_params().values() if p.grad_req != "null"]
    assert sum(p.data().size for p in trained) == 4_652_008  # as the original counts them
    assert len(network.parameters_by_torch_name()) == len(network.collect_params().keys())


@pytest.mark.parametrize(("size", "rows"), [(64, 2), (96, 3), (100, 4)])
def test_other_sizes_give_other_maps(size, rows):
    network = EfficientNetLite0(size)
    network.initialize()
    assert network.features(mx.nd.zeros((1, 3, size, size))).shape == (1, 1280, rows, rows)


def test_odd_padding_goes_to_the_bottom_and_right():
    unit = ConvolutionUnit(1, 1, 3, 4, stride=2, activate=False)
    unit.initialize(mx.init.One())
    # Sums over 3 x 3 windows that start at rows and columns 0 and 2; scaled by 1 / sqrt(1 + epsilon).
    expected = np.array([[45.0, 39.0], [66.0, 50.0]])
    image = mx.nd.arange(16).reshape((1, 1, 4, 4))
    np.testing.assert_allclose(unit(image).asnumpy()[0, 0], expected / np.sqrt(1.001), rtol=1e-6)


def test_weights_of_another_network_are_refused(tmp_path, monkeypatch):
    network = EfficientNetLite0()
    monkeypatch.setattr("vqa.features.efficientnet.read_torch_archive", lambda path: {"layer.weight": np.zeros(3)})
    with pytest.raises(DataError, match="not the weights of EfficientNet-Lite0"):
        network.load_torch_archive(tmp_path / "other.pth")


def test_a_weight_of_another_shape_is_refused(pretrained, tmp_path, monkeypatch):
    arrays = {name: parameter.data().asnumpy() for name, parameter in pretrained.parameters_by_torch_name().items()}
    arrays["_fc.bias"] = np.zeros(10, np.float32)
    monkeypatch.setattr("vqa.features.efficientnet.read_torch_archive", lambda path: arrays)
    with pytest.raises(VqaError, match=r"1 differ, such as '_fc\.bias'"):
        EfficientNetLite0().load_torch_archive(tmp_path / "other.pth")
