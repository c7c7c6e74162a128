"""Building a network: options, errors, seeds, shapes, saving; and what its logits may and may not depend on."""

import math
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
from nn_cases import (
    CASES,
    NUM_ANSWERS,
    PADDING_ID,
    SHAPES,
    SMALL,
    build,
    each_case,
    on_device,
    parameters,
    random_batch,
    run,
    small_spec,
)

from vqa._mxnet import mx
from vqa.errors import ConfigError
from vqa.nn.losses import MultiAnswerSoftmaxLoss
from vqa.nn.network import (
    GRAPH,
    PRESETS,
    TRAINING_GRAPH,
    NetworkSpec,
    build_from_spec,
    build_network,
    default_preset,
)

# Far below the differences between questions, well above the rounding of another order of sums.
ROUNDING = {"rtol": 1e-4, "atol": 1e-5}


def test_every_preset_has_its_cases():
    assert set(SMALL) == set(PRESETS)


@each_case
def test_logits_are_raw_float32_and_differ_between_questions(preset, kind):
    logits = run(build(preset, kind), *random_batch(kind))
    assert logits.shape == (6, NUM_ANSWERS)
    assert logits.dtype == np.float32
    assert not ((logits >= 0) & (logits <= 1)).all()
    assert not np.allclose(np.exp(logits).sum(axis=1), 1)
    assert np.ptp(logits, axis=0).max() > 0.1


@each_case
def test_position_in_the_batch_does_not_matter(preset, kind):
    network = build(preset, kind)
    images, image_index, tokens, lengths, question_index = random_batch(kind, num_rows=8, num_texts=5)
    logits = run(network, images, image_index, tokens, lengths, question_index)
    order = np.random.default_rng(1).permutation(8)
    permuted = run(network, images, image_index[order], tokens, lengths, question_index[order])
    np.testing.assert_allclose(permuted, logits[order], **ROUNDING)
    # The order of the images and of the texts does not matter either.
    turned = run(network, images[::-1], 2 - image_index, tokens[::-1], lengths[::-1], 4 - question_index)
    np.testing.assert_allclose(turned, logits, **ROUNDING)


@each_case
def test_copies_of_one_question_answer_alike(preset, kind):
    network = build(preset, kind)
    images, _, tokens, lengths, _ = (array[:1] for array in random_batch(kind))
    nothing, rows = np.zeros(5), np.arange(5)
    logits = run(network, images, nothing, tokens, lengths, nothing)
    np.testing.assert_allclose(logits, np.repeat(logits[:1], 5, axis=0), **ROUNDING)
    copies = run(network, images, nothing, np.repeat(tokens, 5, axis=0), np.repeat(lengths, 5), rows)
    np.testing.assert_allclose(copies, logits, **ROUNDING)


@each_case
def test_neighbours_and_batch_size_do_not_matter(preset, kind):
    network = build(preset, kind)
    images, image_index, tokens, lengths, question_index = random_batch(kind)
    logits = run(network, images, image_index, tokens, lengths, question_index)
    for n in range(len(image_index)):
        image, text = (slice(index[n], index[n] + 1) for index in (image_index, question_index))
        alone = run(network, images[image], np.zeros(1), tokens[text], lengths[text], np.zeros(1))
        np.testing.assert_allclose(alone, logits[n : n + 1], **ROUNDING)
    other = [array.copy() for array in random_batch(kind, seed=9)]
    other[0][image_index[0]] = images[image_index[0]]
    other[1][0] = image_index[0]
    other[2][question_index[0]] = tokens[question_index[0]]
    other[3][question_index[0]] = lengths[question_index[0]]
    other[4][0] = question_index[0]
    np.testing.assert_allclose(run(network, *other)[0], logits[0], **ROUNDING)


@each_case
def test_amount_and_content_of_padding_do_not_matter(preset, kind):
    network = build(preset, kind)
    images, image_index, tokens, lengths, question_index = random_batch(kind)
    logits = run(network, images, image_index, tokens, lengths, question_index)
    longer = np.pad(tokens, ((0, 0), (0, 4)), constant_values=PADDING_ID)
    np.testing.assert_allclose(run(network, images, image_index, longer, lengths, question_index), logits, **ROUNDING)
    longer[np.arange(9) >= lengths[:, np.newaxis]] = 3
    np.testing.assert_allclose(run(network, images, image_index, longer, lengths, question_index), logits, **ROUNDING)
    if kind in ("regions", "frames"):
        more_rows = np.pad(images, ((0, 0), (0, 3), (0, 0)))
        padded = run(network, more_rows, image_index, tokens, lengths, question_index)
        np.testing.assert_allclose(padded, logits, **ROUNDING)
    more_images = np.concatenate([images, np.zeros_like(images[:1])])
    more_texts = np.concatenate([tokens, tokens[:2] * 0 + PADDING_ID])
    more_lengths = np.append(lengths, [1, 1])
    padded = run(network, more_images, image_index, more_texts, more_lengths, question_index)
    np.testing.assert_allclose(padded, logits, **ROUNDING)


@each_case
def test_words_and_images_matter(preset, kind):
    network = build(preset, kind)
    images, image_index, tokens, lengths, question_index = random_batch(kind)
    logits = run(network, images, image_index, tokens, lengths, question_index)
    other = tokens.copy()
    other[:, 0] = np.where(tokens[:, 0] == 2, 3, 2)
    changed = run(network, images, image_index, other, lengths, question_index)
    assert np.abs(changed - logits).max(axis=1).min() > 1e-3
    changed = run(network, images + 1, image_index, tokens, lengths, question_index)
    change = np.abs(changed - logits).max(axis=1)
    assert (change == 0).all() if preset == "question-only" else change.min() > 1e-3


def logits_and_gradients(preset, kind, *arrays):
    """Logits in training without dropout, and the gradients of a weighted sum of them by parameter."""
    without = {"dropout": 0.0} if "dropout" in build(preset, kind).spec.options else {}
    network = build(preset, kind, **without)
    with mx.autograd.record():
        logits = network(*on_device(*arrays))
    logits.backward(mx.nd.array(np.random.default_rng(1).normal(size=logits.shape)))
    parameters = network._collect_params_with_prefix().items()
    gradients = {name: parameter.grad().asnumpy() for name, parameter in parameters if parameter.grad_req != "null"}
    return logits.asnumpy(), gradients


@each_case
def test_shared_texts_give_the_logits_and_gradients_of_rows(preset, kind):
    images, image_index, tokens, lengths, question_index = random_batch(kind, num_rows=9)
    logits, gradients = logits_and_gradients(preset, kind, images, image_index, tokens, lengths, question_index)
    by_row = (images, image_index, tokens[question_index], lengths[question_index], np.arange(9))
    expected_logits, expected = logits_and_gradients(preset, kind, *by_row)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-6, atol=1e-6)
    largest = max(np.abs(gradient).max() for gradient in expected.values())
    for name, gradient in expected.items():
        atol = 1e-6 * max(np.abs(gradient).max(), 1e-3 * largest)
        np.testing.assert_allclose(gradients[name], gradient, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize(("preset", "kind"), [case for case in CASES if case[1] in ("regions", "frames")])
def test_images_of_padding_alone_stay_finite(preset, kind):
    images, *indices = random_batch(kind)
    network = build(preset, kind)
    with mx.autograd.record():
        logits = network(*on_device(images * 0, *indices))
    logits.backward()
    assert np.isfinite(logits.asnumpy()).all()
    for name, parameter in network._collect_params_with_prefix().items():
        if parameter.grad_req != "null":
            assert np.isfinite(parameter.grad().asnumpy()).all(), name


@each_case
def test_hybridized_or_not_whatever_the_shapes(preset, kind):
    network = build(preset, kind)
    for sizes in ((6, 3, 5), (2, 4, 1), (6, 3, 5), (1, 1, 9)):
        batch = random_batch(kind, *sizes)
        network.hybridize()
        hybrid = run(network, *batch)
        network.hybridize(False)
        np.testing.assert_allclose(run(network, *batch), hybrid, rtol=1e-5, atol=1e-6)


@each_case
def test_every_parameter_is_known_and_learns(preset, kind):
    network = build_from_spec(small_spec(preset, kind))
    before = parameters(network)
    assert all(0 not in value.shape for value in before.values())
    answers = mx.nd.array(np.random.default_rng(2).integers(0, NUM_ANSWERS, (6, 3)), dtype="int32")
    inputs = on_device(*random_batch(kind))
    loss = MultiAnswerSoftmaxLoss()
    trainer = mx.gluon.Trainer(network.collect_params(), "adam", {"learning_rate": 0.01})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses = []
        for _ in range(40):
            with mx.autograd.record():
                value = loss(network(*inputs), answers)
            value.backward()
            trainer.step(6)
            losses.append(float(value.mean().asscalar()))
    assert min(losses[-5:]) < losses[0]
    hashes = {name for name in before if name.endswith(("buckets", "signs"))}
    after = parameters(network)
    unchanged = {name for name, value in after.items() if np.array_equal(value, before[name])}
    assert unchanged == hashes


@each_case
def test_same_seed_same_parameters(preset, kind):
    first, second, other = (parameters(build_from_spec(small_spec(preset, kind), seed=s)) for s in (4, 4, 5))
    assert list(first) == list(second)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    assert any(not np.array_equal(value, other[name]) for name, value in first.items())


@each_case
def test_saved_parameters_make_the_same_network(preset, kind, tmp_path):
    network, batch = build(preset, kind), random_batch(kind)
    network.save_parameters(str(tmp_path / "net.params"))
    again = build_from_spec(network.spec, seed=99)
    assert not np.array_equal(run(again, *batch), run(network, *batch))
    again.load_parameters(str(tmp_path / "net.params"))
    np.testing.assert_array_equal(run(again, *batch), run(network, *batch))


@each_case
def test_dropout_follows_the_seed_and_rests_outside_training(preset, kind):
    network = build(preset, kind)
    batch = random_batch(kind)
    inputs = on_device(*batch)

    def trained(seed):
        mx.random.seed(seed)
        with mx.autograd.train_mode():
            return network(*inputs).asnumpy()

    at_rest = run(network, *batch)
    np.testing.assert_array_equal(run(network, *batch), at_rest)
    if "dropout" in network.spec.options and network.spec.options["dropout"] > 0:
        np.testing.assert_array_equal(trained(1), trained(1))
        assert not np.allclose(trained(1), trained(2))


def test_the_output_bias_starts_where_sigmoids_add_up_to_about_one():
    network = build_from_spec(small_spec("question-only", "none"))
    bias = network.head[-1].bias.data().asnumpy()
    np.testing.assert_allclose(bias, -math.log(NUM_ANSWERS), rtol=1e-6)


def test_build_network_takes_sizes_from_the_data_set():
    dataset = SimpleNamespace(
        vocabulary=SimpleNamespace(num_words=11, num_answers=3, padding_id=1),
        images=SimpleNamespace(kind="features", shape=(6,)),
    )
    network = build_network("mlp", dataset, hidden_size=8, dropout=0)
    assert network.spec == NetworkSpec(
        "mlp",
        11,
        3,
        1,
        "features",
        (6,),
        {"embedding_size": 300, "hidden_size": 8, "dropout": 0.0, "input_dropout": 0.0, "pair_buckets": 0},
    )
    assert network.question_encoder.embedding.weight.shape == (11, 300)
    assert build_from_spec(network.spec).spec == network.spec


@pytest.mark.parametrize(
    ("preset", "kind", "options", "message"),
    [
        ("cnn-gro", "pixels", {}, "unknown preset 'cnn-gro'; did you mean 'cnn-gru'"),
        ("updn", "pixels", {}, "'updn' takes images of kind regions or frames, this data set has 'pixels'"),
        ("cnn-gru", "none", {}, "takes images of kind pixels, this data set has 'none'"),
        ("mlp", "features", {"hiden_size": 8}, "no option 'hiden_size'; did you mean 'hidden_size'"),
        ("softmax-regression", "features", {"dropout": 0.5}, "no option 'dropout'; it has none"),
        ("mlp", "features", {"hidden_size": 8.0}, "whole number of at least 1, got 8.0"),
        ("mlp", "features", {"hidden_size": 0}, "whole number of at least 1, got 0"),
        ("mlp", "features", {"hidden_size": True}, "whole number of at least 1, got True"),
        ("mlp", "features", {"pair_buckets": -1}, "whole number of at least 0, got -1"),
        ("mlp", "features", {"pair_buckets": 300000}, "at most 262144, got 300000"),
        ("mlp", "features", {"dropout": 1.0}, r"number in \[0, 1\), got 1.0"),
        ("mlp", "features", {"dropout": "0.5"}, r"number in \[0, 1\), got '0.5'"),
        ("mlp", "features", {"dropout": math.nan}, r"number in \[0, 1\), got nan"),
    ],
)
def test_errors_are_one_line_that_helps(preset, kind, options, message):
    with pytest.raises(ConfigError, match=message) as caught:
        build_from_spec(NetworkSpec(preset, 9, 4, 1, kind, SHAPES[kind], options))
    assert "\n" not in str(caught.value)


def test_an_unknown_device():
    with pytest.raises(ConfigError, match="device"):
        build_from_spec(small_spec("mlp", "features"), device="tpu")


@pytest.mark.parametrize("kind", SHAPES)
def test_the_default_preset_fits_its_kind_of_image(kind):
    assert build_from_spec(NetworkSpec(default_preset(kind), 9, 4, 1, kind, SHAPES[kind]))


def trained(preset, kind, graph):
    """Losses and learnt parameters of some steps on batches of changing shapes, dropout included."""
    network = build_from_spec(small_spec(preset, kind), seed=2)
    network.hybridize(graph is not None, **(graph or {}))
    loss = MultiAnswerSoftmaxLoss()
    trainer = mx.gluon.Trainer(network.collect_params(), "adam", {"learning_rate": 0.01}, kvstore=None)
    sizes = np.random.default_rng(0)
    losses = []
    for step in range(12):
        num_rows, num_tokens = (int(size) for size in sizes.integers((2, 3), (8, 6)))
        batch = random_batch(kind, num_rows=num_rows, num_tokens=num_tokens, seed=step)
        answers = mx.nd.array(sizes.integers(0, NUM_ANSWERS, (num_rows, 3)), dtype="int32")
        mx.random.seed(step)
        with mx.autograd.record():
            logits = network(*on_device(*batch))
            losses.append(loss(logits, answers))
        losses[-1].backward()
        trainer.step(num_rows)
    return np.concatenate([values.asnumpy() for values in losses]), parameters(network)


@each_case
def test_what_is_kept_from_batch_to_batch_changes_no_number(preset, kind):
    """Not even where shapes change from step to step."""
    plain_losses, plain_parameters = trained(preset, kind, None)
    for graph in (GRAPH, TRAINING_GRAPH):
        losses, learnt = trained(preset, kind, graph)
        np.testing.assert_array_equal(losses, plain_losses)
        for name, values in plain_parameters.items():
            np.testing.assert_array_equal(learnt[name], values, err_msg=name)


@each_case
def test_gradients_can_be_taken_in_predict_mode(preset, kind):
    """As for a map of what the answer depends on; MXNet fails there with a training graph, now and then."""
    network = build(preset, kind)
    for seed in range(4):
        images, *indices = on_device(*random_batch(kind, num_rows=3 + seed % 2, seed=seed))
        images.attach_grad()
        with mx.autograd.record(train_mode=False):
            logits = network(images, *indices)
        logits.backward()
        gradients = [p.grad().asnumpy() for p in network.collect_params().values() if p.grad_req != "null"]
        assert all(np.isfinite(gradient).all() for gradient in gradients)
        assert any(np.abs(gradient).max() > 0 for gradient in gradients)
