"""Every mistake of the zoo is found in every family, and none is seen in a healthy network; nothing is left behind."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from networks import autograd, nd, nn, sequential, train
from zoo import FAMILIES, MUTATIONS, inputs_of, network, wrong

from vqa._mxnet import mx
from vqa.doctor import examine

SIZES = (8, 5, 16, 3, 2, 24)
PAIRS = [
    # Each mutation in two families; taking turns, every family carries several.
    (mutation, list(FAMILIES)[(place * 2 + turn * 13) % len(FAMILIES)])
    for place, mutation in enumerate(MUTATIONS)
    for turn in range(2)
]


@pytest.mark.parametrize("trained", [False, True], ids=["untrained", "trained"])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_healthy_network_gives_nothing(family, trained):
    assert wrong(family, None, 1 + trained, 6, trained, hybridize=trained) == []


@pytest.mark.parametrize(("mutation", "family"), PAIRS)
def test_a_mistake_is_found(mutation, family):
    assert wrong(family, mutation, 1, 6, trained=False) == []


@pytest.mark.slow
@pytest.mark.parametrize("mutation", [None, *MUTATIONS])
def test_every_mistake_in_every_family(mutation):
    # Batch sizes, training and hybridization take turns, so that each meets every mutation.
    turn = list(MUTATIONS).index(mutation) if mutation else 0
    found = {
        family: wrong(
            family,
            mutation,
            2 + turn,
            SIZES[(place + turn) % 6],
            trained=(place + turn) % 2 == 0,
            hybridize=place % 4 < 2,
        )
        for place, family in enumerate(FAMILIES)
    }
    assert {family: codes for family, codes in found.items() if codes} == {}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", [None, *(name for name, mutation in MUTATIONS.items() if mutation.features)])
def test_neither_zeros_nor_masks_hide_a_mistake(mutation):
    turn = list(MUTATIONS).index(mutation) if mutation else 0
    found = {
        family: wrong(family, mutation, 1, 8, trained=False, **{["zeros", "mask"][(place + turn) % 2]: True})
        for place, family in enumerate(FAMILIES)
    }
    assert {family: codes for family, codes in found.items() if codes} == {}


def test_the_table_of_the_documentation_is_of_this_zoo():
    page = (Path(__file__).parents[2] / "docs" / "doctor.md").read_text(encoding="utf-8")
    text = " ".join(page.split())
    rows = re.findall(r"^\| ([^|]+) \| ([a-z-]+) \| (\d+) of (\d+) \|", page, flags=re.M)
    expected = [("none: healthy networks", "nothing"), *((name, m.code) for name, m in MUTATIONS.items())]
    assert [(name, code) for name, code, *_ in rows] == expected
    for name, _, found, count in rows:
        assert found == count, name
        assert int(count) % len(FAMILIES) == 0
    for family in FAMILIES:
        assert family in text


def state_of(net):
    """Everything that an examination could leave changed."""
    parameters = net.collect_params()
    return {
        "values": {name: p.data().asnumpy().tobytes() for name, p in parameters.items()},
        "arrays": {name: id(p._data[0]) for name, p in parameters.items()},
        "gradients": {name: p.grad().asnumpy().tobytes() for name, p in parameters.items() if p.grad_req != "null"},
        "grad_req": {name: p.grad_req for name, p in parameters.items()},
        "active": [getattr(block, "_active", None) for block in blocks_of(net)],
        "hooks": [(len(block._forward_hooks), len(block._forward_pre_hooks)) for block in blocks_of(net)],
        "attributes": [sorted(vars(p)) for p in parameters.values()],
        "modes": (autograd.is_recording(), autograd.is_training()),
        "random": (random.getstate(), np.random.get_state()[1].tobytes()),  # noqa: NPY002
    }


def blocks_of(block):
    return [block, *(inner for child in block._children.values() for inner in blocks_of(child))]


@pytest.mark.parametrize("hybridize", [False, True], ids=["plain", "hybridized"])
@pytest.mark.parametrize(
    ("family", "mutation"),
    [(family, None) for family in FAMILIES]
    + [("ResNet", "batch statistics"), ("video", "reversed rows"), ("LSTM", "fixed batch size"), ("VGG", "overflow")],
)
def test_the_network_is_bit_for_bit_as_before(family, mutation, hybridize):
    net, inputs = network(family, mutation, 2, hybridize=hybridize), inputs_of(family, 4, 2)
    with autograd.record():
        net(*inputs).sum().backward()
    before, outputs = state_of(net), net(*inputs).asnumpy()
    mx.random.seed(5)
    examine(net, inputs, labels=[0, 1, 2, 3], loss=mx.gluon.loss.SoftmaxCrossEntropyLoss())
    drawn = mx.nd.random.uniform().asscalar()
    assert state_of(net) == before
    if mutation is None:
        np.testing.assert_array_equal(net(*inputs).asnumpy(), outputs)
        mx.random.seed(5)
        assert mx.nd.random.uniform().asscalar() == drawn


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("calls", range(1, 14, 2))
def test_the_network_is_bit_for_bit_as_before_after_an_error(calls, error):
    net = network("ResNet", "batch statistics", 1)
    inputs = inputs_of("ResNet", 4, 1)
    train(net, inputs[0], 1, steps=1)
    body, before = net.body, state_of(net)

    def touchy(block, given):
        touchy.calls += 1
        if touchy.calls > calls:
            raise error

    touchy.calls = 0
    handle = body.register_forward_pre_hook(touchy)
    try:
        examine(net, inputs)
    except error:
        pass
    finally:
        handle.detach()
    assert touchy.calls > calls
    assert state_of(net) == before


def test_one_examination_after_another_is_the_same():
    net, inputs = network("LSTM", "LSTM along the batch", 1), inputs_of("LSTM", 6, 1)
    first = examine(net, inputs)
    examine(network("video", None, 1), inputs_of("video", 6, 1))
    assert examine(net, inputs) == first
    assert examine(network("linear", None, 1), inputs_of("linear", 6, 1)) == []


@pytest.mark.parametrize(("units", "batches"), [(1100, 7), (16, 26)], ids=["large", "small"])
def test_a_healthy_network_is_asked_few_times(units, batches):
    # Passes are shared between the checks: one mixed batch of twice the size shows place, neighbours and size at once.
    net = sequential(nn.Dense(units, activation="relu"), nn.Dense(units, activation="relu"), nn.Dense(5))
    net.initialize(mx.init.Xavier())
    rows = []
    handle = net.register_forward_hook(lambda block, inputs, outputs: rows.append(len(outputs)))
    assert examine(net, nd.array(np.random.RandomState(0).normal(size=(8, 10)))) == []
    handle.detach()
    assert sum(rows) <= 8 * batches
