"""Small networks, healthy and sick, that the doctor's tests examine.

A pair shares a name: HEALTHY[name] is the twin of SICK[name]. Each is called with no argument and gives a network
that is not initialised.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from vqa._mxnet import mx

NUM_CLASSES = 5
HIDDEN = 8
WORDS, CHANNELS = 6, 4
autograd, gluon, nd = mx.autograd, mx.gluon, mx.nd
nn = gluon.nn
INITIALISERS = (mx.init.Uniform, mx.init.Xavier, partial(mx.init.Normal, 0.5))


class Recurrent(gluon.HybridBlock):
    """An RNN over (N, T, D) and a dense layer on its last step, however the RNN's layout is set."""

    def __init__(self, kind="LSTM", layout="NTC", bidirectional=False, layers=1, transposed=False, pooled="last"):
        super().__init__()
        self.transposed = transposed
        self.pooled = pooled
        with self.name_scope():
            self.rnn = getattr(gluon.rnn, kind)(HIDDEN, layers, layout=layout, bidirectional=bidirectional)
            self.output = nn.Dense(NUM_CLASSES)

    def hybrid_forward(self, F, x):
        if self.transposed:
            states = F.transpose(self.rnn(F.transpose(x, axes=(1, 0, 2))), axes=(1, 0, 2))
        else:
            states = self.rnn(x)
        if self.pooled == "mean":
            return self.output(F.mean(states, axis=1))
        return self.output(F.squeeze(F.slice_axis(states, axis=1, begin=-1, end=None), axis=1))


class TimeMajor(gluon.HybridBlock):
    """An LSTM of layout TNC that is rightly fed (T, N, D)."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.rnn = gluon.rnn.LSTM(HIDDEN)
            self.output = nn.Dense(NUM_CLASSES)

    def hybrid_forward(self, F, x):
        return self.output(F.squeeze(F.slice_axis(self.rnn(x), axis=0, begin=-1, end=None), axis=0))


class Around(gluon.HybridBlock):
    """Dense, then `middle` on (N, HIDDEN), then dense; `middle` is a block or a function of F and x."""

    def __init__(self, middle, shape=(-1, HIDDEN), last=None):
        super().__init__()
        self.shape = shape
        self.last = last
        with self.name_scope():
            self.first = nn.Dense(HIDDEN, activation="relu")
            self.middle = middle
            self.output = nn.Dense(NUM_CLASSES)

    def hybrid_forward(self, F, x):
        hidden = self.first(x).reshape(self.shape)
        hidden = self.middle(hidden) if isinstance(self.middle, gluon.Block) else self.middle(F, hidden)
        logits = self.output(hidden)
        return self.last(F, logits) if self.last else logits


class BatchStatistics(gluon.Block):
    """Batch normalisation with the statistics of the batch, whatever the mode."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.first = nn.Dense(HIDDEN, activation="relu")
            self.normalise = nn.BatchNorm()
            self.output = nn.Dense(NUM_CLASSES)

    def forward(self, x):
        with autograd.train_mode():
            return self.output(self.normalise(self.first(x)))


class FixedBatch(gluon.Block):
    """A reshape to the size of the first batch that comes, as when a batch size is written into the code."""

    def __init__(self):
        super().__init__()
        self.batch_size = None
        with self.name_scope():
            self.first = nn.Dense(HIDDEN)
            self.output = nn.Dense(NUM_CLASSES)

    def forward(self, x):
        self.batch_size = self.batch_size or len(x)
        return self.output(self.first(x).reshape((self.batch_size, HIDDEN)))


class Redrawn(gluon.Block):
    """A random projection, as of a count sketch, that is drawn anew in each pass."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.output = nn.Dense(NUM_CLASSES)

    def forward(self, x):
        signs = nd.sign(nd.random.normal(shape=(1, *x.shape[1:])))
        return self.output(nd.broadcast_mul(x, signs))


class WithIndex(gluon.Block):
    """Images (M, D) asked about by token rows (N, T) through image_index (N,), like the networks of this project."""

    def __init__(self, encoder=None, layout="NTC"):
        super().__init__()
        with self.name_scope():
            self.encoder = encoder or nn.Dense(HIDDEN, activation="relu")
            self.embedding = nn.Embedding(20, HIDDEN)
            self.rnn = gluon.rnn.GRU(HIDDEN, layout=layout)
            self.output = nn.Dense(NUM_CLASSES)

    def forward(self, images, image_index, tokens, lengths):
        encoded = nd.take(self.encoder(images), image_index)
        states = nd.transpose(self.rnn(self.embedding(tokens)), axes=(1, 0, 2))
        states = nd.SequenceLast(states, lengths.astype("float32"), use_sequence_length=True)
        return self.output(nd.concat(states, encoded, dim=1))


class AlongTheImages(gluon.HybridBlock):
    """An image encoder whose LSTM runs along the images of the batch."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.rnn = gluon.rnn.LSTM(HIDDEN)

    def hybrid_forward(self, F, images):
        return F.squeeze(self.rnn(F.expand_dims(images, axis=1)), axis=1)


class ImageStatistics(gluon.Block):
    """An image encoder that normalises with the statistics of the images in the batch."""

    def __init__(self):
        super().__init__()
        with self.name_scope():
            self.first = nn.Dense(HIDDEN)
            self.normalise = nn.BatchNorm()

    def forward(self, images):
        with autograd.train_mode():
            return self.normalise(self.first(images))


def with_index_batch(num_questions, num_images, seed, dtype="int32", words=6):
    """Inputs of `WithIndex`; every image is asked about, in any order."""
    random = np.random.RandomState(seed)
    index = random.permutation(np.append(np.arange(num_images), random.randint(0, num_images, 99))[:num_questions])
    return (
        nd.array(random.normal(size=(num_images, 4))),
        nd.array(index, dtype=dtype),
        nd.array(random.randint(1, 20, (num_questions, words)), dtype=dtype),
        nd.array(random.randint(1, words + 1, num_questions), dtype=dtype),
    )


class Calls(gluon.Block):
    """Blocks and a function that calls them: ``Calls(lambda self, x: self.a(x), a=nn.Dense(3))``."""

    def __init__(self, function, **blocks):
        super().__init__()
        self.function = function
        for name, block in blocks.items():
            setattr(self, name, block)

    def forward(self, *inputs):
        return self.function(self, *inputs)


def sequential(*layers):
    """The layers one after the other."""
    net = nn.HybridSequential()
    net.add(*layers)
    return net


def signed_root(F, x):
    """Power and length normalisation as after compact bilinear pooling: both enlarge rounding near zero."""
    # The gradient of the root is infinite at 0, where relu leaves units.
    return F.L2Normalization(F.sign(x) * F.sqrt(F.abs(x) + 1e-12))


RNN_KINDS = [
    (kind, bidirectional, layers)
    for kind in ("RNN", "LSTM", "GRU")
    for bidirectional in (False, True)
    for layers in (1, 2, 3)
]


def recurrent_name(kind, bidirectional, layers):
    return f"{'bi' if bidirectional else ''}{kind}{layers}"


HEALTHY = {
    **{recurrent_name(*k): partial(Recurrent, k[0], "NTC", k[1], k[2]) for k in RNN_KINDS},
    **{recurrent_name(*k) + "-transposed": partial(Recurrent, k[0], "TNC", k[1], k[2], True) for k in RNN_KINDS},
    "mean-LSTM": partial(Recurrent, pooled="mean"),
    "dense": lambda: Around(lambda F, x: x),
    "batch-norm": lambda: Around(nn.BatchNorm()),
    "layer-norm": lambda: Around(nn.LayerNorm()),
    "instance-norm": lambda: Around(nn.InstanceNorm(), (-1, 2, 4)),
    "group-norm": lambda: Around(nn.GroupNorm(2), (-1, 4, 2)),
    "length-instance": lambda: Around(lambda F, x: F.L2Normalization(x)),
    "length-channel": lambda: Around(lambda F, x: F.L2Normalization(x, mode="channel"), (-1, 2, 4)),
    "length-spatial": lambda: Around(lambda F, x: F.L2Normalization(x, mode="spatial"), (-1, 2, 4)),
    "softmax-over-features": lambda: Around(lambda F, x: F.softmax(x, axis=1)),
    "dropout": lambda: Around(nn.Dropout(0.5)),
    "signed-root": lambda: Around(signed_root),
    "rectified-output": lambda: Around(lambda F, x: x, last=lambda F, z: F.relu(z)),
    "log-probabilities": lambda: Around(lambda F, x: x, last=lambda F, z: F.log_softmax(z)),
    "large-offset": lambda: Around(lambda F, x: x, last=lambda F, z: z + 100),
    "two-outputs": lambda: Around(lambda F, x: x, last=lambda F, z: (z, F.mean(z))),
    "flattened": lambda: Around(lambda F, x: F.reshape(x, (0, -1))),
}

SICK = {
    **{recurrent_name(*k): (partial(Recurrent, k[0], "TNC", k[1], k[2]), "position-leak") for k in RNN_KINDS},
    "mean-LSTM": (partial(Recurrent, layout="TNC", pooled="mean"), "position-leak"),
    "batch-norm": (BatchStatistics, "neighbour-leak"),
    "dense": (lambda: Around(lambda F, x: F.broadcast_sub(x, F.mean(x, axis=0, keepdims=True))), "neighbour-leak"),
    "length-instance": (lambda: Around(lambda F, x: F.transpose(F.L2Normalization(F.transpose(x)))), "neighbour-leak"),
    "length-channel": (
        lambda: Around(lambda F, x: F.L2Normalization(x.expand_dims(0), mode="channel").reshape((-3, 0))),
        "neighbour-leak",
    ),
    "softmax-over-features": (lambda: Around(lambda F, x: F.softmax(x, axis=0)), "neighbour-leak"),
    "dropout": (lambda: Around(lambda F, x: F.Dropout(x, p=0.5, mode="always")), "nondeterministic"),
    "noise": (lambda: Around(lambda F, x: x + 0.1 * F.random.normal_like(x)), "nondeterministic"),
    "redrawn": (Redrawn, "nondeterministic"),
    "softmax": (lambda: Around(lambda F, x: x, last=lambda F, z: F.softmax(z)), "not-logits"),
    "sigmoid": (lambda: Around(lambda F, x: x, last=lambda F, z: F.sigmoid(z)), "not-logits"),
    "infinite": (lambda: Around(lambda F, x: x, last=lambda F, z: F.log(z - z)), "non-finite"),
    "not-a-number": (lambda: Around(lambda F, x: F.sqrt(x - 1)), "non-finite"),
    "flattened": (FixedBatch, "batch-size"),
    "batch-sum": (
        lambda: Around(lambda F, x: F.broadcast_mul(x, F.ones_like(x).sum(axis=0, keepdims=True))),
        "batch-size",
    ),
}


def initialised(make, seed, hybridize=False):
    """A fresh network, initialised in one of three ways by the seed."""
    mx.random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - MXNet's initialisers draw from it
    net = make()
    net.initialize(INITIALISERS[seed % 3]())
    if hybridize:
        net.hybridize(static_alloc=True, static_shape=seed % 2 == 1)
    return net


def questions(num_rows, seed):
    """Random inputs (N, T, D) for the networks of HEALTHY and SICK."""
    return nd.array(np.random.RandomState(seed).normal(size=(num_rows, WORDS, CHANNELS)))


def train(net, inputs, seed, steps=15):
    """Fit random answers, so that weights and logits are as large as after training."""
    labels = nd.array(np.random.RandomState(seed).randint(0, NUM_CLASSES, len(inputs)))
    loss = gluon.loss.SoftmaxCrossEntropyLoss()
    trainer = gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.05})
    for _ in range(steps):
        with autograd.record():
            outputs = net(inputs)
            value = loss(outputs[0] if isinstance(outputs, (list, tuple)) else outputs, labels)
        value.backward()
        trainer.step(len(inputs))
