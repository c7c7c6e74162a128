"""The operations of a network, worked out by hand."""

import pytest

from vqa.benchmark.flops import forward_flops
from vqa.benchmark.gluon_jobs import network_of, to_device
from vqa.benchmark.sizes import Sizes, random_arrays

N, T, E, H, D, C = 6, 4, 5, 8, 10, 3


def flops(preset, kind, shape, **options):
    size = Sizes(preset, kind, shape, options, num_words=20, num_answers=C, num_questions=N, num_images=N, num_tokens=T)
    *inputs, _ = to_device(random_arrays(size))
    return forward_flops(network_of(size), inputs)


def test_a_recurrent_layer_and_dense_layers():
    # T steps of three gates, each from E + H numbers to H; then a hidden layer and the answers.
    expected = 2 * N * (T * 3 * H * (E + H) + H * H + H * C)
    assert flops("question-only", "none", (1,), embedding_size=E, hidden_size=H) == expected


def test_an_lstm_has_four_gates():
    # Over the words and over 7 frames, whose mask is a product with D ones.
    expected = 2 * N * (4 * H * (T * (E + H) + 7 * (D + H)) + 7 * D + H * H + H * C)
    assert flops("lstm-product", "frames", (7, D), embedding_size=E, hidden_size=H) == expected


def test_a_sum_of_words_is_a_batched_product():
    expected = 2 * N * (T * E + (E + D) * H + H * C)
    assert flops("mlp", "features", (D,), embedding_size=E, hidden_size=H) == expected


def test_convolutions():
    # 16 x 16 pixels: 5 x 5 to 8 x 8, 3 x 3 on 8 x 8, 3 x 3 on 4 x 4 after pooling; then the image's vector.
    images = 2 * N * (64 * 2 * 3 * 25 + 64 * 4 * 2 * 9 + 16 * 8 * 4 * 9 + 8 * H)
    words = 2 * N * T * 3 * H * (E + H)
    head = 2 * N * (H * H + H * C)
    counted = flops("cnn-gru", "pixels", (3, 16, 16), embedding_size=E, hidden_size=H, channels=2)
    assert counted == pytest.approx(images + words + head)
