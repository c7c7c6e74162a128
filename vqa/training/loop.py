"""The Gluon training loop: forward, backward, step, as plain lines; every step resumable bit for bit."""

from __future__ import annotations

import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from vqa._mxnet import device, mx
from vqa.data.dataset import Dataset
from vqa.data.loader import GroupedLoader
from vqa.data.table import QuestionTable
from vqa.errors import Interrupted, TrainingError
from vqa.nn.network import GRAPH, TRAINING_GRAPH, VqaNetwork
from vqa.training.checkpoint import Progress, epoch_line, restore_state, save_state
from vqa.training.config import TrainConfig
from vqa.training.interrupts import StopRequest, stop_requests
from vqa.training.optimization import adam, learning_rate, step_seed
from vqa.training.split import train_validation_split
from vqa.training.validation import IN_FLIGHT, Validation, known_rows, validate

log = logging.getLogger(__name__)


class Training:
    """One training run: the network, its data, the optimizer and the run folder they are saved to.

    Parameters
    ----------
    network : network whose parameters are initialised
    dataset : what of it is trained on and what validated on, `train_validation_split` says
    loss : block from (logits, answers) to (N,) nats
    config : every choice of the run
    folder : the run folder, which exists
    record : what run.json holds beside the best epoch
    """

    def __init__(
        self,
        network: VqaNetwork,
        dataset: Dataset,
        loss: mx.gluon.Block,
        config: TrainConfig,
        folder: Path,
        record: dict[str, Any],
    ) -> None:
        self.network, self.loss, self.config, self.folder, self.record = network, loss, config, folder, record
        self.answers = dataset.vocabulary.answers
        training_rows, validation_split, validation_rows = train_validation_split(dataset, config)
        if validation_split == "train" and len(validation_rows) == len(training_rows):
            log.warning("too few images or questions to hold some out: validation is on the training questions")
        self.validation_table: QuestionTable = dataset.table(validation_split)
        options: dict[str, Any] = {"batch_size": config.batch_size, "ctx": device(config.device)}
        self.loader = GroupedLoader(dataset, "train", shuffle=True, seed=config.seed, rows=training_rows, **options)
        self.validation_loader = GroupedLoader(dataset, validation_split, rows=validation_rows, **options)
        self.trainer = adam(network, config)
        self.progress = Progress()

    def run(self) -> None:
        """Train until the last epoch, or until the metric has stopped rising.

        Raises
        ------
        TrainingError
            The loss is not finite, or the run folder cannot be written.
        Interrupted
            Ctrl-C or SIGTERM came; the state is saved.
        """
        progress = self.progress
        if not progress.history and not progress.step:
            self.save()
        blocks = (self.network, self.loss)
        for block in blocks:
            block.hybridize(**TRAINING_GRAPH)
        try:
            with stop_requests() as request:
                while progress.epoch < self.config.epochs and not self._out_of_patience():
                    self._take_epoch(request)
        finally:
            for block in blocks:
                block.hybridize(**GRAPH)

    def _take_epoch(self, request: StopRequest) -> None:
        """Train and validate one epoch, or what is left of it."""
        started = time.monotonic()
        self._train_epoch(request)
        self.progress.seconds += time.monotonic() - started
        self._stop_if_asked(request)
        validation = validate(self.network, self.validation_loader, self.loss, self.validation_table, self.answers)
        self._finish_epoch(validation)

    def _train_epoch(self, request: StopRequest) -> None:
        """Take the steps of the current epoch that have not been taken, until a stop is asked for."""
        progress, config = self.progress, self.config
        num_steps = config.epochs * len(self.loader)
        batches = itertools.islice(self.loader.epoch(progress.epoch), progress.step, None)
        in_flight: deque[tuple[mx.nd.NDArray, int]] = deque()
        description = f"epoch {progress.epoch + 1}/{config.epochs}"
        for batch in _with_bar(batches, description, progress.step, len(self.loader)):
            global_step = progress.epoch * len(self.loader) + progress.step
            mx.random.seed(step_seed(config.seed, global_step))
            num_known = int(known_rows(batch).sum())
            if num_known:
                self.trainer.set_learning_rate(
                    learning_rate(global_step, num_steps, config.learning_rate, config.warmup)
                )
                with mx.autograd.record():
                    losses = self.loss(self.network(*batch.inputs), batch.answers)
                losses.backward()
                # The gradient of the mean over the questions that have a known answer.
                self.trainer.step(num_known)
                in_flight.append((losses.sum(), num_known))
            progress.step += 1
            # A bounded queue: the device stays busy, and memory does not grow with the batches it has not reached.
            while len(in_flight) > IN_FLIGHT:
                self._add_loss(*in_flight.popleft())
            if request.signal_number:
                break
        for losses_sum, num_known in in_flight:
            self._add_loss(losses_sum, num_known)

    def _add_loss(self, loss_sum: mx.nd.NDArray, num_known: int) -> None:
        value = float(loss_sum.asscalar())
        if not math.isfinite(value):
            raise TrainingError(
                f"the loss became {value} in epoch {self.progress.epoch + 1}; the last good checkpoint is in "
                f"{self.folder}; train again with a lower --learning-rate than {self.config.learning_rate}"
            )
        self.progress.loss_sum += value
        self.progress.known_sum += num_known

    def _finish_epoch(self, validation: Validation) -> None:
        """Write down the epoch, keep the network if it is the best so far, and save."""
        progress = self.progress
        if not progress.known_sum:
            raise TrainingError("no training question has an answer in the vocabulary; raise --max-answers")
        train_loss = progress.loss_sum / progress.known_sum
        progress.epoch += 1
        scores = asdict(validation)
        row = {"epoch": progress.epoch, "train_loss": train_loss, **scores, "seconds": round(progress.seconds, 3)}
        progress.history.append(row)
        progress.step, progress.loss_sum, progress.known_sum, progress.seconds = 0, 0.0, 0, 0.0
        is_best = progress.best is None or self._rank(scores) > self._rank(progress.best)
        if is_best:
            progress.best, progress.best_epoch = scores, progress.epoch
        self.save(is_best)
        log.info("%s", epoch_line(row, self.config.epochs, is_best))

    def _rank(self, scores: dict[str, float]) -> tuple[float, float]:
        """Order validation scores: by the configured metric, the lower loss among equals."""
        lower_loss = -scores["loss"] if math.isfinite(scores["loss"]) else -math.inf
        return (lower_loss if self.config.metric == "loss" else scores[self.config.metric]), lower_loss

    def _out_of_patience(self) -> bool:
        waited = self.progress.epoch - self.progress.best_epoch
        return bool(self.config.patience) and waited >= self.config.patience

    def _stop_if_asked(self, request: StopRequest) -> None:
        if not request.signal_number:
            return
        self.save()
        raise Interrupted(
            f"interrupted: saved epoch {self.progress.epoch + 1}, step {self.progress.step} of {len(self.loader)}; "
            f"go on with: vqa train {self.record['card']} --run {self.folder} --resume",
            request.signal_number,
        )

    def save(self, is_best: bool = False) -> None:
        """Save the state in the run folder; with `is_best` the best checkpoint as well."""
        save_state(self.folder, self.network, self.trainer, self.progress, self.config, self.record, is_best)

    def restore(self) -> None:
        """Take up the state of the last save.

        Raises
        ------
        RunError
            A file of the run folder is missing, damaged or of another network.
        """
        self.progress = restore_state(self.folder, self.network, self.trainer)


def _with_bar(batches: Iterator[Any], description: str, start: int, total: int) -> Iterator[Any]:
    """Pass batches through with a progress bar on stderr, where stderr is a terminal."""
    return iter(tqdm(batches, description, total, initial=start, leave=False, disable=None, unit="batch"))
