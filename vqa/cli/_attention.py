"""What ``vqa ask --attention`` does."""

from __future__ import annotations

from pathlib import Path

from vqa.data.image_files import decode_image
from vqa.evaluation.trained_model import TrainedModel
from vqa.inspection.overlay import hops_overlay, save_image


def save_attention(run: TrainedModel, image: Path, question: str, output: Path) -> None:
    """Write an image on which the places that the network attends to for a question are warm; each hop beside the last.

    Raises
    ------
    ConfigError
        The network has no attention, or its regions have no place in an image.
    """
    save_image(hops_overlay(decode_image(image), run.attention_by_hop(image, question)), output)
