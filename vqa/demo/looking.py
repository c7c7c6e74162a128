"""Answers with pictures of where the network looked."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from vqa.errors import ConfigError
from vqa.evaluation.asking import Answer
from vqa.evaluation.trained_model import TrainedModel
from vqa.inspection.overlay import attention_overlay, has_places

LONGEST_SIDE = 600
QUALITY = 80


@dataclass(frozen=True)
class LookingAnswer:
    """An answer, and for each hop of attention a JPEG as the source of an HTML image."""

    answer: Answer
    pictures: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the answer's plain values, and the pictures as `attention`."""
        return {**self.answer.to_json(), "attention": list(self.pictures)}


class LookingModel:
    """A trained model that shows where it looked, if it attends to the cells of a grid over the image.

    Parameters
    ----------
    model : answers the questions
    """

    def __init__(self, model: TrainedModel) -> None:
        self.model = model
        self._looks = model.spec.image_kind == "regions" and has_places(model.spec.image_shape[0])

    def ask(self, image: Image.Image | None, question: str, *, top: int = 5) -> LookingAnswer:
        """Answer one question about one image, as `TrainedModel.ask`."""
        answer = self.model.ask(image, question, top=top)
        return LookingAnswer(answer, self._pictures(image, question))

    def _pictures(self, image: Image.Image | None, question: str) -> tuple[str, ...]:
        if image is None or not self._looks:
            return ()
        try:
            hops = self.model.attention_by_hop(image, question)
        except ConfigError:
            # The preset takes regions without attending to them.
            self._looks = False
            return ()
        shown = image.convert("RGB")
        shown.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
        pixels = np.asarray(shown).transpose(2, 0, 1)
        return tuple(_as_source(attention_overlay(pixels, weights)) for weights in hops)


def _as_source(picture: Image.Image) -> str:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode('ascii')}"
