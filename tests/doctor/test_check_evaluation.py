"""check_evaluation() on evaluation functions as people write them, each mistake beside the right form."""

from __future__ import annotations

import numpy as np
import pytest
from networks import HEALTHY, SICK, initialised, nd, nn, questions, sequential, train

from vqa._mxnet import mx
from vqa.doctor import check_evaluation
from vqa.errors import VqaError

NUM_ROWS, BATCH = 23, 5


@pytest.fixture
def net():
    network = initialised(HEALTHY["dropout"], 1)
    train(network, questions(NUM_ROWS, 1), 1)
    return network


@pytest.fixture
def data():
    return questions(NUM_ROWS, 1), nd.array(np.random.RandomState(1).randint(0, 5, NUM_ROWS))


def codes(evaluate, net, data):
    return [(finding.code, finding.severity) for finding in check_evaluation(evaluate, net, data)]


def evaluate_with(metric_of, *, stop=NUM_ROWS, scope=None):
    """An evaluation loop over (inputs, labels); `metric_of` gives the metric of each call."""

    def evaluate(net, data):
        inputs, labels = data
        metric = metric_of()
        for start in range(0, stop, BATCH):
            batch, answers = inputs[start : start + BATCH], labels[start : start + BATCH]
            if scope is None:
                metric.update(answers, net(batch))
            else:
                with scope():
                    metric.update(answers, net(batch))
        return metric.get()

    return evaluate


def test_a_right_evaluation(net, data):
    assert codes(evaluate_with(mx.metric.Accuracy), net, data) == []
    loss = mx.gluon.loss.SoftmaxCrossEntropyLoss()
    assert codes(lambda net, data: loss(net(data[0]), data[1]).mean(), net, data) == []
    assert codes(lambda net, data: {"accuracy": 0.5, "loss": [net(data[0]).mean().asscalar()]}, net, data) == []


def test_a_metric_that_is_reset_by_hand(net, data):
    metric = mx.metric.Accuracy()

    def reset():
        metric.reset()
        return metric

    assert codes(evaluate_with(reset), net, data) == []


def test_a_metric_that_is_never_reset(net, data):
    metric = mx.metric.Accuracy()
    # Twice the same number would come from twice the same answers: the weights are changed in between.
    (finding,) = check_evaluation(evaluate_with(lambda: metric), net, data)
    assert (finding.code, finding.severity) == ("metric-not-reset", "error")
    assert "metric.reset()" in finding.message


@pytest.mark.parametrize("scope", [mx.autograd.record, mx.autograd.train_mode])
def test_train_mode(net, data, scope):
    assert codes(evaluate_with(mx.metric.Accuracy, scope=scope), net, data) == [("recording-while-evaluating", "error")]


def test_recording_in_predict_mode_is_only_a_waste(net, data):
    def scope():
        return mx.autograd.record(train_mode=False)

    assert codes(evaluate_with(mx.metric.Accuracy, scope=scope), net, data) == [
        ("recording-while-evaluating", "warning")
    ]


def test_the_tail_left_out(net, data):
    findings = check_evaluation(evaluate_with(mx.metric.Accuracy, stop=NUM_ROWS - BATCH + 1), net, data)
    assert [finding.code for finding in findings] == ["rows-dropped"]
    assert "saw 20 of 23 rows" in findings[0].message


def test_all_three_at_once(net, data):
    metric = mx.metric.Accuracy()
    evaluate = evaluate_with(lambda: metric, stop=NUM_ROWS - BATCH + 1, scope=mx.autograd.record)
    assert [code for code, _ in codes(evaluate, net, data)] == [
        "recording-while-evaluating",
        "metric-not-reset",
        "rows-dropped",
    ]


def evaluate_batches(net, batches):
    metric = mx.metric.Accuracy()
    for inputs, labels in batches:
        metric.update(labels, net(inputs))
    return metric.get()[1]


def test_loaders_that_drop_the_last_batch(net, data):
    dataset = mx.gluon.data.ArrayDataset(*data)
    for last, expected in (("keep", []), ("discard", [("rows-dropped", "error")])):
        loader = mx.gluon.data.DataLoader(dataset, BATCH, last_batch=last)
        assert codes(evaluate_batches, net, loader) == expected
    batches = [(data[0][:20], data[1][:20]), (data[0][20:], data[1][20:])]
    assert codes(evaluate_batches, net, batches) == []
    assert codes(lambda net, batches: evaluate_batches(net, batches[:1]), net, batches) == [("rows-dropped", "error")]


def test_an_iterator_of_mxnet(net, data):
    def evaluate(net, batches):
        batches.reset()
        metric = mx.metric.Accuracy()
        for batch in batches:
            kept = batch.data[0].shape[0] - batch.pad
            metric.update(batch.label[0][:kept], net(batch.data[0])[:kept])
        return metric.get()[1]

    for last, expected in (("pad", []), ("discard", [("rows-dropped", "error")])):
        iterator = mx.io.NDArrayIter(data[0].asnumpy(), data[1].asnumpy(), BATCH, last_batch_handle=last)
        assert codes(evaluate, net, iterator) == expected


def test_a_random_network_is_not_taken_for_a_metric(data):
    net = initialised(SICK["noise"][0], 1)
    train(net, data[0], 1)

    def loss(net, data):
        return mx.gluon.loss.SoftmaxCrossEntropyLoss()(net(data[0]), data[1]).mean()

    found = codes(loss, net, data)
    assert found
    assert set(found) <= {("nondeterministic", "error"), ("metric-not-reset", "error")}


class TestOrder:
    """Loaders that shuffle: with their labels they are right, against labels in the order of the file they are not."""

    @pytest.fixture(params=["numpy", "own generator"])
    def loader(self, request, data):
        dataset = mx.gluon.data.ArrayDataset(*data)
        if request.param == "numpy":
            return mx.gluon.data.DataLoader(dataset, BATCH, shuffle=True)

        class OwnGenerator(mx.gluon.data.Sampler):
            generator = np.random.default_rng(5)

            def __iter__(self):
                return iter(self.generator.permutation(NUM_ROWS).tolist())

            def __len__(self):
                return NUM_ROWS

        return mx.gluon.data.DataLoader(dataset, BATCH, sampler=OwnGenerator())

    def test_labels_of_the_same_batch(self, net, loader):
        assert codes(evaluate_batches, net, loader) == []

    def test_labels_in_the_order_of_the_file(self, net, data, loader):
        def evaluate(net, batches):
            chosen = nd.concat(*(net(inputs) for inputs, _ in batches), dim=0).argmax(axis=1)
            return (chosen == data[1]).mean()

        (finding,) = check_evaluation(evaluate, net, loader)
        assert (finding.code, finding.severity) == ("nondeterministic", "error")
        assert "another order" in finding.message
        assert "shuffle=False" in finding.message

    def test_a_metric_that_is_never_reset(self, net, loader):
        metric = mx.metric.Accuracy()

        def evaluate(net, batches):
            for inputs, labels in batches:
                metric.update(labels, net(inputs))
            return metric.get()[1]

        assert codes(evaluate, net, loader) == [("metric-not-reset", "error")]


def test_dropout_that_is_on_while_the_numbers_agree(data):
    # Every answer is counted as right: the accuracy is 1 in every pass, and the logits differ.
    net = initialised(SICK["dropout"][0], 1)

    def always_right(net, data):
        return float((net(data[0]).argmax(axis=1) >= 0).mean().asscalar())

    (finding,) = check_evaluation(always_right, net, data)
    assert finding.code == "nondeterministic"
    assert "agree by chance" in finding.message


def test_the_last_batch_left_out_in_two_passes(net, data):
    def twice(net, data):
        accuracy = evaluate_with(mx.metric.Accuracy, stop=NUM_ROWS - BATCH + 1)
        loss = evaluate_with(mx.metric.CrossEntropy, stop=NUM_ROWS - BATCH + 1)
        return accuracy(net, data)[1], loss(lambda batch: nd.softmax(net(batch)), data)[1]

    findings = check_evaluation(twice, net, data)
    assert [finding.code for finding in findings] == ["rows-dropped"]
    assert "saw 20 of 23 rows" in findings[0].message


def test_every_row_seen_twice_is_no_row_dropped(net, data):
    def flipped_too(net, data):
        inputs, labels = data
        return float(((net(inputs) + net(inputs[:, ::-1])).argmax(axis=1) == labels).mean().asscalar())

    assert codes(flipped_too, net, data) == []


def test_copies_of_questions_are_no_second_pass(net, data):
    copies = nd.concat(*[data[0]] * 2, dim=0), nd.concat(*[data[1]] * 2, dim=0)
    assert codes(evaluate_with(mx.metric.Accuracy, stop=2 * NUM_ROWS), net, copies) == []
    dropping = evaluate_with(mx.metric.Accuracy, stop=2 * NUM_ROWS - BATCH)
    assert codes(dropping, net, copies) == [("rows-dropped", "error")]


@pytest.mark.parametrize("metric", [mx.metric.Accuracy, mx.metric.Loss])
def test_padding_that_is_counted_twice(net, data, metric):
    def evaluate(net, batches):
        batches.reset()
        counted = metric()
        for batch in batches:
            logits = net(batch.data[0])
            if metric is mx.metric.Loss:
                counted.update(None, mx.gluon.loss.SoftmaxCrossEntropyLoss()(logits, batch.label[0]))
            else:
                counted.update(batch.label[0], logits)
        return counted.get()[1]

    iterator = mx.io.NDArrayIter(data[0].asnumpy(), data[1].asnumpy(), BATCH)
    (finding,) = check_evaluation(evaluate, net, iterator)
    assert (finding.code, finding.severity) == ("rows-repeated", "error")
    assert "2 rows" in finding.message
    assert "batch.pad" in finding.message
    whole = mx.io.NDArrayIter(data[0][:20].asnumpy(), data[1][:20].asnumpy(), BATCH)
    assert codes(evaluate, net, whole) == []


@pytest.mark.parametrize(("layer", "shape"), [(nn.Conv1D, (NUM_ROWS, 8, 9)), (nn.Conv3D, (NUM_ROWS, 8, 5, 5, 5))])
def test_convolutions_whose_weights_cannot_be_written(layer, shape):
    inputs = nd.array(np.random.RandomState(1).normal(size=shape))
    labels = nd.array(np.random.RandomState(1).randint(0, 5, NUM_ROWS))
    net = initialised(lambda: sequential(layer(16, 3, activation="relu"), nn.Dense(5)), 1, hybridize=True)
    before = net(inputs).asnumpy()
    assert codes(evaluate_with(mx.metric.Accuracy), net, (inputs, labels)) == []
    np.testing.assert_array_equal(net(inputs).asnumpy(), before)


def test_weights_statistics_and_hooks_are_left_alone(data):
    net = initialised(HEALTHY["batch-norm"], 1)
    train(net, data[0], 1)
    before = {name: p.data().asnumpy() for name, p in net.collect_params().items()}
    check_evaluation(evaluate_with(mx.metric.Accuracy, scope=mx.autograd.record), net, data)
    for name, parameter in net.collect_params().items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), before[name])
    assert not net._forward_hooks
    assert not net._forward_pre_hooks


def test_what_cannot_be_checked_is_said(net, data):
    with pytest.raises(VqaError, match="did not call the network"):
        check_evaluation(lambda net, data: 0.5, net, data)
    with pytest.raises(VqaError, match="read only once"):
        check_evaluation(evaluate_batches, net, iter([data]))
    with pytest.raises(VqaError, match="expected a number from the evaluation function, got NoneType"):
        check_evaluation(lambda net, data: print(net(data[0]).shape), net, data)
