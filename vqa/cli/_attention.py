"""What ``vqa ask --attention`` does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vqa._mxnet import device_context, mx
from vqa.data.image_files import decode_image
from vqa.inspection.overlay import attention_overlay, save_image
from vqa.nn.attention_map import attention_weights

if TYPE_CHECKING:
    from vqa.evaluation.run import Run


def save_attention(run: Run, image: Path, question: str, output: Path) -> None:
    """Write an image with the places warm that a run looked at to answer a question.

    Raises
    ------
    ConfigError
        The run has no attention, or its regions have no place in an image.
    """
    words = run.vocabulary.encode_question(question)
    context = device_context(run.device)
    integers = (mx.nd.array(values, dtype="int32", ctx=context) for values in ([0], [words], [len(words)]))
    (weights,) = attention_weights(run.network, mx.nd.array(run.image_values(image), ctx=context), *integers)
    save_image(attention_overlay(decode_image(image), weights), output)
