"""What the public gives to examine(): nested inputs, other outputs, and what cannot be examined."""

from __future__ import annotations

from collections import namedtuple

import numpy as np
import pytest
from networks import Calls, Recurrent, initialised, nd, nn, questions

from vqa._mxnet import mx
from vqa.doctor import examine
from vqa.errors import VqaError

DATA = questions(8, 1)
LABELS = nd.array([0, 1, 2, 3, 4, 0, 1, 2])
Pair = namedtuple("Pair", ["image", "question"])


def codes(*args, **kwargs):
    return [finding.code for finding in examine(*args, **kwargs)]


def network(function, layout="NTC"):
    return initialised(lambda: Calls(function, inner=Recurrent("GRU", layout), dense=nn.Dense(5)), 1)


class Named(mx.gluon.Block):
    """A network whose inputs have names, as gluonnlp's BERT takes them."""

    def __init__(self, layout):
        super().__init__()
        self.inner = Recurrent("GRU", layout)

    def __call__(self, words, other=None):
        return super().__call__(words, other)

    def forward(self, words, other):
        return self.inner(words) if other is None else self.inner(words + other)


INPUTS = {
    "one list": (lambda self, both: self.inner(both[0] + both[1]), [DATA, DATA]),
    "one list in a tuple": (lambda self, both: self.inner(both[0] + both[1]), ([DATA, DATA],)),
    "a tuple as one argument": (lambda self, both: self.inner(both[0] + both[1]), (DATA, DATA)),
    "a named tuple": (lambda self, pair: self.inner(pair.image + pair.question), (Pair(DATA, DATA),)),
    "one dict": (lambda self, both: self.inner(both["a"] + both["b"]), {"a": DATA, "b": DATA}),
    "None": (lambda self, words, mask: self.inner(words), (DATA, None)),
    "a number": (lambda self, words, factor: self.inner(words * factor), (DATA, 0.5)),
    "a list of states": (
        lambda self, words, states: self.inner(words) + self.dense(states[1][0]),
        (DATA, [nd.zeros((1, 8, 3)), nd.random.normal(shape=(1, 8, 3))]),
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_nested_inputs(name):
    function, inputs = INPUTS[name]
    assert codes(network(function), inputs) == []
    assert "position-leak" in codes(network(function, "TNC"), inputs)


@pytest.mark.parametrize("layout", ["NTC", "TNC"])
def test_arguments_by_name(layout):
    for inputs in ({"words": DATA}, {"words": DATA, "other": DATA}, {"other": DATA, "words": DATA}):
        assert ("position-leak" in codes(initialised(lambda: Named(layout), 1), inputs)) == (layout == "TNC")


OUTPUTS = {
    "a dict": (lambda self, x: {"hidden": x, "logits": self.inner(x)}, "logits"),
    "a nested tuple": (lambda self, x: ((x, self.inner(x)), x), (0, 1)),
    "the second of two": (lambda self, x: (x, self.inner(x)), 1),
    "a named tuple": (lambda self, x: Pair(x, self.inner(x)), "question"),
    "a dict of lists": (lambda self, x: {"logits": [self.inner(x)]}, "logits"),
    "the first of two": (lambda self, x: (self.inner(x), x), None),
    "the first of the first": (lambda self, x: [[self.inner(x)], x], None),
    "one value per row": (lambda self, x: self.inner(x)[:, 0], None),
    "three axes": (lambda self, x: self.inner.rnn(x), None),
    "four axes": (lambda self, x: self.inner.rnn(x).expand_dims(1), None),
    "whole numbers": (lambda self, x: self.inner(x).argmax(axis=1).astype("int32"), None),
}


@pytest.mark.parametrize("name", OUTPUTS)
def test_other_outputs(name):
    function, output = OUTPUTS[name]
    assert codes(network(function), DATA, output=output) == []
    if name != "whole numbers":
        assert "position-leak" in codes(network(function, "TNC"), DATA, output=output)


def test_softmax_of_three_axes_under_a_loss():
    words = initialised(lambda: nn.Dense(5, flatten=False), 1)
    labels = nd.array(np.random.RandomState(0).randint(0, 5, (8, 6)))
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    assert codes(words, DATA, labels=labels, loss=loss) == []
    twice = initialised(lambda: Calls(lambda self, x: nd.softmax(self.o(x)), o=nn.Dense(5, flatten=False)), 1)
    assert codes(twice, DATA, labels=labels, loss=loss) == ["not-logits", "double-softmax"]


def test_arrays_of_other_kinds():
    sparse = nd.array(np.random.RandomState(0).binomial(1, 0.3, (8, 20))).tostype("csr")
    wide = initialised(
        lambda: Calls(lambda self, x: nd.sparse.dot(x, self.w.weight.data().T), w=nn.Dense(5, in_units=20)), 1
    )
    assert codes(wide, sparse) == []
    double = initialised(lambda: nn.Dense(5), 1)
    double.cast("float64")
    assert codes(double, DATA.astype("float64")) == []


@pytest.mark.filterwarnings("ignore:Cannot decide type:UserWarning")
def test_a_network_of_symbols():
    data = mx.sym.var("data")
    layer = mx.sym.FullyConnected(mx.sym.flatten(data), num_hidden=5, name="fc")
    for last, expected in ((layer, []), (mx.sym.softmax(layer), ["not-logits"])):
        net = mx.gluon.SymbolBlock(last, data)
        net.initialize()
        assert codes(net, DATA) == expected
    leaky = mx.gluon.SymbolBlock(mx.sym.broadcast_sub(layer, mx.sym.mean(layer, axis=0, keepdims=True)), data)
    leaky.initialize()
    assert "neighbour-leak" in codes(leaky, DATA)


def test_a_network_of_numpy_arrays():
    class Layer(nn.Dense):
        def forward(self, x):
            z = super().forward(x)
            return z - z.mean(axis=0, keepdims=True) if self.leaky else z

    with mx.util.np_shape(True), mx.util.np_array(True):
        for leaky in (False, True):
            net = Layer(5)
            net.leaky = leaky
            net.initialize()
            inputs = mx.np.array(DATA.asnumpy())
            found = codes(net, inputs, labels=mx.np.array(LABELS.asnumpy()), loss=mx.gluon.loss.SoftmaxCELoss())
            assert ("neighbour-leak" in found) if leaky else found == []


REFUSED = {
    "a function": (lambda x: x, DATA, {}, "expected a Gluon block as the network, got a function; .*self.net"),
    "a class": (nn.Dense, DATA, {}, "got the class Dense"),
    "a dict without a name": (network(lambda self, x: {"a": self.dense(x)}), DATA, {}, "output='a'"),
    "a wrong name": (network(lambda self, x: {"a": self.dense(x)}), DATA, {"output": "b"}, "no part 'b': it is a dict"),
    "a wrong place": (network(lambda self, x: (x, x)), DATA, {"output": 2}, "no part 2: it is a tuple of 2"),
    "no array": (network(lambda self, x: "logits"), DATA, {}, "got str; name the part"),
    "one number": (network(lambda self, x: self.dense(x).mean()), DATA, {}, "without their loss or their mean"),
    "time first": (network(lambda self, x: self.inner.rnn(x).swapaxes(0, 1)), DATA, {}, r"swapaxes\(0, 1\)"),
    "no inputs": (network(lambda self: nd.zeros(3)), (), {}, "expected inputs as a tuple of NDArrays, got no array"),
    "NumPy inside": (network(lambda self, x, y: x), (DATA, [np.zeros(3)]), {}, r"got ndarray at position 1\[0\]"),
    "not initialised": (nn.Dense(3), DATA, {}, "has not been initialized"),
    "another shape": (
        initialised(lambda: nn.Dense(3, in_units=2), 0),
        DATA,
        {},
        "the network fails on the given inputs",
    ),
    "too few inputs": (network(lambda self, x, y: x), DATA, {}, "the network fails on the given inputs .TypeError"),
    "float16": (
        initialised(lambda: Calls(lambda self, x: self.d(x.astype("float16")), d=nn.Dense(3)), 0),
        DATA,
        {},
        "16",
    ),
    "a loss class": (network(lambda self, x: self.dense(x)), DATA, {"loss": mx.gluon.loss.L2Loss}, r"pass L2Loss\(\)"),
    "no loss": (network(lambda self, x: self.dense(x)), DATA, {"loss": "softmax"}, "got a str"),
    "a loss with two outputs": (
        network(lambda self, x: self.dense(x)),
        DATA,
        {"labels": LABELS, "loss": lambda z, y: (z.mean(), y)},
        "expected a loss with one output, got 2",
    ),
    "a loss that fails": (
        network(lambda self, x: self.dense(x)),
        DATA,
        {"labels": LABELS, "loss": lambda z, y, weight: z},
        "the loss fails on logits of shape",
    ),
    "ragged labels": (
        network(lambda self, x: self.dense(x)),
        DATA,
        {"labels": [[1, 2], [1]] * 4},
        "fill up .* with -1",
    ),
    "labels of words": (network(lambda self, x: self.dense(x)), DATA, {"labels": ["yes"] * 8}, "whole numbers"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_examined_is_refused_in_one_line(name):
    net, inputs, options, message = REFUSED[name]
    with pytest.raises(VqaError, match=message) as caught:
        examine(net, inputs, **options)
    assert "\n" not in str(caught.value)
