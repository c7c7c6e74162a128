"""The optimizer of a training run: Adam, its learning rate at each step, and the random state of each step."""

from __future__ import annotations

import math
import re

import numpy as np

from vqa._mxnet import mx
from vqa.training.config import TrainConfig


def adam(network: mx.gluon.Block, config: TrainConfig) -> mx.gluon.Trainer:
    """Return a trainer that takes Adam's steps over the parameters of a network."""
    clipping = {"clip_gradient": config.gradient_clip} if config.gradient_clip else {}
    options = {"learning_rate": config.learning_rate, "wd": config.weight_decay, **clipping}
    # Gluon would sort their names as texts, in which conv10 comes before conv9: a network that is not the first of its
    # process would keep the optimizer's state under other numbers.
    parameters = sorted(network.collect_params().values(), key=lambda parameter: _words_and_numbers(parameter.name))
    return mx.gluon.Trainer(parameters, "adam", options, kvstore=None)


def _words_and_numbers(name: str) -> list[tuple[int, str]]:
    """Return what sorts names with numbers in them by these numbers.

    >>> sorted(["conv10_bias", "conv9_weight", "conv9_bias"], key=_words_and_numbers)
    ['conv9_bias', 'conv9_weight', 'conv10_bias']
    """
    return [(int(part), "") if part.isdecimal() else (0, part) for part in re.split(r"([0-9]+)", name)]


def learning_rate(step: int, num_steps: int, highest: float, warmup: float) -> float:
    """Return the learning rate of step `step` in [0, num_steps): a linear rise, then half a cosine down to 0.

    >>> [round(learning_rate(step, 10, 1.0, 0.2), 2) for step in range(10)]
    [0.5, 1.0, 0.99, 0.92, 0.78, 0.6, 0.4, 0.22, 0.08, 0.01]
    """
    rising = int(num_steps * warmup)
    if step < rising:
        return highest * (step + 1) / rising
    done = (step - rising + 0.5) / (num_steps - rising)
    return highest * 0.5 * (1 + math.cos(math.pi * done))


def step_seed(seed: int, step: int, part: int) -> int:
    """Return MXNet's seed for a part of a step: dropout is a function of these three, and a resume draws the same."""
    # A last number 0 changes nothing: the first part draws what a batch in one part draws.
    return int(np.random.SeedSequence([seed, step, part]).generate_state(1)[0] >> 1)
