"""The Gluon training loop: forward, backward, step, validate, save, in plain lines; every step can be resumed."""

from __future__ import annotations

import logging
import math
import shlex
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from vqa._mxnet import device_context, mx
from vqa.data.dataset import Dataset
from vqa.data.loader import Batch, GroupedLoader
from vqa.errors import Interrupted, OtherWorkerInterrupted, TrainingError
from vqa.nn.network import GRAPH, TRAINING_GRAPH, VqaNetwork
from vqa.scoring.formatting import format_rate
from vqa.training.checkpoint import Progress, restore_checkpoint, save_checkpoint, state_digest
from vqa.training.config import TrainConfig
from vqa.training.interrupts import stop_requests
from vqa.training.log import epoch_line, progress_bar
from vqa.training.optimization import adam, learning_rate, step_seed
from vqa.training.parts import gradient_of
from vqa.training.split import TrainValidationSplit, train_validation_split
from vqa.training.validation import IN_FLIGHT, best_blind_baseline, known_rows, validate
from vqa.training.workers import Workers

log = logging.getLogger(__name__)


def train(
    network: VqaNetwork,
    dataset: Dataset,
    loss: mx.gluon.Block,
    config: TrainConfig,
    folder: Path,
    record: dict[str, Any],
    resume: bool,
    workers: Workers,
) -> None:
    """Train until the last epoch, or until the metric has stopped rising; every epoch is saved, and every
    `save_every` steps.

    All workers call this with the same arguments. Each computes its share of the parts of every batch and of the
    batches of the validation, and takes the same steps; the first one writes the run folder.

    Parameters
    ----------
    network : network whose parameters are initialised
    dataset : `train_validation_split` decides which of its questions are trained on and which validated on
    loss : block from (logits, answers) to (N,) nats
    config : every choice of training
    folder : the run folder, which exists
    record : what run.json holds besides the best epoch
    resume : start from the checkpoint in the folder
    workers : that train together

    Raises
    ------
    TrainingError
        The loss is not finite, the run folder cannot be written, or the workers have come to differ.
    OtherWorkerError
        Another worker failed; the state is saved.
    RunError
        A file of the checkpoint is missing, damaged or of another network.
    Interrupted
        Ctrl-C or SIGTERM came; the state is saved.
    """
    split = train_validation_split(dataset, config)
    if split.holds_nothing_out:
        log.warning("too few images or questions to hold some out: validation is on the training questions")
    if workers.size > config.parts:
        idle = workers.size - config.parts
        log.warning("%d of %d workers compute no part of a batch: --parts %d", idle, workers.size, workers.size)
    options: dict[str, Any] = {"batch_size": config.batch_size, "ctx": device_context(config.device)}
    loader = GroupedLoader(dataset, "train", shuffle=True, seed=config.seed, rows=split.training_rows, **options)
    validation_loader = GroupedLoader(dataset, split.validation_split, rows=split.validation_rows, **options)
    validation_table = dataset.table(split.validation_split)
    num_steps = config.epochs * len(loader)
    trainer = adam(network, config)
    progress = restore_checkpoint(folder, network, trainer) if resume else Progress()
    gradient = gradient_of(network, config.parts, workers)
    running_loss = RunningLoss(progress, folder, config)

    def save(is_best: bool = False) -> None:
        with workers.agreed():
            if workers.is_first:
                save_checkpoint(folder, network, trainer, progress, record, is_best)

    def digest() -> bytes:
        return state_digest(network, trainer)

    def save_steps() -> None:
        running_loss.wait()
        save()

    workers.check_equal(digest, "the initial parameters")
    if not resume:
        save()
    with graph_for_training(network, loss), stop_requests() as request:
        while not is_finished(progress, config):
            running_loss.start()
            batches = loader.epoch_in_parts(progress.epoch, config.parts, gradient.mine, slice(progress.step, None))
            title = f"epoch {progress.epoch + 1}/{config.epochs}"
            with gradient.failing_together(save_steps):
                for parts in progress_bar(batches, title, progress.step, len(loader), workers.is_first):
                    step = progress.epoch * len(loader) + progress.step
                    for number, batch in zip(gradient.mine, parts):
                        mx.random.seed(step_seed(config.seed, step, number))
                        gradient.add(number, *forward_backward(network, loss, batch))
                    total = gradient.total(request.signal_number)
                    if total.num_known:
                        trainer.set_learning_rate(learning_rate(step, num_steps, config.learning_rate, config.warmup))
                        # The gradient of the mean over the questions that have a known answer.
                        trainer.step(total.num_known)
                        running_loss.add(total.loss_sum, total.num_known)
                    progress.step += 1
                    if total.signal_number:
                        save_steps()
                        kind = Interrupted if workers.is_first else OtherWorkerInterrupted
                        raise kind(how_to_resume(progress, len(loader), dataset.card.path, folder), total.signal_number)
                    if config.save_every and progress.step % config.save_every == 0 and progress.step < len(loader):
                        save_steps()
                running_loss.wait()

            workers.check_equal(digest, f"the parameters after epoch {progress.epoch + 1}")
            answers = dataset.vocabulary.answers
            validation = validate(network, validation_loader, loss, validation_table, answers, workers)
            is_best = progress.finish_epoch(asdict(validation), config.metric)
            save(is_best)
            log.info("%s", epoch_line(progress.history[-1], config.epochs, is_best))
    warn_of_a_blind_run(progress, config, dataset, split)


def forward_backward(
    network: mx.gluon.Block, loss: mx.gluon.Block, batch: Batch | None
) -> tuple[mx.nd.NDArray | None, int]:
    """Compute the gradient of a batch's losses, and return their sum, (1,) nats, and the number of known questions.

    Where no question has a known answer there is no loss, and no gradient.
    """
    num_known = 0 if batch is None else int(known_rows(batch).sum())
    if batch is None or not num_known:
        return None, 0
    with mx.autograd.record():
        losses = loss(network(*batch.inputs), batch.answers)  # (N,)
    losses.backward()
    return losses.sum(), num_known


class RunningLoss:
    """The loss and the time of the current epoch, added up while the device works on the last few batches."""

    def __init__(self, progress: Progress, folder: Path, config: TrainConfig) -> None:
        self._progress, self._folder, self._learning_rate = progress, folder, config.learning_rate
        self._in_flight: deque[tuple[mx.nd.NDArray | float, int]] = deque()
        self.start()

    def start(self) -> None:
        """Let the time count from here."""
        self._counted = time.monotonic()

    def add(self, loss_sum: mx.nd.NDArray | float, num_known: int) -> None:
        """Add the loss of a batch, (1,) nats, summed over the `num_known` questions that have a known answer."""
        self._in_flight.append((loss_sum, num_known))
        # A bounded queue: the device stays busy, and memory does not grow with the batches it has not reached.
        self._finish(IN_FLIGHT)

    def wait(self) -> None:
        """Wait for all batches, so that the progress is that of the parameters.

        Raises
        ------
        TrainingError
            A loss is not finite.
        """
        self._finish(0)
        now = time.monotonic()
        self._progress.seconds += now - self._counted
        self._counted = now

    def _finish(self, most: int) -> None:
        """Wait until at most `most` batches are in flight."""
        while len(self._in_flight) > most:
            loss_sum, num_known = self._in_flight.popleft()
            value = loss_sum if isinstance(loss_sum, float) else float(loss_sum.asscalar())
            if not math.isfinite(value):
                raise TrainingError(
                    f"the loss became {value} in epoch {self._progress.epoch + 1}; the last good checkpoint is in "
                    f"{self._folder}; train again with a learning rate below {self._learning_rate} (--learning-rate)"
                )
            self._progress.loss_sum += value
            self._progress.known_sum += num_known


@contextmanager
def graph_for_training(*blocks: mx.gluon.Block) -> Iterator[None]:
    """Hybridize blocks for training within the block, and for prediction afterwards."""
    for block in blocks:
        block.hybridize(**TRAINING_GRAPH)
    try:
        yield
    finally:
        for block in blocks:
            block.hybridize(**GRAPH)


def warn_of_a_blind_run(progress: Progress, config: TrainConfig, dataset: Dataset, split: TrainValidationSplit) -> None:
    """Log a warning if the best epoch is worse than a baseline that sees no image."""
    if progress.best is None or split.holds_nothing_out:
        return
    name, accuracy = best_blind_baseline(
        dataset.table("train").take(split.training_rows),
        dataset.table(split.validation_split).take(split.validation_rows),
    )
    if progress.best["any_of"] < accuracy:
        log.warning(
            "the best epoch is worse than a blind baseline: any-of %s on the validation questions, against %s of %s, "
            "which sees no image; train longer or with another learning rate than %s (--learning-rate)",
            format_rate(progress.best["any_of"]),
            format_rate(accuracy),
            name,
            config.learning_rate,
        )


def is_finished(progress: Progress, config: TrainConfig) -> bool:
    """Return whether there is no epoch left to train."""
    return progress.epoch >= config.epochs or out_of_patience(progress, config)


def out_of_patience(progress: Progress, config: TrainConfig) -> bool:
    """Return whether the metric has not risen for `patience` epochs."""
    return bool(config.patience) and progress.epoch - progress.best_epoch >= config.patience


def how_to_resume(progress: Progress, num_steps: int, card: Path, folder: Path) -> str:
    """Return where training was stopped and how to resume it."""
    command = shlex.join(["vqa", "train", str(card), "--run", str(folder), "--resume"])
    return f"interrupted: saved epoch {progress.epoch + 1}, step {progress.step} of {num_steps}; resume with: {command}"
