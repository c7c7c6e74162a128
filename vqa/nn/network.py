"""VqaNetwork: a batch in, raw logits out; built by the name of a preset."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from typing import Any, Protocol

from vqa._mxnet import device_context, mx, seed_everything
from vqa.errors import ConfigError, did_you_mean
from vqa.nn.presets import DEFAULTS, PRESETS, Parts
from vqa.nn.question_encoders import Tensor
from vqa.nn.spec import NetworkSpec

__all__ = ["PRESETS", "NetworkSpec", "VqaNetwork", "build_from_spec", "build_network", "default_preset"]

# The memory of a graph is kept from batch to batch: fresh pages would cost a fifth of the time of large networks.
GRAPH = {"static_alloc": True}
# Its operators are kept as well, until a batch of another shape comes: a twentieth of a training step. For training
# alone, since MXNet then fails at gradients in predict mode, ``record(train_mode=False)``.
TRAINING_GRAPH = {**GRAPH, "static_shape": True}


class _Words(Protocol):
    @property
    def num_words(self) -> int: ...

    @property
    def num_answers(self) -> int: ...

    @property
    def padding_id(self) -> int: ...


class _Images(Protocol):
    @property
    def kind(self) -> str: ...

    @property
    def shape(self) -> tuple[int, ...]: ...


class _Dataset(Protocol):
    """What a network needs to know of a data set: how many words and answers, and what an image looks like."""

    @property
    def vocabulary(self) -> _Words: ...

    @property
    def images(self) -> _Images: ...


class VqaNetwork(mx.gluon.HybridBlock):
    """Image encoder, question encoder, fusion and answer head.

    Called with ``images`` float32 (M, ...), ``image_index`` int32 (N,), ``tokens`` int32 (Q, T), ``lengths`` int32 (Q,)
    and ``question_index`` int32 (N,), it returns raw logits, float32 (N, C): no softmax, no sigmoid; the loss owns the
    activation. Each distinct image and each distinct question is encoded once; row n takes the vectors of image
    ``image_index[n]`` and question ``question_index[n]``.

    Dropout inside an encoder is drawn once per distinct image or question of a batch; dropout in the head is drawn per
    row. The expected gradient is that of encoding every row by itself.
    """

    def __init__(self, spec: NetworkSpec, parts: Parts) -> None:
        super().__init__()
        self.spec = spec
        self.image_encoder, self.question_encoder, self.fusion, self.head = parts
        # The file that the word embedding starts from, as `vqa.nn.word_vectors` sets it; a run records it.
        self.word_vectors = ""

    def hybrid_forward(
        self, F: Any, images: Tensor, image_index: Tensor, tokens: Tensor, lengths: Tensor, question_index: Tensor
    ) -> Tensor:
        """Return raw logits (N, C)."""
        encoded = self.image_encoder(images)
        arrays = encoded if isinstance(encoded, (list, tuple)) else (encoded,)
        image_rows = [F.take(array, image_index, axis=0) for array in arrays]  # M rows -> N rows
        question_rows = F.take(self.question_encoder(tokens, lengths), question_index, axis=0)  # Q rows -> N rows
        return self.head(self.fusion(question_rows, *image_rows))


def default_preset(image_kind: str) -> str:
    """Return the name of the preset that suits a kind of image.

    >>> default_preset("pixels")
    'cnn-gru'
    """
    return DEFAULTS[image_kind]


def build_network(
    preset: str, dataset: _Dataset, *, seed: int = 1, device: str = "cpu", **options: int | float
) -> VqaNetwork:
    """Return an initialised, hybridized network for a data set.

    Parameters
    ----------
    preset : a key of `PRESETS`
    dataset : anything with `vocabulary` (num_words, num_answers, padding_id) and `images` (kind, shape)
    seed : decides the initial parameters; the global random generators are seeded with it
    device : "cpu" or "gpu:0"
    options : the preset's own options, such as ``hidden_size=256``

    Raises
    ------
    ConfigError
        There is no such preset, it has no such option, an option's value has the wrong type, or the preset cannot
        look at this kind of image.
    """
    words, images = dataset.vocabulary, dataset.images
    spec = NetworkSpec(
        preset, words.num_words, words.num_answers, words.padding_id, images.kind, tuple(images.shape), dict(options)
    )
    return build_from_spec(spec, seed=seed, device=device)


def build_from_spec(
    spec: NetworkSpec, *, seed: int = 1, device: str = "cpu", max_parameters: float = math.inf
) -> VqaNetwork:
    """Return an initialised, hybridized network for a spec; options that the spec leaves out take their defaults.

    Parameters
    ----------
    max_parameters : a larger network is refused before memory is taken for it

    Raises
    ------
    ConfigError
        As in `build_network`, or the network is larger.
    """
    context = device_context(device)
    spec = replace(spec, options=_complete_options(spec))
    # Each of these sizes is one of a parameter.
    if max(spec.num_words, spec.num_answers, *spec.options.values()) > max_parameters:
        raise ConfigError(f"the network of {spec} does not fit the file of its parameters")
    seed_everything(seed)
    network = VqaNetwork(spec, PRESETS[spec.preset](spec, **spec.options))
    shapes = [parameter.shape for parameter in network.collect_params().values()]
    if sum(math.prod(shape) for shape in shapes) > max_parameters:
        raise ConfigError(f"the network of {spec} does not fit the file of its parameters")
    network.initialize(mx.init.Xavier(), ctx=context)
    network.hybridize(**GRAPH)
    return network


def _complete_options(spec: NetworkSpec) -> dict[str, int | float]:
    """Return the preset's options with those of the spec in place of the defaults, each checked."""
    if spec.preset not in PRESETS:
        raise ConfigError(f"unknown preset {spec.preset!r}{did_you_mean(spec.preset, PRESETS)}")
    parameters = inspect.signature(PRESETS[spec.preset]).parameters.values()
    options = {
        parameter.name: parameter.default for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY
    }
    for name, value in spec.options.items():
        if name not in options:
            known = did_you_mean(name, options) if options else "; it has none"
            raise ConfigError(f"preset {spec.preset!r} has no option {name!r}{known}")
        options[name] = _checked(spec.preset, name, value, options[name])
    return options


def _checked(preset: str, name: str, value: int | float, default: int | float) -> int | float:
    """Return an option's value as a number of its default's type: rates lie in [0, 1), sizes are positive.

    A size is 0 only where that is its default: the part of the network is then left out.
    """
    if isinstance(default, int):
        least = min(default, 1)
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(
                f"option {name!r} of preset {preset!r} is a whole number of at least {least}, got {value!r}"
            )
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ConfigError(f"option {name!r} of preset {preset!r} is a number in [0, 1), got {value!r}")
    return float(value)
