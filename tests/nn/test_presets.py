"""Each preset against a re-computation in NumPy, and its number of parameters against a count by hand."""

import math

import numpy as np
import pytest
from nn_cases import NUM_ANSWERS, NUM_WORDS, SHAPES, build, each_case, parameters, random_batch, run, small_spec

from vqa.nn.network import build_from_spec

V, C, E, H = NUM_WORDS, NUM_ANSWERS, 5, 16


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def relu(x):
    return np.maximum(x, 0)


def unit(x):
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def softmax(x):
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


class Numbers:
    """Parameters by path, and the layers that use them, for one question at a time."""

    def __init__(self, network):
        self.values = {name: value.astype(np.float64) for name, value in parameters(network).items()}

    def dense(self, path, x):
        bias = self.values.get(f"{path}.bias", 0)
        return self.values[f"{path}.weight"] @ x + bias

    def recurrent(self, path, steps):
        """Gates as in MXNet's documentation: GRU r, z, n; LSTM i, f, g, o; the last state."""
        w_i, w_h, b_i, b_h = (
            self.values[f"{path}._unfused.0.{name}"] for name in ("i2h_weight", "h2h_weight", "i2h_bias", "h2h_bias")
        )
        size = w_h.shape[1]
        h, c = np.zeros(size), np.zeros(size)
        for x in steps:
            from_input, from_state = w_i @ x + b_i, w_h @ h + b_h
            if len(w_h) == 3 * size:
                r, z = (sigmoid((from_input + from_state)[k * size : (k + 1) * size]) for k in (0, 1))
                n = np.tanh(from_input[2 * size :] + r * from_state[2 * size :])
                h = (1 - z) * n + z * h
            else:
                i, f, g, o = np.split(from_input + from_state, 4)
                c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
                h = sigmoid(o) * np.tanh(c)
        return h

    def words(self, tokens):
        return self.values["question_encoder.embedding.weight"][tokens]

    def question(self, tokens):
        return self.recurrent("question_encoder.recurrent", self.words(tokens))

    def head(self, x):
        """Dropout, Dense with ReLU, dropout, linear."""
        return self.dense("head.3", relu(self.dense("head.1", x)))

    def sketch(self, path, x):
        y = np.zeros(12)
        buckets, signs = self.values[f"{path}.sketch.buckets"].astype(int), self.values[f"{path}.sketch.signs"].ravel()
        np.add.at(y, buckets, signs * x)
        return y

    def bilinear(self, a, b):
        pooled = np.real(np.fft.ifft(np.fft.fft(a) * np.fft.fft(b)))
        return unit(np.sign(pooled) * np.sqrt(np.abs(pooled)))

    def batch_norm(self, path, x):
        gamma, beta, mean, var = (
            self.values[f"{path}.{name}"] for name in ("gamma", "beta", "running_mean", "running_var")
        )
        return gamma * (x - mean) / np.sqrt(var + 1e-5) + beta


def real_rows(image):
    return image[(image != 0).any(axis=1)] if image.ndim == 2 else image.reshape(1, -1)


def question_only(p, image, tokens):
    return p.head(p.question(tokens))


def softmax_regression(p, image, tokens):
    return p.words(tokens).sum(axis=0) + p.dense("image_encoder.1", real_rows(image).mean(axis=0))


def mlp(p, image, tokens):
    x = np.concatenate([unit(p.words(tokens).mean(axis=0)), unit(real_rows(image).mean(axis=0))])
    return p.dense("head.3", p.batch_norm("head.1", relu(p.dense("head.0", x))))


def convolution(weight, x, stride, padding):
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    kernel = weight.shape[-1]
    side = (x.shape[1] - kernel) // stride + 1
    y = np.zeros((len(weight), side, side))
    for i in range(side):
        for j in range(side):
            window = x[:, i * stride : i * stride + kernel, j * stride : j * stride + kernel]
            y[:, i, j] = (weight * window).sum(axis=(1, 2, 3))
    return y


def cnn_gru(p, image, tokens):
    x = image
    for stage, (number, padding, stride) in enumerate([(0, 2, 2), (3, 1, 1), (7, 1, 1)]):
        x = convolution(p.values[f"image_encoder.stages.{number}.weight"], x, stride, padding)
        x = relu(p.batch_norm(f"image_encoder.stages.{number + 1}", x.transpose(1, 2, 0))).transpose(2, 0, 1)
        if stage > 0:
            x = x.reshape(len(x), x.shape[1] // 2, 2, x.shape[2] // 2, 2).max(axis=(2, 4))
    seen = relu(p.dense("image_encoder.project", x.max(axis=(1, 2))))
    return p.head(p.question(tokens) * seen)


def mcb(p, image, tokens):
    question = p.sketch("fusion.question", unit(p.question(tokens)))
    seen = p.sketch("fusion.image", unit(real_rows(image).mean(axis=0)))
    return p.dense("head.1", p.bilinear(question, seen))


def mcb_attention(p, image, tokens):
    rows, question = unit(real_rows(image)), unit(p.question(tokens))
    sketch = p.sketch("fusion.spectrum", question)
    maps = [p.bilinear(sketch, p.sketch("image_encoder.spectrum", row)) for row in rows]
    scores = np.array([p.dense("fusion.score", relu(p.dense("fusion.hidden", m)))[0] for m in maps])
    pooled = unit(softmax(scores) @ rows)
    return p.dense(
        "head.1", p.bilinear(p.sketch("fusion.pool.question", question), p.sketch("fusion.pool.image", pooled))
    )


def lstm_product(p, image, tokens):
    return p.head(p.question(tokens) * p.recurrent("image_encoder.recurrent", real_rows(image)))


def updn(p, image, tokens):
    rows, question = real_rows(image), p.question(tokens)
    query = p.dense("fusion.query", question)
    scores = np.array([relu(p.dense("image_encoder.project", row)) @ query for row in rows]) / math.sqrt(H)
    pooled = softmax(scores) @ rows
    return p.head(relu(p.dense("fusion.question", question)) * relu(p.dense("fusion.image", pooled)))


def san(p, image, tokens):
    values = np.tanh([p.dense("image_encoder.project", row) for row in real_rows(image)])
    query = p.question(tokens)
    for hop in range(2):
        asked = p.dense(f"fusion.query.{hop}", query)
        matched = np.tanh([p.dense(f"image_encoder.keys.{hop}", value) + asked for value in values])
        scores = np.array([p.dense(f"fusion.score.{hop}", row)[0] for row in matched])
        query = query + softmax(scores) @ values
    return p.dense("head.1", query)


REFERENCES = {
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


@each_case
def test_logits_equal_a_computation_in_numpy(preset, kind):
    network = build(preset, kind)
    images, image_index, tokens, lengths, question_index = random_batch(kind)
    logits = run(network, images, image_index, tokens, lengths, question_index)
    numbers = Numbers(network)
    for n, question in enumerate(question_index):
        words = tokens[question, : lengths[question]]
        expected = REFERENCES[preset](numbers, images[image_index[n]].astype(np.float64), words)
        # The signed root of compact bilinear pooling is steep at 0.
        tolerance = 2e-3 if preset.startswith("mcb") else 1e-4
        np.testing.assert_allclose(logits[n], expected, rtol=1e-3, atol=tolerance)


def gru(inputs, hidden):
    return 3 * hidden * (inputs + hidden + 2)


def lstm(inputs, hidden):
    return 4 * hidden * (inputs + hidden + 2)


def linear(inputs, outputs):
    return outputs * (inputs + 1)


@pytest.mark.parametrize(
    ("preset", "kind", "expected"),
    [
        ("question-only", "none", V * E + gru(E, H) + linear(H, H) + linear(H, C)),
        ("softmax-regression", "features", V * C + linear(6, C)),
        ("softmax-regression", "pixels", V * C + linear(3 * 16 * 16, C)),
        ("mlp", "features", V * E + linear(E + 6, H) + 4 * H + linear(H, C)),
        (
            "cnn-gru",
            "pixels",
            # Three convolutions without bias, each with four numbers a channel of normalisation.
            (4 * 3 * 25 + 16) + (8 * 4 * 9 + 32) + (16 * 8 * 9 + 64) + linear(16, H)
            + V * E + gru(E, H) + linear(H, H) + linear(H, C),
        ),
        # A bucket and a sign for each input of a sketch.
        ("mcb", "features", V * E + gru(E, H) + 2 * (H + 6) + linear(12, C)),
        (
            "mcb-attention",
            "regions",
            V * E + gru(E, H) + 2 * (6 + H) + linear(12, H) + linear(H, 1) + 2 * (H + 6) + linear(12, C),
        ),
        ("lstm-product", "frames", V * E + lstm(E, H) + lstm(6, H) + linear(H, H) + linear(H, C)),
        (
            "updn",
            "regions",
            V * E + gru(E, H) + 6 * H + 2 * linear(H, H) + linear(6, H) + linear(H, 2 * H) + linear(2 * H, C),
        ),
        # Two hops, each with keys, a query and a score.
        ("san", "regions", V * E + lstm(E, H) + linear(6, H) + 2 * (H * 7 + linear(H, 7) + 7) + linear(H, C)),
    ],
)  # fmt: skip
def test_number_of_parameters(preset, kind, expected):
    network = build_from_spec(small_spec(preset, kind))
    assert sum(value.size for value in parameters(network).values()) == expected


def test_shapes_of_the_cases_are_those_of_the_counts():
    assert SHAPES["features"] == (6,)
    assert SHAPES["regions"][1] == SHAPES["frames"][1] == 6
    assert SHAPES["pixels"] == (3, 16, 16)
