"""examine() finds every sick network of the zoo and none of the healthy ones, and leaves no trace."""

from __future__ import annotations

import random

import networks
import numpy as np
import pytest
from networks import (
    HEALTHY,
    SICK,
    Calls,
    Recurrent,
    WithIndex,
    initialised,
    nd,
    questions,
    sequential,
    train,
    with_index_batch,
)

from vqa._mxnet import mx
from vqa.doctor import examine
from vqa.errors import VqaError

nn = mx.gluon.nn


def codes(*args, **kwargs):
    return [finding.code for finding in examine(*args, **kwargs)]


@pytest.mark.parametrize("hybridize", [False, True], ids=["plain", "hybridized"])
@pytest.mark.parametrize("name", HEALTHY)
def test_a_healthy_network_gives_nothing(name, hybridize):
    assert examine(initialised(HEALTHY[name], 1, hybridize), questions(8, 1)) == []


@pytest.mark.parametrize("hybridize", [False, True], ids=["plain", "hybridized"])
@pytest.mark.parametrize("name", SICK)
def test_a_sick_network_is_found(name, hybridize):
    make, code = SICK[name]
    findings = examine(initialised(make, 1, hybridize), questions(8, 1))
    assert code in [finding.code for finding in findings]
    assert {finding.severity for finding in findings} == {"error"}


@pytest.mark.parametrize("num_rows", [2, 3, 33])
@pytest.mark.parametrize("name", ["biGRU2", "batch-norm", "dropout", "flattened"])
def test_trained_networks_of_other_batch_sizes(name, num_rows):
    for make, code in ((HEALTHY[name], None), SICK[name]):
        net, inputs = initialised(make, 2), questions(num_rows, 2)
        train(net, inputs, 2)
        found = codes(net, inputs)
        assert (code in found) if code else found == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(6))
def test_the_whole_zoo_over_many_seeds(seed):
    # Batch sizes take turns, so that each meets every kind of initialisation and of hybridization.
    sizes = [2, 3, 4, 6, 8, 11, 16, 23, 32, 64]
    wrong = []
    for place, (name, make, code) in enumerate(
        [(name, make, None) for name, make in HEALTHY.items()] + [(name, *case) for name, case in SICK.items()]
    ):
        num_rows = sizes[(seed + place) % len(sizes)]
        net, inputs = initialised(make, seed, (seed + place) % 2), questions(num_rows, seed)
        for trained in (False, True):
            if trained and code != "non-finite":
                train(net, inputs, seed)
            found = codes(net, inputs)
            if (code not in found) if code else found:
                wrong.append((name, num_rows, trained, found))
    # A network that training has killed (no unit of its hidden layer is ever above zero) has nothing to show.
    assert wrong == []


class TestInputsThatHangTogether:
    """Images shared by questions, tables, states: what is permuted is what belongs to a question."""

    @pytest.mark.parametrize("dtype", ["int32", "float32"])
    @pytest.mark.parametrize(("num_questions", "num_images"), [(2, 1), (2, 2), (3, 2), (8, 3), (8, 8), (16, 7)])
    def test_questions_that_share_images(self, num_questions, num_images, dtype):
        for seed in range(3):
            inputs = with_index_batch(num_questions, num_images, seed, dtype)
            assert codes(initialised(WithIndex, seed), inputs) == []
            sick = initialised(lambda: WithIndex(layout="TNC"), seed)
            assert "position-leak" in codes(sick, inputs)

    @pytest.mark.parametrize(("num_questions", "num_images"), [(3, 2), (8, 3), (8, 8), (16, 7)])
    def test_an_image_encoder_that_looks_at_other_images(self, num_questions, num_images):
        for seed in range(3):
            inputs = with_index_batch(num_questions, num_images, seed)
            along = initialised(lambda: WithIndex(networks.AlongTheImages()), seed)
            assert {"position-leak", "batch-size"} <= set(codes(along, inputs))
            statistics = initialised(lambda: WithIndex(networks.ImageStatistics()), seed)
            assert "neighbour-leak" in codes(statistics, inputs)

    @pytest.mark.parametrize("num_images", [7, 8])
    def test_lengths_are_never_taken_out_of_their_values(self, num_images):
        # Lengths look like places in the images, and a length of 0 makes MXNet read outside its memory.
        seen = set()

        class Spy(WithIndex):
            def forward(self, images, image_index, tokens, lengths):
                seen.update(lengths.asnumpy().tolist())
                return super().forward(images, image_index, tokens, lengths)

        inputs = with_index_batch(8, num_images, 0)
        assert codes(initialised(Spy, 0), inputs) == []
        assert seen == set(inputs[3].asnumpy().tolist())

    @pytest.mark.parametrize("num_rows", [2, 3, 5, 7])
    def test_a_table_of_classes_that_all_questions_share(self, num_rows):
        def similarity(self, x, classes):
            return nd.dot(self.a(x), self.b(classes), transpose_b=True)

        net = initialised(lambda: Calls(similarity, a=nn.Dense(4), b=nn.Dense(4)), 0)
        # 5 classes: with 5 rows nothing in the shapes tells the table from questions.
        assert codes(net, (questions(num_rows, 0), questions(5, 1))) == []

    @pytest.mark.parametrize("layout", ["NTC", "TNC"])
    @pytest.mark.parametrize("num_rows", [2, 6, 9])
    def test_word_places_that_all_questions_share(self, num_rows, layout):
        def places(self, x, table):
            return self.output(nd.mean(self.rnn(nd.broadcast_add(x, nd.expand_dims(table, axis=0))), axis=1))

        net = initialised(lambda: Calls(places, rnn=mx.gluon.rnn.GRU(8, layout=layout), output=nn.Dense(5)), 0)
        found = codes(net, (questions(num_rows, 0), questions(6, 1)[:, 0]))
        assert ("position-leak" in found) if layout == "TNC" else found == []

    @pytest.mark.parametrize("num_rows", [2, 4, 7])
    def test_time_first_inputs_of_a_time_first_network(self, num_rows):
        # 4 rows: as many as there are time steps.
        inputs = nd.array(np.random.RandomState(0).normal(size=(4, num_rows, 3)))
        assert codes(initialised(networks.TimeMajor, 0), inputs) == []

    @pytest.mark.parametrize("layers", [1, 2])
    def test_states_with_the_questions_on_the_second_axis(self, layers):
        def stateful(self, x, state):
            return self.output(self.rnn(nd.swapaxes(x, 0, 1), [state])[1][0][-1])

        net = initialised(lambda: Calls(stateful, rnn=mx.gluon.rnn.GRU(8, layers), output=nn.Dense(5)), 0)
        state = nd.array(np.random.RandomState(1).normal(size=(layers, 5, 8)))
        assert codes(net, (questions(5, 0), state)) == []

    @pytest.mark.parametrize("pooled", ["last", "mean"])
    def test_as_many_words_as_rows(self, pooled):
        inputs = nd.array(np.random.RandomState(0).normal(size=(5, 5, 5)))
        assert codes(initialised(lambda: Recurrent("GRU", "NTC", pooled=pooled), 0), inputs) == []
        assert "position-leak" in codes(initialised(lambda: Recurrent("GRU", "TNC", pooled=pooled), 0), inputs)

    def test_an_unused_index_is_no_excuse(self):
        def ignores(self, x, index):
            return self.inner(x)

        net = initialised(lambda: Calls(ignores, inner=Recurrent("LSTM", "TNC")), 0)
        assert "position-leak" in codes(net, (questions(6, 0), nd.arange(6, dtype="int32")))

    def test_a_mean_over_the_batch_is_no_shared_table(self):
        def mean(self, x, y):
            return self.output(nd.broadcast_add(self.a(y), nd.mean(self.b(x), axis=0, keepdims=True)))

        net = initialised(lambda: Calls(mean, a=nn.Dense(8), b=nn.Dense(8), output=nn.Dense(5)), 0)
        assert "neighbour-leak" in codes(net, (questions(6, 0), questions(6, 1)))

    def test_trimming_to_the_longest_question(self):
        def trimmed(self, x, lengths):
            states = self.rnn(x[:, : int(lengths.max().asscalar())])
            if self.masked:
                states = nd.swapaxes(states, 0, 1)
                states = nd.SequenceMask(states, lengths.astype("float32"), use_sequence_length=True)
                return self.output(nd.sum(states, axis=0))
            return self.output(nd.mean(states, axis=1))

        inputs = questions(5, 0), nd.array([6, 2, 2, 3, 2], dtype="int32")
        for masked in (True, False):
            net = initialised(lambda: Calls(trimmed, rnn=mx.gluon.rnn.GRU(8, layout="NTC"), output=nn.Dense(5)), 0)
            net.masked = masked
            assert codes(net, inputs) == ([] if masked else ["neighbour-leak", "batch-size"])

    def test_tokens_of_either_type(self):
        for dtype in ("int32", "int64", "float32"):
            tokens = nd.array(np.random.RandomState(0).randint(0, 30, (6, 6)), dtype=dtype)
            for layout in ("NTC", "TNC"):
                net = initialised(
                    lambda layout=layout: Calls(
                        lambda self, t: self.rnn(self.embedding(t)),
                        embedding=nn.Embedding(30, 4),
                        rnn=Recurrent("RNN", layout),
                    ),
                    0,
                )
                assert ("position-leak" in codes(net, tokens)) == (layout == "TNC")


class TestSmallSigns:
    """Cases where little tells the sick from the healthy."""

    def test_copies_alone_betray_a_leak(self):
        one = np.random.RandomState(0).normal(size=(1, 6, 4))
        copies = nd.array(np.repeat(one, 5, axis=0))
        assert codes(initialised(Recurrent, 0), copies) == []
        assert "position-leak" in codes(initialised(lambda: Recurrent(layout="TNC"), 0), copies)

    def test_logits_far_from_zero(self):
        # The offset leaves 3 digits of the logits; a leak is larger than that.
        for make, code in ((HEALTHY["dense"], None), SICK["dense"]):
            net = Calls(lambda self, x: self.inner(x) + 1e4, inner=make())
            net.initialize(mx.init.Normal(0.5))
            found = codes(net, questions(6, 0))
            assert (code in found) if code else found == []

    def test_a_leak_hidden_behind_dead_units(self):
        def dead(self, x):
            return self.output(nd.relu(self.inner(x) - 100))

        net = initialised(lambda: Calls(dead, inner=Recurrent("GRU", "TNC"), output=nn.Dense(5)), 0)
        assert float(net(questions(6, 0)).abs().max().asscalar()) == 0
        healthy = initialised(lambda: Calls(dead, inner=Recurrent("GRU", "NTC"), output=nn.Dense(5)), 0)
        assert codes(healthy, questions(6, 0)) == []

    def test_rows_that_differ_in_what_the_network_does_not_use(self):
        net = initialised(lambda: Calls(lambda self, image, question: self.o(question), o=nn.Dense(5)), 0)
        same = nd.array(np.repeat(questions(1, 0).asnumpy(), 4, axis=0))
        assert codes(net, (questions(4, 1), same)) == []

    def test_weights_that_are_not_finite_though_the_outputs_are(self):
        net = initialised(HEALTHY["dense"], 1)
        net(questions(4, 1))
        net.first.weight.set_data(net.first.weight.data() * np.nan)
        assert np.isfinite(net(questions(4, 1)).asnumpy()).all()
        (finding,) = examine(net, questions(4, 1))
        assert (finding.code, finding.severity) == ("non-finite", "error")
        assert net.first.weight.name in finding.message

    def test_dropout_of_few_units(self):
        # Two masks agree half of the time with one unit; a draw must not pass for a leak.
        def one_unit(self, x):
            return nd.broadcast_mul(nd.Dropout(nd.ones((1, 1)), p=0.5, mode="always"), self.output(x))

        for seed in range(10):
            net = initialised(lambda: Calls(one_unit, output=nn.Dense(5)), seed)
            assert codes(net, questions(4, seed)) == ["nondeterministic"]

    def test_one_row(self):
        assert codes(initialised(Recurrent, 0), questions(1, 0)) == []
        # Asked twice in one batch, the question gets two answers.
        assert codes(initialised(lambda: Recurrent(layout="TNC"), 0), questions(1, 0)) == ["batch-size"]
        assert codes(initialised(WithIndex, 0), with_index_batch(1, 1, 0)) == []


LEAKS = ("LSTM1", "batch-norm", "dense", "dropout", "noise", "batch-sum")
ENDS = {
    "masked answers": lambda z: nd.where(nd.zeros_like(z) + nd.array([1, 0, 0, 1, 1]), z, nd.zeros_like(z) - 1e9),
    "added mask": lambda z: nd.broadcast_add(z, nd.array([0, -1e9, -1e9, 0, 0])),
    "one class of another scale": lambda z: nd.broadcast_mul(z, nd.array([1, 1, 1e6, 1, 1])),
    "one class far away": lambda z: nd.broadcast_add(z, nd.array([0, 0, 3e4, 0, 0])),
}


class TestScales:
    """One large logit hides nothing: the tolerance of a logit comes from the logits of its class and scale."""

    def network(self, make, end, hybridize, trained):
        inner = initialised(make, 1, hybridize)
        if trained:
            train(inner, questions(8, 1), 1)
        net = Calls(lambda self, x: self.end(self.inner(x)), inner=inner)
        net.end = ENDS[end]
        return net

    @pytest.mark.parametrize("trained", [False, True], ids=["untrained", "trained"])
    @pytest.mark.parametrize("name", LEAKS)
    @pytest.mark.parametrize("end", ENDS)
    def test_a_leak_beside_a_large_logit(self, name, end, trained):
        make, code = SICK[name]
        assert code in codes(self.network(make, end, trained, trained), questions(8, 1))

    @pytest.mark.parametrize("name", ["LSTM1", "batch-norm", "dense", "dropout", "signed-root"])
    @pytest.mark.parametrize("end", ENDS)
    def test_a_healthy_network_with_a_large_logit(self, name, end):
        assert codes(self.network(HEALTHY[name], end, False, True), questions(8, 1)) == []

    @pytest.mark.parametrize("name", ["LSTM1", "batch-norm", "dense", "dropout"])
    def test_a_mask_for_each_question_type(self, name):
        def masked(self, x, mask):
            z = self.inner(x)
            return nd.where(mask, z, nd.zeros_like(z) - 1e9)

        random = np.random.RandomState(2)
        mask = nd.array(np.array([[1, 1, 0, 0, 0], [0, 0, 1, 1, 1], [1, 0, 0, 0, 0]])[random.randint(0, 3, 9)])
        for make, code in ((HEALTHY[name], None), SICK[name]):
            found = codes(initialised(lambda make=make: Calls(masked, inner=make()), 1), (questions(9, 1), mask))
            assert (code in found) if code else found == []


class TestOtherWeights:
    """Weights that hide a leak: the network is asked with others as well."""

    @pytest.mark.parametrize("end", ["last layer", "branch", "gamma", "nearly zero"])
    @pytest.mark.parametrize("name", ["LSTM1", "batch-norm", "dense", "dropout"])
    def test_zeros_hide_nothing(self, name, end):
        layers = {
            "last layer": lambda: nn.Dense(5, weight_initializer="zeros"),
            "branch": lambda: nn.Dense(5, weight_initializer="zeros"),
            "gamma": lambda: nn.BatchNorm(gamma_initializer="zeros"),
            "nearly zero": lambda: nn.Dense(5, weight_initializer=mx.init.Normal(1e-12), bias_initializer="ones"),
        }

        def forward(self, x):
            after = self.after(self.inner(x))
            return self.trunk(x) + after if end in ("branch", "gamma") else after

        for make, code in ((HEALTHY[name], None), SICK[name]):
            net = initialised(lambda make=make: Calls(forward, inner=make(), after=layers[end](), trunk=nn.Dense(5)), 1)
            findings = examine(net, questions(8, 1))
            assert (code in [f.code for f in findings]) if code else findings == []
            if code:
                assert "with other weights" in findings[0].message

    def test_rounding_that_exceeds_the_range_of_the_logits(self):
        # sin(1e6 x) turns rounding of the last place into noise as large as the signal, whatever the weights.
        net = initialised(lambda: Calls(lambda self, x: nd.sin(1e7 * self.output(x)), output=nn.Dense(5)), 1)
        (finding,) = examine(net, questions(4, 1))
        assert (finding.code, finding.severity) == ("cannot-tell", "warning")
        assert "more different questions" in finding.message


ORDERS = {
    "reversed": lambda x: nd.reverse(x, axis=0),
    "sequence-reversed": nd.SequenceReverse,
    "halves swapped": lambda x: nd.concat(x[len(x) // 2 :], x[: len(x) // 2], dim=0),
    "shifted": lambda x: nd.concat(x[1:], x[:1], dim=0),
}


class TestRowsThatChangePlaces:
    """Rows in another order are no neighbours that leak: the advice follows the evidence."""

    @pytest.mark.parametrize("num_rows", [2, 3, 8])
    @pytest.mark.parametrize("order", ORDERS)
    def test_the_advice_is_about_the_order(self, order, num_rows):
        net = initialised(lambda: Calls(lambda self, x: self.output(self.order(x)), output=nn.Dense(5)), 1)
        net.order = ORDERS[order]
        findings = examine(net, questions(num_rows, 1))
        assert [finding.code for finding in findings] == ["position-leak"]
        assert "into other rows" in findings[0].message
        assert "norm" not in findings[0].message

    def test_zeros_hide_nothing_though_a_single_question_does_not_run(self):
        net = initialised(
            lambda: Calls(
                lambda self, x: self.o(ORDERS["shifted"](self.h(x))),
                h=nn.Dense(8),
                o=nn.Dense(5, weight_initializer="zeros"),
            ),
            1,
        )
        assert codes(net, questions(8, 1)) == ["batch-size", "position-leak"]

    def test_what_runs_along_the_batch_is_told_from_statistics(self):
        along = {f.code: f.message for f in examine(initialised(SICK["LSTM1"][0], 1), questions(8, 1))}
        assert "only rows further down change" in along["neighbour-leak"]
        statistics = {f.code: f.message for f in examine(initialised(SICK["batch-norm"][0], 1), questions(8, 1))}
        assert "batch normalisation" in statistics["neighbour-leak"]
        assert "position-leak" not in statistics


class TestLogits:
    @pytest.mark.parametrize(
        "make",
        [
            lambda: Calls(lambda self, x: nd.relu(self.output(x)) * 1e-3, output=nn.Dense(3)),
            lambda: Calls(lambda self, x: nd.abs(self.output(x)) * 1e-3, output=nn.Dense(1)),
            lambda: nn.Dense(3, weight_initializer=mx.init.Normal(1e-3), bias_initializer=mx.init.Constant(0.5)),
            lambda: nn.Dense(2, weight_initializer=mx.init.Normal(1e-4), bias_initializer=mx.init.Constant(0.5)),
            lambda: nn.Dense(3, weight_initializer="zeros"),
        ],
        ids=["small", "one class", "near a half", "sums to one", "zero"],
    )
    def test_logits_between_0_and_1(self, make):
        net = initialised(make, 0)
        outputs = net(questions(2, 0)).asnumpy()
        assert outputs.min() >= 0
        assert outputs.max() <= 1
        assert codes(net, questions(2, 0)) == []

    @pytest.mark.parametrize("hidden", [False, True])
    @pytest.mark.parametrize("num_classes", [1, 2])
    def test_an_exponential_is_no_sigmoid(self, num_classes, hidden):
        def rate(self, x):
            return nd.exp(self.output(self.hidden(x) if hidden else x) - 1)

        for seed in range(15):
            net = initialised(
                lambda: Calls(rate, output=nn.Dense(num_classes), hidden=nn.Dense(8, activation="relu")), seed
            )
            assert codes(net, questions(4, seed)) == []

    @pytest.mark.parametrize("num_classes", [1, 2, 40])
    def test_squashed_outputs(self, num_classes):
        for seed in range(5):
            sigmoid = initialised(lambda: Calls(lambda self, x: nd.sigmoid(self.o(x)), o=nn.Dense(num_classes)), seed)
            softmax = initialised(lambda: Calls(lambda self, x: nd.softmax(self.o(x)), o=nn.Dense(num_classes)), seed)
            assert codes(sigmoid, questions(2, seed)) == ["not-logits"]
            if num_classes > 1:
                (finding,) = examine(softmax, questions(2, seed))
                assert finding.code == "not-logits"
                assert "sums to 1" in finding.message


class TestNoTrace:
    def test_parameters_statistics_and_modes_are_left_alone(self):
        for make in (HEALTHY["batch-norm"], HEALTHY["dropout"], networks.BatchStatistics, SICK["sigmoid"][0]):
            for hybridize in (False, True):
                net, inputs = initialised(make, 3, hybridize), questions(4, 3)
                train(net, inputs, 3)
                before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
                gradients = {n: p.grad().asnumpy() for n, p in net.collect_params().items() if p.grad_req != "null"}
                active = getattr(net, "_active", None)
                examine(net, inputs, labels=nd.array([0, 1, 2, 3]), loss=mx.gluon.loss.SoftmaxCrossEntropyLoss())
                assert getattr(net, "_active", None) == active
                for name, parameter in net.collect_params().items():
                    np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])
                    if name in gradients:
                        np.testing.assert_array_equal(parameter.grad().asnumpy(), gradients[name])

    def test_convolutions_get_their_weights_back(self):
        # oneDNN keeps them in another order once they have been used.
        net = nn.HybridSequential()
        net.add(nn.Conv2D(16, 3, activation="relu"), nn.BatchNorm(), nn.Conv2D(32, 3, strides=2), nn.Dense(5))
        net.initialize()
        net.hybridize()
        images = nd.array(np.random.RandomState(0).normal(size=(6, 3, 16, 16)))
        outputs = net(images).asnumpy()
        before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
        assert codes(net, images) == []
        for name, parameter in net.collect_params().items():
            np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])
        np.testing.assert_array_equal(net(images).asnumpy(), outputs)

    @pytest.mark.parametrize(
        "hybridize", [None, {}, {"static_alloc": True}, {"static_alloc": True, "static_shape": True}]
    )
    @pytest.mark.parametrize("used", [False, True], ids=["fresh", "used"])
    @pytest.mark.parametrize(("layer", "dimensions"), [(nn.Conv1D, 1), (nn.Conv2D, 2), (nn.Conv3D, 3)])
    def test_convolutions_whose_weights_cannot_be_written(self, layer, dimensions, used, hybridize):
        net = sequential(layer(16, 3, activation="relu"), nn.BatchNorm(), layer(32, 3), nn.Dense(5))
        net.initialize(mx.init.Xavier())
        if hybridize is not None:
            net.hybridize(**hybridize)
        images = nd.array(np.random.RandomState(0).normal(size=(4, 8, *[8] * dimensions)))
        outputs = net(images).asnumpy() if used else None
        arrays = [parameter._data for parameter in net.collect_params().values()]
        assert codes(net, images) == []
        if used:
            assert all(p._data is data for p, data in zip(net.collect_params().values(), arrays))
            np.testing.assert_array_equal(net(images).asnumpy(), outputs)
        else:
            # No operator has seen the weights: they can still be written.
            net[0].weight.set_data(net[0].weight.data() * 2)
            mx.nd.waitall()

    def test_running_statistics_of_a_deferred_network_are_those_of_the_initialiser(self):
        net = initialised(networks.BatchStatistics, 3)
        assert "neighbour-leak" in codes(net, questions(4, 3))
        np.testing.assert_array_equal(net.normalise.running_mean.data().asnumpy(), np.zeros(8))
        np.testing.assert_array_equal(net.normalise.running_var.data().asnumpy(), np.ones(8))

    def test_random_states_are_left_alone(self):
        class Draws(nn.Dense):
            def forward(self, x):
                return super().forward(x) + random.random() + np.random.rand()  # noqa: NPY002

        def drawn():
            return random.random(), np.random.rand(), mx.nd.random.uniform().asscalar()  # noqa: NPY002

        def seeded():
            random.seed(7)
            np.random.seed(7)  # noqa: NPY002
            mx.random.seed(7)

        seeded()
        expected = drawn()
        healthy, draws = initialised(HEALTHY["dropout"], 0), initialised(lambda: Draws(5), 0)
        healthy(questions(4, 0)), draws(questions(4, 0))
        seeded()
        assert codes(healthy, questions(4, 0)) == []
        assert codes(draws, questions(4, 0)) == ["nondeterministic"]
        assert drawn() == expected

    @pytest.mark.parametrize("scope", ["record", "train_mode", "pause"])
    def test_the_caller_s_mode_is_neither_used_nor_changed(self, scope):
        net = initialised(HEALTHY["dropout"], 0)
        with getattr(mx.autograd, scope)():
            modes = mx.autograd.is_recording(), mx.autograd.is_training()
            assert codes(net, questions(4, 0)) == []
            assert (mx.autograd.is_recording(), mx.autograd.is_training()) == modes

    def test_weights_are_given_back_after_an_error(self):
        def touchy(self, x):
            # Refuses any batch but the first: the examination ends in the middle of a pass with changed weights.
            self.calls = getattr(self, "calls", 0) + 1
            if self.calls > 6:
                raise KeyboardInterrupt
            return self.output(x)

        net = initialised(lambda: Calls(touchy, output=nn.Dense(5, in_units=24)), 0)
        before = net.output.weight.data().asnumpy()
        with pytest.raises(KeyboardInterrupt):
            examine(net, questions(4, 0))
        np.testing.assert_array_equal(net.output.weight.data().asnumpy(), before)


class TestInterface:
    def test_one_input_or_a_tuple_or_a_list(self):
        net = initialised(HEALTHY["dense"], 0)
        inputs = questions(4, 0)
        assert examine(net, inputs) == examine(net, (inputs,)) == examine(net, [inputs]) == []

    def test_the_same_findings_every_time(self):
        net = initialised(SICK["LSTM1"][0], 0)
        assert examine(net, questions(8, 0)) == examine(net, questions(8, 0))

    def test_parameters_with_deferred_initialization(self):
        net = nn.Dense(3)
        net.initialize()
        assert codes(net, questions(4, 0)) == []
        assert net.weight.shape == (3, 24)

    def test_wrong_inputs_are_named(self):
        net = initialised(HEALTHY["dense"], 0)
        with pytest.raises(VqaError, match="tuple of NDArrays, got ndarray at position 0"):
            examine(net, np.zeros((2, 3)))
        with pytest.raises(VqaError, match="the output has 1 rows, the inputs have the shapes"):
            examine(nn.HybridLambda(lambda F, x: F.mean(x, axis=0)[:1]), questions(4, 0))
        with pytest.raises(VqaError, match=r"labels of shape \(4,\) or \(4, answers\), got \(3,\)"):
            examine(net, questions(4, 0), labels=[0, 1, 2])
        with pytest.raises(VqaError, match="whole numbers"):
            examine(net, questions(4, 0), labels=[0, 1, 2, 0.5])

    def test_messages_hold_the_numbers_and_the_fix(self):
        for name, words in {
            "LSTM1": ("permuting the 8 rows", "tolerance", "range", "layout='NTC'"),
            "batch-norm": ("replacing the other rows", "tolerance", "batch normalisation"),
            "flattened": ("a batch of 8 runs, one of 16 does not", "reshape"),
            "dropout": ("in predict mode differ by", "mode='always'", "Constant"),
            "sigmoid": ("[0, 1]", "raw logits"),
            "infinite": ("40 of 40 outputs", "row 0"),
        }.items():
            make, code = SICK[name]
            (message,) = [f.message for f in examine(initialised(make, 1), questions(8, 1)) if f.code == code]
            assert "\n" not in message
            for word in words:
                assert word in message
