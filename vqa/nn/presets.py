"""Presets: named architectures, each a composition of image encoder, question encoder, fusion and answer head.

A preset is a function of a NetworkSpec and its options; the options' defaults are the recipe. To add one, write a
function that returns its Parts and put it into PRESETS.
"""

from __future__ import annotations

from typing import Any, Callable, NamedTuple

from vqa._mxnet import mx
from vqa.nn import heads
from vqa.nn.attention import (
    BilinearAttention,
    KeyedRegions,
    ProjectedRegions,
    SketchedRegions,
    StackedAttention,
    TopDownAttention,
)
from vqa.nn.fusion import CompactBilinear, NormalizedConcat, Product, Sum
from vqa.nn.image_encoders import ConvImageEncoder, FrameEncoder, NoImageEncoder, vector_image_encoder
from vqa.nn.question_encoders import BagOfWords, RecurrentQuestionEncoder
from vqa.nn.spec import NetworkSpec

nn = mx.gluon.nn


class Parts(NamedTuple):
    """The four blocks of a network."""

    image_encoder: Any
    question_encoder: Any
    fusion: Any
    head: Any


def question_only(
    spec: NetworkSpec, *, embedding_size: int = 300, hidden_size: int = 512, dropout: float = 0.4
) -> Parts:
    """GRU over words, blind to the image: what the questions alone give away.

    Source: the "LSTM Q" baseline of Antol et al., "VQA: Visual Question Answering", ICCV 2015.
    """
    return Parts(
        NoImageEncoder(),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, dropout=dropout),
        Sum(),
        heads.hidden_layer(hidden_size, hidden_size, spec.num_answers, dropout=dropout),
    )


def softmax_regression(spec: NetworkSpec) -> Parts:
    """Bag of words and the image's own numbers, one linear layer over both.

    ``logits = W words + V image + b``, where `words` counts the words of the question; W is kept as an embedding of
    words to logits. Source: Zhou et al., "Simple Baseline for Visual Question Answering", 2015, without its embedding.
    """
    spec.require_images("features", "pixels", "regions", "frames")
    image_encoder = nn.HybridSequential()
    image_encoder.add(vector_image_encoder(spec.image_kind), heads.linear(spec.vector_size, spec.num_answers))
    question_encoder = BagOfWords(spec.num_words, spec.num_answers, embedding_scale=0.01)
    return Parts(image_encoder, question_encoder, Sum(), mx.gluon.contrib.nn.Identity())


def mlp(
    spec: NetworkSpec,
    *,
    embedding_size: int = 300,
    hidden_size: int = 1024,
    dropout: float = 0.3,
    input_dropout: float = 0.0,
    pair_buckets: int = 0,
) -> Parts:
    """Sum of word vectors and image features, each of unit length, through one hidden layer.

    `input_dropout` leaves out numbers of both in training: features are not learned by heart where photographs are few.
    `pair_buckets` adds vectors of pairs of neighbouring words, which are hashed to that many; 0 is none.

    Source: Jabri, Joulin and van der Maaten, "Revisiting Visual Question Answering Baselines", ECCV 2016.
    """
    spec.require_images("features", "regions", "frames")
    return Parts(
        vector_image_encoder(spec.image_kind),
        BagOfWords(spec.num_words, embedding_size, pair_buckets=pair_buckets),
        NormalizedConcat(input_dropout),
        heads.hidden_layer(
            embedding_size + spec.vector_size, hidden_size, spec.num_answers, dropout=dropout, batch_norm=True
        ),
    )


def cnn_gru(
    spec: NetworkSpec, *, embedding_size: int = 64, hidden_size: int = 128, channels: int = 16, dropout: float = 0.0
) -> Parts:
    """Convolutional network over pixels, trained from scratch, GRU over words, product of the two.

    Source: the "deeper LSTM Q + norm I" model of Antol et al., "VQA: Visual Question Answering", ICCV 2015, in small.
    """
    spec.require_images("pixels")
    return Parts(
        ConvImageEncoder((channels, 2 * channels, 4 * channels), hidden_size),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size),
        Product(),
        heads.hidden_layer(hidden_size, hidden_size, spec.num_answers, dropout=dropout),
    )


def mcb(
    spec: NetworkSpec,
    *,
    embedding_size: int = 300,
    hidden_size: int = 512,
    sketch_size: int = 1024,
    dropout: float = 0.3,
) -> Parts:
    """Compact bilinear pooling of a GRU over words with image features, then a linear layer.

    Source: Fukui et al., "Multimodal Compact Bilinear Pooling for Visual Question Answering and Visual Grounding",
    EMNLP 2016 (with a sketch of 16,000 and LSTMs).
    """
    spec.require_images("features", "regions", "frames")
    head = nn.HybridSequential()
    head.add(nn.Dropout(dropout), heads.linear(sketch_size, spec.num_answers))
    return Parts(
        vector_image_encoder(spec.image_kind),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, dropout=dropout),
        CompactBilinear(hidden_size, spec.vector_size, sketch_size),
        head,
    )


def mcb_attention(
    spec: NetworkSpec,
    *,
    embedding_size: int = 300,
    hidden_size: int = 512,
    sketch_size: int = 1024,
    dropout: float = 0.3,
) -> Parts:
    """Attention over the regions of an image from their compact bilinear map with the question, then `mcb`.

    Source: Fukui et al., "Multimodal Compact Bilinear Pooling for Visual Question Answering and Visual Grounding",
    EMNLP 2016, section 3.2 (one glimpse).
    """
    spec.require_images("regions", "frames")
    head = nn.HybridSequential()
    head.add(nn.Dropout(dropout), heads.linear(sketch_size, spec.num_answers))
    return Parts(
        SketchedRegions(spec.vector_size, sketch_size),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, dropout=dropout),
        BilinearAttention(hidden_size, spec.vector_size, sketch_size, hidden_size),
        head,
    )


def lstm_product(
    spec: NetworkSpec, *, embedding_size: int = 300, hidden_size: int = 512, dropout: float = 0.3
) -> Parts:
    """LSTM over the frames of a video, LSTM over words, product of their last states.

    Source: the recurrent encoders of Venugopalan et al., "Sequence to Sequence: Video to Text", ICCV 2015, joined by
    the product of Antol et al., "VQA: Visual Question Answering", ICCV 2015.
    """
    spec.require_images("frames")
    return Parts(
        FrameEncoder(spec.vector_size, hidden_size),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, layer="lstm", dropout=dropout),
        Product(),
        heads.hidden_layer(hidden_size, hidden_size, spec.num_answers, dropout=dropout),
    )


def updn(spec: NetworkSpec, *, embedding_size: int = 300, hidden_size: int = 512, dropout: float = 0.3) -> Parts:
    """Question-guided (top-down) attention over regions, the winner of the 2017 challenge without its ensemble.

    Source: Anderson et al., "Bottom-Up and Top-Down Attention for Image Captioning and Visual Question Answering", CVPR
    2018; Teney et al., "Tips and Tricks for Visual Question Answering", CVPR 2018; products of rectified projections
    in place of gated tanh as in repository hengyuan-hu/bottom-up-attention-vqa.
    """
    spec.require_images("regions", "frames")
    return Parts(
        KeyedRegions(spec.vector_size, hidden_size),
        RecurrentQuestionEncoder(spec.num_words, embedding_size, hidden_size, dropout=dropout),
        TopDownAttention(hidden_size, spec.vector_size, hidden_size),
        heads.hidden_layer(hidden_size, 2 * hidden_size, spec.num_answers, dropout=dropout),
    )


def san(
    spec: NetworkSpec,
    *,
    embedding_size: int = 300,
    hidden_size: int = 512,
    attention_size: int = 512,
    hops: int = 2,
    dropout: float = 0.5,
    word_dropout: float = 0.0,
) -> Parts:
    """Stacked attention: the question looks at the regions, and with what it saw looks again; then a linear layer.

    `word_dropout` leaves out whole words of the questions in training. Source: Yang et al., "Stacked Attention
    Networks for Image Question Answering", CVPR 2016 (LSTM, two hops; there without dropout of words).
    """
    spec.require_images("regions", "frames")
    head = nn.HybridSequential()
    head.add(nn.Dropout(dropout), heads.linear(hidden_size, spec.num_answers))
    return Parts(
        ProjectedRegions(spec.vector_size, hidden_size, attention_size, hops),
        RecurrentQuestionEncoder(
            spec.num_words, embedding_size, hidden_size, layer="lstm", dropout=word_dropout, whole_words=True
        ),
        StackedAttention(hidden_size, attention_size, hops),
        head,
    )


PRESETS: dict[str, Callable[..., Parts]] = {
    "question-only": question_only,
    "softmax-regression": softmax_regression,
    "mlp": mlp,
    "cnn-gru": cnn_gru,
    "mcb": mcb,
    "mcb-attention": mcb_attention,
    "lstm-product": lstm_product,
    "updn": updn,
    "san": san,
}

# The preset that suits each kind of image.
DEFAULTS = {
    "none": "question-only",
    "pixels": "cnn-gru",
    "features": "mlp",
    "regions": "updn",
    "frames": "lstm-product",
}
