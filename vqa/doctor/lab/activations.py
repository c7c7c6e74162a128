"""Softmax and sigmoid: applied twice, confused with each other, and computed by the textbook formula."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx, seed_everything
from vqa.doctor.lab.reproduction import Reproduction, Row
from vqa.doctor.lab.training import accuracy, fit_all_at_once

CLASSES, FEATURES, ROWS = 10, 8, 400
# Logits of a network for two images; the second are the first less 1.44.
PRESENT = (0.02, -2.49, -1.75, 2.07, 1.25)
ABSENT = (-1.42, -3.93, -3.19, 0.63, -0.19)
LARGE = (100.0, 90.0, 0.0)


@dataclass(frozen=True)
class _Trained:
    """A trained network, its outputs on the training rows, and what was measured there."""

    net: mx.gluon.Block
    outputs: mx.nd.NDArray
    loss: float
    accuracy: float
    first_gradient: float


def double_softmax(seed: int) -> Reproduction:
    """Train one network with and without a softmax of its own under Gluon's softmax cross-entropy."""
    inputs, labels = _clusters(seed)
    naive, right = _trained(seed, inputs, labels, squashed=True), _trained(seed, inputs, labels, squashed=False)
    least_loss = np.log(CLASSES - 1 + np.e) - 1
    certain = labels.one_hot(CLASSES)
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    least = [float(loss(outputs, labels).mean().asscalar()) for outputs in (certain, 10 * certain)]
    same = (right.outputs.argmax(axis=1) == right.outputs.softmax(axis=1).argmax(axis=1)).mean().asscalar()
    return Reproduction(
        "double-softmax",
        "softmax inside the network under SoftmaxCrossEntropyLoss, against raw logits; the same 60 steps",
        [
            Row(
                "loss of a perfect network (output 1 or logit 10)",
                f"ln(C - 1 + e) - 1 = {least_loss:.4f} against 0",
                *least,
            ),
            Row("loss after training", "near the least", naive.loss, right.loss),
            Row("size of the first gradient", "one size", naive.first_gradient, right.first_gradient),
            Row("accuracy on the training rows", "the same", naive.accuracy, right.accuracy),
            Row("rows where argmax of logits and of softmax agree", "all of them", "-", float(same)),
        ],
        "The loss applies softmax to numbers in [0, 1], so that even a perfect answer costs ln(C - 1 + e) - 1 nats and "
        "the gradients shrink: training is slow and the loss seems stuck. "
        "Leave softmax out of the network; the argmax, and with it every prediction, is the same without it.",
        seed,
    )


def softmax_or_sigmoid(seed: int) -> Reproduction:
    """Show two images whose logits differ by a constant under both activations; nothing is random."""
    logits = mx.nd.array([PRESENT, ABSENT])
    softmax, sigmoid = logits.softmax(axis=1).asnumpy(), logits.sigmoid().asnumpy()
    return Reproduction(
        "softmax-or-sigmoid",
        "softmax for an object that may be absent, against one sigmoid per object",
        [
            Row("fourth class, first image", "present", _two_digits(softmax[0, 3]), _two_digits(sigmoid[0, 3])),
            Row("fourth class, second image", "less likely", _two_digits(softmax[1, 3]), _two_digits(sigmoid[1, 3])),
            Row("all classes, first image", "-", _list(softmax[0]), _list(sigmoid[0])),
            Row("all classes, second image", "lower", _list(softmax[1]), _list(sigmoid[1])),
        ],
        "The second image's logits are the first's less 1.44, and softmax cannot see a constant: it must name a class "
        "even where none is present. "
        "Where several answers are true at once, or none is, train one sigmoid per answer (the loss 'bce').",
        seed,
    )


def rounded_to_one(seed: int) -> Reproduction:
    """Show the wrong prediction of a softmax network in which a sigmoid shows the most confidence."""
    # Other draws around the same centres: a network is most overconfident on rows that it has not seen.
    inputs, labels = _clusters(seed, spread=2.0)
    half = ROWS // 2
    net = _trained(seed, inputs[:half], labels[:half], squashed=False).net
    logits = net(inputs[half:])
    right = (logits.argmax(axis=1) == labels[half:]).expand_dims(1)
    # Of the predictions that are wrong, the one with the largest logit.
    place = mx.nd.where(right.broadcast_like(logits), -1e9 * mx.nd.ones_like(logits), logits).max(axis=1).argmax(axis=0)
    row = logits[int(place.asscalar())].expand_dims(0)
    sigmoid, softmax = row.sigmoid(), row.softmax(axis=1)
    return Reproduction(
        "rounded-to-one",
        "sigmoid applied to the logits of a network trained with softmax, two digits, against softmax, all digits",
        [
            Row("largest probability of a wrong class, printed", "below 1", _two_digits(_top(sigmoid)), _top(softmax)),
            Row("the same with more digits", "below 1", _top(sigmoid), _top(softmax)),
            Row("sum over the classes", 1.0, _sum(sigmoid), _sum(softmax)),
        ],
        "Softmax determines logits only up to a constant, so a sigmoid of them is not a probability: it is near 1 for "
        "the wrong class too, and two digits round it to 1.00. "
        "Show the activation that the loss trained, and enough digits that no value below 1 is printed as 1.",
        seed,
    )


def overflow(seed: int) -> Reproduction:
    """Compute softmax and cross-entropy of large logits by the textbook formula; nothing is random."""
    logits = mx.nd.array([LARGE])
    exact = np.exp(np.array(LARGE) - max(LARGE))
    exact /= exact.sum()
    powers = logits.exp()
    naive, right = powers / powers.sum(axis=1, keepdims=True), logits.softmax(axis=1)
    log_right = logits.log_softmax(axis=1)
    rows = [
        Row(f"probability of class {place}", float(exact[place]), _value(naive, place), _value(right, place))
        for place in range(2)
    ]
    rows.append(Row("loss, class 1 is right", -float(np.log(exact[1])), -_value(naive.log(), 1), -_value(log_right, 1)))
    rows.append(
        Row("loss, class 2 is right", float(max(LARGE) - LARGE[2]), -_value(naive.log(), 2), -_value(log_right, 2))
    )
    return Reproduction(
        "overflow",
        f"exp(x) / sum(exp(x)) and its log in float32 for the logits {LARGE}, against log_softmax",
        rows,
        "exp of a logit above 88.7 is infinite in float32, infinity divided by infinity is NaN, and one such row "
        "turns every weight into NaN at the next step. "
        "Subtracting the largest logit first changes nothing in exact arithmetic and keeps every power at 1 or below: "
        "log_softmax and Gluon's losses do so.",
        seed,
    )


def _clusters(seed: int, spread: float = 1.0) -> tuple[mx.nd.NDArray, mx.nd.NDArray]:
    """Return inputs (ROWS, FEATURES) around one centre per class, and their classes (ROWS,)."""
    random = np.random.RandomState(seed)
    centres = 2 * random.normal(size=(CLASSES, FEATURES))
    classes = random.randint(0, CLASSES, ROWS)
    inputs = centres[classes] + spread * random.normal(size=(ROWS, FEATURES))
    return mx.nd.array(inputs), mx.nd.array(classes)


def _trained(seed: int, inputs: mx.nd.NDArray, labels: mx.nd.NDArray, *, squashed: bool, steps: int = 60) -> _Trained:
    """Train a small network, in `steps` steps from the start that the seed gives."""
    seed_everything(seed)
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(32, activation="relu"), mx.gluon.nn.Dense(CLASSES))
    if squashed:
        net.add(mx.gluon.nn.HybridLambda(lambda F, logits: F.softmax(logits, axis=1)))
    net.initialize(mx.init.Xavier())
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    with mx.autograd.record():
        value = loss(net(inputs), labels).mean()
    value.backward()
    gradient = float(net[1].weight.grad().norm().asscalar())
    fit_all_at_once(net, inputs, labels, steps=steps, learning_rate=0.01)
    outputs = net(inputs)
    value = float(loss(outputs, labels).mean().asscalar())
    return _Trained(net, outputs, value, accuracy(labels, outputs), gradient)


def _value(table: mx.nd.NDArray, place: int) -> float:
    return float(table[0, place].asscalar())


def _top(probabilities: mx.nd.NDArray) -> float:
    return float(probabilities.max().asscalar())


def _sum(probabilities: mx.nd.NDArray) -> float:
    return float(probabilities.sum().asscalar())


def _two_digits(value: float) -> str:
    return f"{value:.2f}"


def _list(values: npt.NDArray[np.float32]) -> str:
    return " ".join(map(_two_digits, values))
