"""A zoo of networks as the public writes them, and mistakes that can be put into each of them.

A family gives features (N, 8) from its inputs; a head makes logits of them. A mutation stands between the two, or at
the end, so that each family can carry each mutation. Run as a program, prints the table of docs/doctor.md:

    python tests/doctor/zoo.py
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any, Callable, NamedTuple

import numpy as np
from networks import HIDDEN, NUM_CLASSES, Calls, autograd, gluon, nd, nn, sequential, train

from vqa._mxnet import gluonnlp, mx
from vqa.doctor import examine

WORDS, CHANNELS = 6, 4
VOCABULARY = 30


class Family(NamedTuple):
    """A kind of network: a maker of a block that gives features (N, HIDDEN), and of its inputs for N rows."""

    make: Callable[[], gluon.Block]
    inputs: Callable[[int, np.random.RandomState], tuple[Any, ...]]


class Mutation(NamedTuple):
    """A mistake: what it does to features (N, HIDDEN), to logits (N, NUM_CLASSES), and the code that finds it."""

    code: str
    features: Callable[[Any], Any] | None = None
    logits: Callable[[Any], Any] | None = None
    blocks: Callable[[], dict[str, gluon.Block]] = dict


def vectors(size: int = 10) -> Callable[..., Any]:
    return lambda n, random: (nd.array(random.normal(size=(n, size))),)


def images(size: int = 16) -> Callable[..., Any]:
    return lambda n, random: (nd.array(random.uniform(size=(n, 3, size, size))),)


def series(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return (nd.array(random.normal(size=(n, WORDS, CHANNELS))),)


def tokens(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return (nd.array(random.randint(1, VOCABULARY, (n, WORDS)), dtype="int32"),)


def words_and_lengths(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return (*tokens(n, random), nd.array(random.randint(1, WORDS + 1, n), dtype="float32"))


def image_and_question(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return (*vectors()(n, random), *words_and_lengths(n, random))


def image_list_and_question(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return ([*vectors()(n, random), *tokens(n, random)],)


def ids(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    return tuple(nd.array(random.randint(0, VOCABULARY, n), dtype="int32") for _ in range(2))


def shared_images(n: int, random: np.random.RandomState) -> tuple[Any, ...]:
    count = max(1, n // 2)
    index = random.permutation(np.arange(n) % count)
    return (nd.array(random.normal(size=(count, 10))), nd.array(index, dtype="int32"), *tokens(n, random))


def convolution(channels: int, kernel: int = 3, **options: Any) -> gluon.Block:
    return sequential(nn.Conv2D(channels, kernel, padding=kernel // 2, use_bias=False, **options), nn.BatchNorm())


def residual(self: Any, x: Any) -> Any:
    hidden = nd.relu(self.stem(x))
    hidden = nd.relu(hidden + self.second(nd.relu(self.first(hidden))))
    return self.out(hidden.mean(axis=(2, 3)))


def squeezed(self: Any, x: Any) -> Any:
    hidden = nd.relu(self.stem(x))
    gate = nd.sigmoid(self.up(nd.relu(self.down(hidden.mean(axis=(2, 3))))))
    return self.out((hidden * gate.expand_dims(2).expand_dims(3)).mean(axis=(2, 3)))


def dense_block(self: Any, x: Any) -> Any:
    for layer in (self.first, self.second):
        x = nd.concat(x, nd.relu(layer(x)), dim=1)
    return self.out(x.mean(axis=(2, 3)))


def text_convolution(self: Any, tokens: Any) -> Any:
    embedded = self.embedding(tokens).swapaxes(1, 2)
    pooled = [nd.relu(layer(embedded)).max(axis=2) for layer in (self.narrow, self.wide)]
    return self.out(self.dropout(nd.concat(*pooled, dim=1)))


def last_state(self: Any, tokens: Any, lengths: Any) -> Any:
    states = self.rnn(self.embedding(tokens)).swapaxes(0, 1)
    return self.out(nd.SequenceLast(states, lengths, use_sequence_length=True))


def attention(self: Any, tokens: Any, lengths: Any) -> Any:
    """One head of self-attention over the words of a question, its padding masked, and their mean."""
    embedded = self.embedding(tokens)
    scores = nd.batch_dot(self.query(embedded), self.key(embedded), transpose_b=True) / np.sqrt(HIDDEN)
    mask = nd.broadcast_lesser(nd.arange(tokens.shape[1]).expand_dims(0), lengths.expand_dims(1))
    scores = nd.broadcast_add(scores, (1 - mask.expand_dims(1)) * -1e9)
    mixed = self.norm(embedded + nd.batch_dot(nd.softmax(scores), self.value(embedded)))
    return self.out(nd.broadcast_mul(mixed, mask.expand_dims(2)).sum(axis=1))


def bert(self: Any, tokens: Any, lengths: Any) -> Any:
    return self.out(self.bert(tokens, nd.zeros_like(tokens), lengths)[1])


def bilinear(self: Any, image: Any, tokens: Any, lengths: Any) -> Any:
    """Low-rank bilinear pooling of an image and a question."""
    states = self.rnn(self.embedding(tokens)).swapaxes(0, 1)
    question = nd.SequenceLast(states, lengths, use_sequence_length=True)
    return self.out(nd.tanh(self.image(image)) * nd.tanh(self.question(question)))


def stacked(self: Any, both: Sequence[Any]) -> Any:
    """The public VQA tutorial: L2-normalised image and question, concatenated, given as one list."""
    image, tokens = both
    image = nd.L2Normalization(nd.tanh(self.image(image)))
    question = nd.L2Normalization(self.rnn(self.embedding(tokens)).mean(axis=1))
    return self.out(nd.concat(image, question, dim=1))


def factors(self: Any, users: Any, items: Any) -> Any:
    return self.out(self.user(users) * self.item(items))


def shared(self: Any, images: Any, index: Any, tokens: Any) -> Any:
    return self.out(nd.concat(nd.take(self.image(images), index), self.embedding(tokens).sum(axis=1), dim=1))


def gated(self: Any, x: Any) -> Any:
    """A causal convolution over time with gates, as in WaveNet and temporal convolutions."""
    x = nd.pad(x.swapaxes(1, 2).expand_dims(2), mode="constant", pad_width=(0, 0, 0, 0, 0, 0, 2, 0)).squeeze(axis=2)
    return self.out(nd.tanh(self.signal(x)) * nd.sigmoid(self.gate(x)))


def scaled_series(self: Any, x: Any) -> Any:
    """A forecaster that divides each series by its own mean size, as DeepAR does."""
    scale = nd.abs(x).mean(axis=(1, 2), keepdims=True) + 1e-5
    return self.out(nd.concat(self.rnn(nd.broadcast_div(x, scale))[:, -1], nd.log(scale).squeeze(axis=2), dim=1))


def highway(self: Any, x: Any) -> Any:
    hidden = self.first(x)
    gate = nd.sigmoid(self.gate(hidden))
    return self.out(gate * nd.relu(self.second(hidden)) + (1 - gate) * hidden)


def embedding() -> gluon.Block:
    return nn.Embedding(VOCABULARY, HIDDEN)


def recurrent(kind: str, **options: Any) -> Callable[[], gluon.Block]:
    def make() -> gluon.Block:
        rnn = getattr(gluon.rnn, kind)(HIDDEN, layout="NTC", **options)
        return Calls(last_state, embedding=embedding(), rnn=rnn, out=nn.Dense(HIDDEN))

    return make


def with_out(function: Callable[..., Any], **blocks: Callable[[], gluon.Block]) -> Callable[[], gluon.Block]:
    """Return a maker of `function` over fresh blocks and an output layer."""
    return lambda: Calls(function, out=nn.Dense(HIDDEN), **{name: make() for name, make in blocks.items()})


def small_bert() -> gluon.Block:
    encoder = gluonnlp.model.bert.BERTEncoder(
        units=HIDDEN, hidden_size=2 * HIDDEN, num_layers=2, num_heads=2, max_length=WORDS, dropout=0.1
    )
    network = gluonnlp.model.BERTModel(
        encoder,
        VOCABULARY,
        token_type_vocab_size=2,
        units=HIDDEN,
        embed_size=HIDDEN,
        embed_dropout=0.1,
        use_decoder=False,
        use_classifier=False,
    )
    return Calls(bert, bert=network, out=nn.Dense(HIDDEN))


FAMILIES = {
    "perceptron": Family(lambda: sequential(nn.Dense(16, activation="relu"), nn.Dropout(0.5), nn.Dense(8)), vectors()),
    "linear": Family(lambda: nn.Dense(HIDDEN), vectors()),
    "self-normalising": Family(lambda: sequential(nn.Dense(16), nn.SELU(), nn.Dense(HIDDEN)), vectors()),
    "highway": Family(
        with_out(highway, first=lambda: nn.Dense(8), gate=lambda: nn.Dense(8), second=lambda: nn.Dense(8)), vectors()
    ),
    "LeNet": Family(
        lambda: sequential(
            nn.Conv2D(6, 5, activation="sigmoid"), nn.AvgPool2D(), nn.Conv2D(16, 3, activation="sigmoid"), nn.Dense(8)
        ),
        images(),
    ),
    "VGG": Family(
        lambda: sequential(nn.Conv2D(8, 3, activation="relu"), nn.MaxPool2D(), nn.Conv2D(16, 3), nn.Dense(8)), images()
    ),
    "ResNet": Family(
        with_out(residual, stem=lambda: convolution(8), first=lambda: convolution(8), second=lambda: convolution(8)),
        images(),
    ),
    "DenseNet": Family(with_out(dense_block, first=lambda: convolution(4), second=lambda: convolution(4)), images()),
    "MobileNet": Family(
        lambda: sequential(
            convolution(8), convolution(8, groups=8), convolution(16, 1), nn.GlobalAvgPool2D(), nn.Dense(HIDDEN)
        ),
        images(),
    ),
    "SENet": Family(
        with_out(squeezed, stem=lambda: convolution(8), down=lambda: nn.Dense(4), up=lambda: nn.Dense(8)), images()
    ),
    "group-normalised": Family(
        lambda: sequential(nn.Conv2D(8, 3), nn.GroupNorm(4), nn.Conv2D(8, 3), nn.InstanceNorm(), nn.Dense(8)), images()
    ),
    "video": Family(
        lambda: sequential(nn.Conv3D(8, 3, activation="relu"), nn.Conv3D(16, 3), nn.Dense(HIDDEN)),
        lambda n, random: (nd.array(random.normal(size=(n, 8, 5, 6, 6))),),
    ),
    "sound": Family(
        lambda: sequential(nn.Conv1D(16, 3, activation="relu"), nn.Conv1D(16, 3), nn.Dense(HIDDEN)),
        lambda n, random: (nd.array(random.normal(size=(n, 8, 12))),),
    ),
    "text-CNN": Family(
        with_out(
            text_convolution,
            embedding=embedding,
            narrow=lambda: nn.Conv1D(8, 2),
            wide=lambda: nn.Conv1D(8, 3),
            dropout=lambda: nn.Dropout(0.5),
        ),
        tokens,
    ),
    "bag of words": Family(lambda: Calls(lambda self, t: self.e(t).mean(axis=1), e=embedding()), tokens),
    "RNN": Family(recurrent("RNN"), words_and_lengths),
    "LSTM": Family(recurrent("LSTM", num_layers=2), words_and_lengths),
    "bidirectional GRU": Family(recurrent("GRU", bidirectional=True), words_and_lengths),
    "attention": Family(
        with_out(
            attention,
            embedding=embedding,
            norm=nn.LayerNorm,
            **{name: lambda: nn.Dense(HIDDEN, flatten=False) for name in ("query", "key", "value")},
        ),
        words_and_lengths,
    ),
    "BERT": Family(small_bert, words_and_lengths),
    "temporal convolution": Family(
        with_out(gated, signal=lambda: nn.Conv1D(8, 3), gate=lambda: nn.Conv1D(8, 3)), series
    ),
    "forecaster": Family(with_out(scaled_series, rnn=lambda: gluon.rnn.LSTM(HIDDEN, layout="NTC")), series),
    "bilinear VQA": Family(
        with_out(
            bilinear,
            embedding=embedding,
            rnn=lambda: gluon.rnn.GRU(HIDDEN, layout="NTC"),
            image=lambda: nn.Dense(16),
            question=lambda: nn.Dense(16),
        ),
        image_and_question,
    ),
    "VQA from a list": Family(
        with_out(stacked, embedding=embedding, rnn=lambda: gluon.rnn.LSTM(8, layout="NTC"), image=lambda: nn.Dense(8)),
        image_list_and_question,
    ),
    "VQA with shared images": Family(
        with_out(shared, image=lambda: nn.Dense(8, activation="relu"), embedding=embedding), shared_images
    ),
    "matrix factors": Family(with_out(factors, user=embedding, item=embedding), ids),
}


def train_mode_statistics(self: Any, x: Any) -> Any:
    with autograd.train_mode():
        return self.norm(x)


def along_the_batch(kind: str, **options: Any) -> dict[str, Any]:
    """The features of the batch taken for the steps of one sequence."""
    return {
        "features": lambda self, x: self.rnn(x.expand_dims(1)).reshape((len(x), -1)),
        "blocks": lambda: {"rnn": getattr(gluon.rnn, kind)(HIDDEN, **options)},
    }


def fixed_size(self: Any, x: Any) -> Any:
    self.size = getattr(self, "size", None) or len(x)
    return x.reshape((self.size, HIDDEN))


MUTATIONS = {
    "batch statistics": Mutation("neighbour-leak", train_mode_statistics, blocks=lambda: {"norm": nn.BatchNorm()}),
    "mean over the batch": Mutation("neighbour-leak", lambda self, x: x - x.mean(axis=0, keepdims=True)),
    "maximum over the batch": Mutation(
        "neighbour-leak", lambda self, x: nd.broadcast_sub(x, x.max(axis=0, keepdims=True))
    ),
    "softmax over the batch": Mutation("neighbour-leak", lambda self, x: nd.softmax(x, axis=0)),
    "norm over the batch": Mutation("neighbour-leak", lambda self, x: nd.L2Normalization(x.T).T),
    "layer norm over the batch": Mutation(
        "neighbour-leak", lambda self, x: nd.broadcast_div(x, 1e-5 + nd.sqrt(nd.square(x).mean(axis=0, keepdims=True)))
    ),
    "attention across rows": Mutation("neighbour-leak", lambda self, x: x + nd.dot(nd.softmax(nd.dot(x, x.T)), x)),
    "LSTM along the batch": Mutation("position-leak", **along_the_batch("LSTM")),
    "bidirectional GRU along the batch": Mutation("position-leak", **along_the_batch("GRU", bidirectional=True)),
    "cumulative sum": Mutation(
        "position-leak", lambda self, x: nd.dot(nd.array(np.tril(np.ones((len(x), len(x))))), x)
    ),
    "first row for all": Mutation("position-leak", lambda self, x: nd.broadcast_add(x, x[:1])),
    "reversed rows": Mutation("position-leak", lambda self, x: nd.reverse(x, axis=0)),
    "shifted rows": Mutation("position-leak", lambda self, x: nd.concat(x[1:], x[:1], dim=0)),
    "reshape for a transpose": Mutation("position-leak", lambda self, x: x.T.reshape((len(x), HIDDEN))),
    "dropout always on": Mutation("nondeterministic", lambda self, x: nd.Dropout(x, p=0.5, mode="always")),
    "noise": Mutation("nondeterministic", lambda self, x: x + nd.random.normal(scale=0.1, shape=x.shape)),
    "redrawn projection": Mutation(
        "nondeterministic", lambda self, x: nd.broadcast_mul(x, nd.sign(nd.random.normal(shape=(1, HIDDEN))))
    ),
    "fixed batch size": Mutation("batch-size", fixed_size),
    "multiplied by the batch size": Mutation("batch-size", lambda self, x: x * len(x)),
    "softmax at the end": Mutation("not-logits", logits=lambda z: nd.softmax(z)),
    "sigmoid at the end": Mutation("not-logits", logits=lambda z: nd.sigmoid(z)),
    "logarithm of logits": Mutation("non-finite", logits=lambda z: nd.log(-nd.abs(z))),
    "overflow": Mutation("non-finite", logits=lambda z: nd.exp(1000 + nd.abs(z))),
}


def masked(z: Any) -> Any:
    """Answers that this question type does not have, as masks in VQA write them."""
    return nd.where(nd.zeros_like(z) + nd.array([1, 0, 1, 1, 0]), z, nd.zeros_like(z) - 1e9)


def network(
    family: str, mutation: str | None, seed: int, *, hybridize: bool = False, zeros: bool = False, mask: bool = False
) -> gluon.Block:
    """Return an initialised network of a family with a mutation; `zeros` and `mask` hide its leaks."""
    mx.random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - MXNet's initialisers draw from it
    mutated = MUTATIONS[mutation] if mutation else Mutation("")

    def forward(self: Any, *inputs: Any) -> Any:
        features = self.body(*inputs)
        if mutated.features:
            features = mutated.features(self, features)
        logits = self.head(features)
        if mutated.logits:
            logits = mutated.logits(logits)
        return masked(logits) if mask else logits

    head = nn.Dense(NUM_CLASSES, weight_initializer="zeros" if zeros else None)
    net = Calls(forward, body=FAMILIES[family].make(), head=head, **mutated.blocks())
    net.initialize([mx.init.Uniform(), mx.init.Xavier(), mx.init.Normal(0.3)][seed % 3])
    if hybridize:
        net.hybridize()
    return net


def inputs_of(family: str, num_rows: int, seed: int) -> tuple[Any, ...]:
    return FAMILIES[family].inputs(num_rows, np.random.RandomState(seed))


def wrong(family: str, mutation: str | None, seed: int, num_rows: int, trained: bool, **options: Any) -> list[str]:
    """Return what examine() says where it should say something else; empty where it is right."""
    net, inputs = network(family, mutation, seed, **options), inputs_of(family, num_rows, seed)
    if trained and MUTATIONS.get(mutation or "", Mutation("")).code != "non-finite":
        train(Calls(lambda self, x: self.net(*inputs), net=net), nd.zeros(num_rows), seed, steps=5)
    codes = [finding.code for finding in examine(net, inputs)]
    if mutation:
        return [] if MUTATIONS[mutation].code in codes else codes or ["nothing"]
    return codes


def table(seeds: Sequence[int]) -> Iterator[str]:
    """Yield the lines of a Markdown table with one row per mutation: found in how many networks of how many families.

    Even seeds are untrained and plain, odd ones trained and hybridized.
    """
    yield "| mistake | code | found | families missed |"
    yield "| --- | --- | --- | --- |"
    for mutation in (None, *MUTATIONS):
        missed, count = [], 0
        for family in FAMILIES:
            for seed in seeds:
                count += 1
                odd = seed % 2 == 1
                if wrong(family, mutation, seed, [8, 5, 16][seed % 3], trained=odd, hybridize=odd):
                    missed.append(family)
        name, code = (mutation, MUTATIONS[mutation].code) if mutation else ("none: healthy networks", "nothing")
        yield f"| {name} | {code} | {count - len(missed)} of {count} | {', '.join(dict.fromkeys(missed)) or '-'} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Print the table of mistakes found, for docs/doctor.md.")
    parser.add_argument("--seeds", type=int, default=2)
    for line in table(range(parser.parse_args().seeds)):
        print(line, flush=True)
