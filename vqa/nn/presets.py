"""Presets: named architectures, each a composition of image encoder, question encoder, fusion and answer head.

A preset is a function of a NetworkSpec and its options; the options' defaults are the recipe.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from vqa.nn.encoders import ConvImageEncoder, NoImageEncoder, RecurrentQuestionEncoder
from vqa.nn.fusion import AnswerHead, Product, QuestionAlone
from vqa.nn.spec import NetworkSpec


class Parts(NamedTuple):
    """The four blocks of a network."""

    image_encoder: Any
    question_encoder: Any
    fusion: Any
    head: Any


def cnn_gru(
    spec: NetworkSpec,
    *,
    embedding_size: int = 64,
    hidden_size: int = 128,
    channels: int = 32,
    dropout: float = 0.0,
) -> Parts:
    """Convolutional network over pixels, GRU over words, product of the two.

    Source: after Antol et al., "VQA: Visual Question Answering", ICCV 2015 (deeper LSTM Q + norm I), with an image
    network small enough to be trained from scratch.
    """
    spec.require_images("pixels")
    return Parts(
        ConvImageEncoder((channels, 2 * channels, 2 * channels), hidden_size),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size),
        Product(),
        AnswerHead(hidden_size, hidden_size, spec.num_answers, dropout=dropout),
    )


def question_only(
    spec: NetworkSpec,
    *,
    embedding_size: int = 300,
    hidden_size: int = 512,
    dropout: float = 0.5,
) -> Parts:
    """GRU over words, blind to the image: what the questions alone give away.

    Source: the "LSTM Q" baseline of Antol et al., "VQA: Visual Question Answering", ICCV 2015.
    """
    return Parts(
        NoImageEncoder(),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, dropout=dropout),
        QuestionAlone(),
        AnswerHead(hidden_size, hidden_size, spec.num_answers, dropout=dropout),
    )


PRESETS: dict[str, Callable[..., Parts]] = {
    "cnn-gru": cnn_gru,
    "question-only": question_only,
}
