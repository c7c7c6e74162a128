"""NetworkSpec: everything that decides a network's shape, small enough to be kept in a run's config."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Union

from vqa.errors import ConfigError

Number = Union[int, float]

# Numbers in one image; an image is allocated before a network has seen it.
MAX_IMAGE_SIZE = 50_000_000

# A pair of words falls into bucket (PAIR_FACTOR * first + second) % number of buckets. A prime, so that pairs that
# differ in either word are spread over the buckets; with more buckets than this, MXNet's 32 bits would overflow.
PAIR_FACTOR = 7919
MAX_PAIR_BUCKETS = 2**18


@dataclass(frozen=True)
class NetworkSpec:
    """What a network is built from; two equal specs and one seed give the same network, bit for bit.

    Attributes
    ----------
    preset : name of the architecture, a key of `vqa.nn.network.PRESETS`
    num_words, padding_id : size of the question vocabulary and the id that pads questions
    num_answers : C, the answer classes
    image_kind : "pixels" | "features" | "regions" | "frames" | "none"
    image_shape : shape of ONE image: (3, H, W) pixels, (D,) features, (R, D) regions or frames, (1,) none
    options : every option of the preset with its value, those left at their defaults included
    """

    preset: str
    num_words: int
    num_answers: int
    padding_id: int
    image_kind: str
    image_shape: tuple[int, ...]
    options: dict[str, Number] = field(default_factory=dict)

    @property
    def vector_size(self) -> int:
        """Size of the vector of one image (its pixels, or its features), or of one of its regions or frames."""
        if self.image_kind in ("regions", "frames"):
            return self.image_shape[-1]
        return math.prod(self.image_shape)

    def require_images(self, *kinds: str) -> None:
        """Check that the images are of one of the kinds that a preset can look at.

        Raises
        ------
        ConfigError
            They are of another kind.
        """
        if self.image_kind not in kinds:
            raise ConfigError(
                f"preset {self.preset!r} takes images of kind {' or '.join(kinds)}, "
                f"this data set has {self.image_kind!r}; choose another preset or another card"
            )
