"""99 % for a network that knows nothing: a metric that compares element by element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx, seed_everything
from vqa.doctor.lab.reproduction import Reproduction, Row
from vqa.doctor.lab.training import accuracy
from vqa.metrics import MultiAnswerAccuracy

QUESTIONS, CLASSES, ANSWERS, FEATURES = 500, 300, 3, 20


def multi_hot(seed: int) -> Reproduction:
    """Score an untrained network by mx.metric.Accuracy with labels of the logits' shape, and by any-of accuracy."""
    seed_everything(seed)
    random = np.random.RandomState(seed)
    answers = np.stack([random.permutation(CLASSES)[:ANSWERS] for _ in range(QUESTIONS)])
    labels = np.zeros((QUESTIONS, CLASSES))
    labels[np.arange(QUESTIONS)[:, np.newaxis], answers] = 1
    net = mx.gluon.nn.Dense(CLASSES)
    net.initialize(mx.init.Xavier())
    logits = net(mx.nd.array(random.normal(size=(QUESTIONS, FEATURES))))
    perfect = mx.nd.array(10 * labels)
    return Reproduction(
        "multi-hot",
        f"mx.metric.Accuracy with 0/1 labels of the logits' shape, {CLASSES} classes, against any-of accuracy",
        [
            Row(
                "accuracy of an untrained network",
                f"about {ANSWERS}/{CLASSES} = {ANSWERS / CLASSES:.4f}",
                accuracy(mx.nd.array(labels), logits),
                _any_of(answers, logits),
            ),
            Row(
                "accuracy of a perfect network (logit 10 for each answer)",
                1.0,
                accuracy(mx.nd.array(labels), perfect),
                _any_of(answers, perfect),
            ),
        ],
        f"Where labels and predictions have one shape, mx.metric.Accuracy takes no argmax: it cuts each logit to a "
        f"whole number and compares all {QUESTIONS * CLASSES:,} elements, of which 99 in 100 are zeros on both sides. "
        "Give it class ids and logits of different shapes, or use a metric that always takes the argmax.",
        seed,
    )


def _any_of(answers: npt.NDArray[np.int64], logits: mx.nd.NDArray) -> float:
    metric = MultiAnswerAccuracy()
    metric.update(answers, logits)
    return float(metric.get()[1])
