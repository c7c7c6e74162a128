"""Two accuracies that are not what they seem: compared element by element, and accumulated over the whole training."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx, seed_everything
from vqa.doctor.accumulation import deaccumulate
from vqa.doctor.lab.reproduction import Reproduction, Row
from vqa.doctor.lab.training import accuracy
from vqa.metrics import MultiAnswerAccuracy

QUESTIONS, CLASSES, ANSWERS, FEATURES = 500, 300, 3, 20
LOG = Path(__file__).with_name("never_reset.csv")


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
        f"Where labels and predictions have one shape, mx.metric.Accuracy takes no argmax: it truncates each logit to "
        f"a whole number and compares all {QUESTIONS * CLASSES:,} elements, of which 99 in 100 are zeros on both "
        "sides. "
        "Give it class ids and logits of different shapes, or use a metric that always takes the argmax.",
        seed,
    )


def never_reset(seed: int) -> Reproduction:
    """Undo the printed log of a well-known Gluon tutorial on visual question answering; nothing is random."""
    with LOG.open(encoding="utf-8", newline="") as file:
        printed = list(csv.DictReader(file))
    counts = [int(line["samples"]) for line in printed]
    undone = deaccumulate([line["accuracy"] for line in printed], counts)
    rows = [
        Row(
            f"validation accuracy, epoch {line['epoch']}",
            f"whole hits of {count:,}",
            float(line["accuracy"]),
            f"{hits / count:.4f} ({hits}/{count:,})",
        )
        for line, count, hits in zip(printed, counts, undone.hits)
        if line["pass"] == "validation"
    ]
    rows.append(Row("explanation of the log", "whole hits in every pass", "none", undone.verdict))
    return Reproduction(
        "never-reset",
        "a printed log: one metric shared by validation and training and never reset, against the same log undone",
        rows,
        "Each printed value is the mean over everything seen since the start, training passes of 21,504 samples "
        "included, so that 'Eval_acc' follows the training accuracy up to 0.667 while the network stays at 0.400. "
        f"The whole hits prove it: {undone}; random values would fit in one of "
        f"10^{-_power_of_ten(undone.chance)} logs.",
        seed,
    )


def _any_of(answers: npt.NDArray[np.int64], logits: mx.nd.NDArray) -> float:
    metric = MultiAnswerAccuracy()
    metric.update(answers, logits)
    return float(metric.get()[1])


def _power_of_ten(value: float) -> int:
    """Return the exponent of a number written as 1.23e-45.

    >>> _power_of_ten(0.00123)
    -3
    """
    return int(f"{value:e}".partition("e")[2])
