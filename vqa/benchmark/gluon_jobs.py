"""Training steps and forward passes of this package's networks, as jobs."""

from __future__ import annotations

import itertools
from typing import Any

from vqa._mxnet import mx
from vqa.benchmark.flops import TRAINING_PER_FORWARD, forward_flops
from vqa.benchmark.sizes import PADDING_ID, Arrays, Sizes, data_arrays, random_arrays, sizes_of
from vqa.benchmark.worker import Job
from vqa.nn.losses import MultiAnswerSoftmaxLoss
from vqa.nn.network import TRAINING_GRAPH, VqaNetwork, build_from_spec
from vqa.nn.spec import NetworkSpec


def network_of(sizes: Sizes) -> VqaNetwork:
    """Return the network of these sizes."""
    return build_from_spec(
        NetworkSpec(
            sizes.preset,
            sizes.num_words,
            sizes.num_answers,
            PADDING_ID,
            sizes.image_kind,
            sizes.image_shape,
            dict(sizes.options),
        )
    )


def num_parameters(network: mx.gluon.Block) -> int:
    """Return how many numbers a network learns."""
    parameters = network.collect_params().values()
    return sum(int(parameter.data().size) for parameter in parameters if parameter.grad_req != "null")


def prepare_training(
    network: mx.gluon.HybridBlock, learning_rate: float = 1e-4
) -> tuple[mx.gluon.HybridBlock, mx.gluon.Trainer]:
    """Prepare a network for training as `vqa.fit` does and return the loss and the trainer."""
    loss = MultiAnswerSoftmaxLoss()
    for block in (network, loss):
        block.hybridize(**TRAINING_GRAPH)
    return loss, mx.gluon.Trainer(network.collect_params(), "adam", {"learning_rate": learning_rate}, kvstore=None)


def to_device(arrays: Arrays) -> list[Any]:
    """Return a batch as MXNet arrays: images, image_index, tokens, lengths, question_index, answers."""
    return [mx.nd.array(array, dtype=array.dtype) for array in arrays]


def training(sizes: dict[str, Any]) -> Job:
    """Return training steps on one batch."""
    size = sizes_of(sizes)
    return training_steps(network_of(size), [random_arrays(size)])


def training_on_data(sizes: dict[str, Any], card: str, num_batches: int) -> Job:
    """Return training steps on the batches of a data set in turn, each distinct image and text once."""
    size = sizes_of(sizes)
    return training_steps(network_of(size), data_arrays(card, size.num_questions, num_batches))


def training_steps(network: VqaNetwork, batches: list[Arrays]) -> Job:
    """Return training steps on some batches in turn."""
    on_device = [to_device(batch) for batch in batches]
    flops = [forward_flops(network, inputs) for *inputs, _ in on_device]
    loss, trainer = prepare_training(network)
    turns = itertools.cycle(on_device)

    def step() -> None:
        *inputs, answers = next(turns)
        with mx.autograd.record():
            losses = loss(network(*inputs), answers)
        losses.backward()
        trainer.step(len(answers))

    facts = _facts(network, batches)
    return Job(step, mx.nd.waitall, {**facts, "flops": TRAINING_PER_FORWARD * sum(flops) / len(flops)})


def inference(sizes: dict[str, Any]) -> Job:
    """Return forward passes of one batch, in predict mode."""
    size = sizes_of(sizes)
    network, arrays = network_of(size), random_arrays(size)
    *inputs, _ = to_device(arrays)
    facts = {**_facts(network, [arrays]), "flops": forward_flops(network, inputs)}
    return Job(lambda: network(*inputs), mx.nd.waitall, facts)


def _facts(network: mx.gluon.Block, batches: list[Arrays]) -> dict[str, Any]:
    questions = sum(len(batch.answers) for batch in batches) / len(batches)
    return {"parameters": num_parameters(network), "questions": questions}
