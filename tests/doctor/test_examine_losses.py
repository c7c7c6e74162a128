"""The loss and the labels under examination: each finding with its healthy twin."""

from __future__ import annotations

import numpy as np
import pytest
from networks import NUM_CLASSES, Around, Calls, Recurrent, initialised, nd, nn, questions

from vqa._mxnet import mx
from vqa.doctor import examine
from vqa.errors import VqaError
from vqa.nn.losses import LOSSES

SoftmaxCELoss, SigmoidBCELoss = mx.gluon.loss.SoftmaxCrossEntropyLoss, mx.gluon.loss.SigmoidBCELoss

ENDS = {
    "logits": None,
    "softmax": lambda F, z: F.softmax(z),
    "sigmoid": lambda F, z: F.sigmoid(z),
    "log-softmax": lambda F, z: F.log_softmax(z),
}
ONE = nd.array([0, 1, 2, 3, 4, 0, 1, 2])
MANY = nd.array(np.random.RandomState(0).randint(-1, NUM_CLASSES, (8, 3)), dtype="int32")


def ending(name):
    return initialised(lambda: Around(lambda F, x: x, last=ENDS[name]), 1)


def found(net, **kwargs):
    return [(finding.code, finding.severity) for finding in examine(net, questions(8, 1), **kwargs)]


def negative_log(probabilities, labels):
    return -nd.log(nd.pick(probabilities, labels) + 1e-10)


def masked(logits, labels):
    return SoftmaxCELoss()(logits, labels, nd.expand_dims(labels >= 0, axis=1))


def mean_over_slots(logits, labels):
    """A multi-answer loss as written by hand: -1 is clipped to class 0."""
    return sum(SoftmaxCELoss()(logits, labels[:, slot]) for slot in range(labels.shape[1])) / labels.shape[1]


def only_rows_masked(logits, labels):
    """Masks questions without any answer, but not the empty slots of the others."""
    return mean_over_slots(logits, labels) * (nd.max(labels, axis=1) >= 0).astype("float32")


TWICE = [("not-logits", "error"), ("double-softmax", "error")]
ONCE = [("not-logits", "error")]


class TestActivations:
    @pytest.mark.parametrize("loss", ["softmax", "soft-score", "any"])
    def test_losses_of_this_project_that_apply_softmax(self, loss):
        for labels in (MANY, None):
            assert found(ending("logits"), labels=labels, loss=LOSSES[loss]()) == []
            assert found(ending("log-softmax"), labels=labels, loss=LOSSES[loss]()) == []
            assert found(ending("softmax"), labels=labels, loss=LOSSES[loss]()) == TWICE
            assert found(ending("sigmoid"), labels=labels, loss=LOSSES[loss]()) == ONCE

    def test_the_loss_of_this_project_that_applies_sigmoid(self):
        for end, expected in {"logits": [], "log-softmax": [], "softmax": ONCE, "sigmoid": ONCE}.items():
            assert found(ending(end), labels=MANY, loss=LOSSES["bce"]()) == expected

    def test_gluon_softmax_cross_entropy(self):
        for labels in (ONE, ONE.astype("int32"), ONE.asnumpy(), None):
            assert found(ending("logits"), labels=labels, loss=SoftmaxCELoss()) == []
            assert found(ending("softmax"), labels=labels, loss=SoftmaxCELoss()) == TWICE
            # log-softmax of log-softmax is log-softmax: value and gradient are the same.
            assert found(ending("log-softmax"), labels=labels, loss=SoftmaxCELoss()) == []

    def test_a_loss_that_takes_log_probabilities(self):
        loss = SoftmaxCELoss(**{"from_logits": True})
        assert found(ending("log-softmax"), labels=ONE, loss=loss) == []
        # Probabilities are between the two: no log-probabilities, and the loss is negative.
        assert found(ending("softmax"), labels=ONE, loss=loss) == [*ONCE, ("below-entropy-floor", "error")]

    def test_a_loss_that_takes_probabilities(self):
        assert found(ending("softmax"), labels=ONE, loss=negative_log) == [("not-logits", "warning")]
        several = nd.array(np.random.RandomState(0).randint(0, 2, (8, NUM_CLASSES)))
        assert found(ending("sigmoid"), labels=several, loss=SigmoidBCELoss(from_sigmoid=True)) == [
            ("not-logits", "warning")
        ]
        assert found(ending("sigmoid"), labels=several, loss=SigmoidBCELoss()) == ONCE
        assert found(ending("logits"), labels=several, loss=SigmoidBCELoss()) == []

    def test_the_floor_in_the_message(self):
        message = examine(ending("softmax"), questions(8, 1), loss=SoftmaxCELoss())[1].message
        # ln(4 + e) - 1
        assert "= 0.9048 nats" in message


RANGE = [("label-range", "error")]


class TestLabelRange:
    @pytest.mark.parametrize("wrong", [NUM_CLASSES, -2, 1000])
    def test_ids_that_are_no_class(self, wrong):
        one, many = ONE.copy(), MANY.copy()
        one[3], many[3, 1] = wrong, wrong
        for loss in (SoftmaxCELoss(), None):
            assert found(ending("logits"), labels=one, loss=loss) == RANGE
        for name in LOSSES:
            assert found(ending("logits"), labels=many, loss=LOSSES[name]()) == RANGE
        (finding,) = examine(ending("logits"), questions(8, 1), labels=many)
        assert f"1 labels are outside [0, 5), for example {wrong} in row 3" in finding.message

    def test_unknown_answers_that_are_trained_as_class_0(self):
        one = ONE.copy()
        one[3] = -1
        assert found(ending("logits"), labels=one) == []
        assert found(ending("logits"), labels=one, loss=masked) == []
        assert found(ending("logits"), labels=one, loss=SoftmaxCELoss()) == RANGE
        (finding,) = examine(ending("logits"), questions(8, 1), labels=one, loss=SoftmaxCELoss())
        assert "1 labels are -1 and the loss trains them as class 0" in finding.message

    def test_unknown_answers_among_several(self):
        assert int((MANY == -1).sum().asscalar()) > 0
        for name in LOSSES:
            assert found(ending("logits"), labels=MANY, loss=LOSSES[name]()) == []
        assert found(ending("logits"), labels=MANY, loss=mean_over_slots) == RANGE
        assert found(ending("logits"), labels=MANY, loss=only_rows_masked) == RANGE
        assert found(ending("logits"), labels=MANY.abs(), loss=mean_over_slots) == []

    def test_a_loss_that_refuses_unknown_answers(self):
        def refuses(logits, labels):
            assert labels.min().asscalar() >= 0
            return SoftmaxCELoss()(logits, labels)

        one = ONE.copy()
        one[3] = -1
        assert found(ending("logits"), labels=one, loss=refuses) == []


BINARY = nd.array([0, 1, 1, 0, 0, 1, 0, 1])
COUNTS = nd.array([0, 3, 1, 7, 2, 0, 5, 1])
gluon_loss = mx.gluon.loss
ONE_LOGIT = {
    "sigmoid": (SigmoidBCELoss(), BINARY),
    "logistic": (gluon_loss.LogisticLoss(label_format="binary"), BINARY),
    "signed logistic": (gluon_loss.LogisticLoss(), 2 * BINARY - 1),
    "hinge": (gluon_loss.HingeLoss(), 2 * BINARY - 1),
    "squared hinge": (gluon_loss.SquaredHingeLoss(), 2 * BINARY - 1),
    "huber": (gluon_loss.HuberLoss(), COUNTS),
    "square": (gluon_loss.L2Loss(), COUNTS),
    "absolute": (gluon_loss.L1Loss(), COUNTS),
    "poisson": (gluon_loss.PoissonNLLLoss(), COUNTS),
    "none": (None, BINARY),
    "none, signed": (None, 2 * BINARY - 1),
}


class TestLabelsThatAreNoIds:
    """Labels of one logit, counts, signs and sequences have no range; a label that a loss clips has."""

    @pytest.mark.parametrize("flat", [False, True])
    @pytest.mark.parametrize("name", ONE_LOGIT)
    def test_one_logit(self, name, flat):
        loss, labels = ONE_LOGIT[name]
        end = (lambda self, x: self.o(x).reshape((-1,))) if flat else (lambda self, x: self.o(x))
        net = initialised(lambda: Calls(end, o=nn.Dense(1)), 1)
        for shape in ((8,), (8, 1)):
            assert found(net, labels=labels.reshape(shape), loss=loss) == []

    def test_softmax_over_one_logit_learns_nothing(self):
        net = initialised(lambda: nn.Dense(1), 1)
        (finding,) = examine(net, questions(8, 1), labels=BINARY, loss=SoftmaxCELoss())
        assert (finding.code, finding.severity) == ("label-range", "error")
        assert "softmax over one class" in finding.message

    def test_several_values_per_question(self):
        several = nd.array(np.random.RandomState(0).randint(0, 2, (8, NUM_CLASSES)))
        for loss, labels in (
            (gluon_loss.HingeLoss(), 2 * several - 1),
            (gluon_loss.SquaredHingeLoss(), 2 * several - 1),
            (gluon_loss.L2Loss(), 9 * several - 1),
            (gluon_loss.HuberLoss(), 9 * several - 1),
            (None, 9 * several - 1),
        ):
            assert found(ending("logits"), labels=labels, loss=loss) == []

    def test_padding_of_a_sequence(self):
        net = initialised(lambda: nn.Dense(6, flatten=False), 1)
        labels = np.random.RandomState(0).randint(0, 4, (8, 3))
        labels[:4, 2] = -1
        assert found(net, labels=nd.array(labels), loss=gluon_loss.CTCLoss()) == []

    @pytest.mark.parametrize("num_classes", [2, 3])
    def test_ids_of_few_classes(self, num_classes):
        net = initialised(lambda: nn.Dense(num_classes), 1)
        inside = nd.array(np.arange(8) % num_classes)
        assert found(net, labels=inside, loss=SoftmaxCELoss()) == []
        assert found(net, labels=inside + 1, loss=SoftmaxCELoss()) == RANGE
        assert found(net, labels=inside - 1, loss=SoftmaxCELoss()) == RANGE

    def test_a_label_counted_from_the_end(self):
        def indexed(logits, labels):
            ids = nd.where(labels < 0, labels + NUM_CLASSES, labels)
            return SoftmaxCELoss()(logits, ids)

        one = ONE.copy()
        one[3] = -1
        (finding,) = examine(ending("logits"), questions(8, 1), labels=one, loss=indexed)
        assert "trains them as class 4" in finding.message


class TestRawLogits:
    """A loss that takes log-probabilities, by default or by choice, under a network that gives logits."""

    TARGETS = nd.softmax(nd.array(np.random.RandomState(0).normal(size=(8, NUM_CLASSES))))

    def test_kl_divergence_takes_log_probabilities_by_default(self):
        loss = mx.gluon.loss.KLDivLoss()
        (finding,) = examine(ending("logits"), questions(8, 1), labels=self.TARGETS, loss=loss)
        assert (finding.code, finding.severity) == ("activation-mismatch", "error")
        assert "from_logits=False" in finding.message
        assert found(ending("log-softmax"), labels=self.TARGETS, loss=loss) == []
        right = mx.gluon.loss.KLDivLoss(from_logits=False)
        assert found(ending("logits"), labels=self.TARGETS, loss=right) == []

    def test_cross_entropy_of_soft_targets(self):
        options = {"from_logits": True, "sparse_label": False}
        for loss, end, expected in (
            (SoftmaxCELoss(sparse_label=False), "logits", []),
            (SoftmaxCELoss(**options), "log-softmax", []),
            (SoftmaxCELoss(**options), "logits", [("activation-mismatch", "error")]),
        ):
            assert found(ending(end), labels=self.TARGETS, loss=loss) == expected


class TestEntropyFloor:
    """Five questions, three copies of each; four have three answers, one has one: no mean loss is below 4/5 ln 3."""

    LABELS = nd.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 12, 12])

    def network(self, layout, steps):
        copies = nd.array(np.repeat(np.random.RandomState(1).normal(size=(5, 6, 4)), 3, axis=0))
        net = initialised(lambda: Recurrent("LSTM", layout), 1)
        net.output = mx.gluon.nn.Dense(13)
        net.output.initialize()
        trainer = mx.gluon.Trainer(net.collect_params(), "adam", {"learning_rate": 0.03})
        for _ in range(steps):
            with mx.autograd.record():
                loss = SoftmaxCELoss()(net(copies), self.LABELS)
            loss.backward()
            trainer.step(15)
        return net, copies

    def test_a_network_that_knows_the_row(self):
        net, copies = self.network("TNC", 200)
        findings = {f.code: f.message for f in examine(net, copies, labels=self.LABELS, loss=SoftmaxCELoss())}
        assert "0.8789" in findings["below-entropy-floor"]
        assert "position-leak" in findings

    def test_a_network_that_cannot_know_it(self):
        net, copies = self.network("NTC", 400)
        mean = SoftmaxCELoss()(net(copies), self.LABELS).mean().asscalar()
        assert 0.8788 < mean < 0.9  # at the least mean loss
        assert examine(net, copies, labels=self.LABELS, loss=SoftmaxCELoss()) == []

    def test_the_same_questions_as_whole_rows(self):
        net, copies = self.network("NTC", 400)
        whole = self.LABELS.reshape((5, 3)).astype("int32")
        for name in LOSSES:
            assert examine(net, copies[::3], labels=whole, loss=LOSSES[name]()) == []

    def test_raw_logits_under_a_loss_for_log_probabilities(self):
        net, copies = self.network("NTC", 400)
        loss = SoftmaxCELoss(**{"from_logits": True})
        codes = [f.code for f in examine(net, copies, labels=self.LABELS, loss=loss)]
        assert codes == ["below-entropy-floor"]

    def test_losses_that_are_no_cross_entropy_have_no_floor(self):
        net, copies = self.network("NTC", 400)
        for factor in (0.1, 0.0):
            assert examine(net, copies, labels=self.LABELS, loss=lambda z, y, f=factor: f * SoftmaxCELoss()(z, y)) == []


def test_a_loss_that_returns_a_number():
    def number(logits, labels):
        return float(SoftmaxCELoss()(logits, labels).mean().asscalar())

    assert found(ending("logits"), labels=ONE, loss=number) == []
    assert found(ending("softmax"), labels=ONE, loss=number) == TWICE


def test_a_loss_that_takes_no_known_shape_of_labels():
    def odd(logits, labels):
        assert labels.shape == (8, 7)

    with pytest.raises(VqaError, match="labels of none of the shapes"):
        examine(ending("logits"), questions(8, 1), loss=odd)


def test_the_gradients_of_a_loss_with_weights_are_left_alone():
    class Weighted(mx.gluon.Block):
        def __init__(self):
            super().__init__()
            self.scale = self.params.get("scale", shape=(1,), init="ones")

        def forward(self, logits, labels):
            return self.scale.data() * SoftmaxCELoss()(logits, labels)

    loss = Weighted()
    loss.initialize()
    one = ONE.copy()
    one[3] = -1
    assert found(ending("logits"), labels=one, loss=loss) == [("label-range", "error")]
    assert float(loss.scale.grad().asscalar()) == 0
