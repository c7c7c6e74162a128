from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.errors import RunError
from vqa.training.checkpoint import load_optimizer, optimizer_arrays
from vqa.training.config import TrainConfig
from vqa.training.optimization import adam
from vqa.training.parameters import load_network, network_arrays, save_arrays


def small_network(units: int = 3) -> mx.gluon.nn.HybridSequential:
    network = mx.gluon.nn.HybridSequential()
    network.add(mx.gluon.nn.Dense(4, in_units=2), mx.gluon.nn.BatchNorm(in_channels=4))
    network.add(mx.gluon.nn.Dense(units, in_units=4))
    network.initialize(mx.init.Xavier())
    return network


def steps(network: mx.gluon.Block, trainer: mx.gluon.Trainer, numbers: range) -> None:
    loss = mx.gluon.loss.L2Loss()
    for number in numbers:
        data = mx.nd.array(np.random.default_rng(number).normal(size=(5, 2)))
        with mx.autograd.record():
            losses = loss(network(data), mx.nd.ones((5, 3)))
        losses.backward()
        trainer.step(5)


def values(network: mx.gluon.Block) -> dict[str, bytes]:
    return {name: array.asnumpy().tobytes() for name, array in network_arrays(network).items()}


@pytest.mark.parametrize(("optimizer", "options"), [("adam", {}), ("sgd", {"momentum": 0.9}), ("sgd", {})])
def test_going_on_from_files_equals_never_having_stopped(tmp_path: Path, optimizer: str, options: dict) -> None:
    mx.random.seed(1)
    network = small_network()
    trainer = mx.gluon.Trainer(network.collect_params(), optimizer, {"learning_rate": 0.1, **options}, kvstore=None)
    steps(network, trainer, range(4))
    save_arrays(network_arrays(network), tmp_path / "params")
    arrays, counts = optimizer_arrays(trainer)
    save_arrays(arrays, tmp_path / "states")
    steps(network, trainer, range(4, 8))

    again = small_network()
    load_network(again, tmp_path / "params")
    trainer = mx.gluon.Trainer(again.collect_params(), optimizer, {"learning_rate": 0.1, **options}, kvstore=None)
    load_optimizer(trainer, tmp_path / "states", counts)
    steps(again, trainer, range(4, 8))
    assert values(again) == values(network)


def test_the_state_of_a_network_does_not_depend_on_those_made_before_it() -> None:
    """Gluon numbers layers through the process and sorts their names as texts, where dense10 comes before dense9."""
    orders = set()
    with mx.name.NameManager():  # which counts from 0
        mx.gluon.nn.Dense(1)
        for _ in range(5):  # the last one has dense9 and dense10
            network = small_network()
            paths = {id(parameter): path for path, parameter in network._collect_params_with_prefix().items()}
            orders.add(tuple(paths[id(parameter)] for parameter in adam(network, TrainConfig())._params))
    assert len(orders) == 1


def test_what_was_saved_loads_with_mxnet_alone(tmp_path: Path) -> None:
    network = small_network()
    save_arrays(network_arrays(network), tmp_path / "params")
    again = small_network()
    again.load_parameters(str(tmp_path / "params"))
    assert values(again) == values(network)


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    arrays = network_arrays(small_network())
    save_arrays(arrays, tmp_path / "shape")
    with pytest.raises(RunError, match=r"2\.weight has the shape \(3, 4\), the network expects \(9, 4\)"):
        load_network(small_network(9), tmp_path / "shape")
    extra = {**arrays, "more": mx.nd.ones(1)}
    del extra["2.bias"]
    save_arrays(extra, tmp_path / "names")
    with pytest.raises(RunError, match=r"missing parameters \['2.bias'\], extra parameters \['more'\]"):
        load_network(small_network(), tmp_path / "names")


@pytest.mark.parametrize("content", [b"", b"not parameters", b"\x00" * 64])
def test_a_file_that_holds_no_parameters_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "params").write_bytes(content)
    with pytest.raises(RunError):
        load_network(small_network(), tmp_path / "params")


def test_not_a_number_is_saved_as_such(tmp_path: Path) -> None:
    array = mx.nd.array([1.0, np.nan, np.inf])
    save_arrays({"x": array}, tmp_path / "x")
    assert mx.nd.load(str(tmp_path / "x"))["x"].asnumpy().tobytes() == array.asnumpy().tobytes()


def test_a_disk_that_is_full_is_noticed() -> None:
    """The device /dev/full fails every write like a full disk."""
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(OSError, match=r"whole|differently"):
        save_arrays({"x": mx.nd.ones((1000, 1000))}, full)
