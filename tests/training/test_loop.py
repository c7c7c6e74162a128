from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_training_data import train, write_card

import vqa
from vqa._mxnet import mx
from vqa.data.dataset import Dataset
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, Interrupted, RunError, TrainingError
from vqa.evaluation.run import load_run
from vqa.nn.network import GRAPH, VqaNetwork
from vqa.training.config import TrainConfig

LEARNED = ("last.params", "best.params", "trainer.states")


class InterruptingLoss(vqa.MultiAnswerSoftmaxLoss):
    """Presses Ctrl-C (or sends another signal) when it is called for the n-th time."""

    name = "softmax"  # so that its runs can be loaded

    def __init__(self, calls: int, signal_number: int = signal.SIGINT) -> None:
        super().__init__()
        self._calls, self._signal_number = calls, signal_number

    def forward(self, *arguments: Any) -> Any:
        self._calls -= 1
        if self._calls == 0:
            os.kill(os.getpid(), self._signal_number)
        return super().forward(*arguments)


@pytest.fixture
def card(tmp_path: Path) -> Path:
    return write_card(tmp_path)


def learned(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in LEARNED}


def history(folder: Path) -> list[list[str]]:
    """The history without its last column, the seconds."""
    return [line.split(",")[:-1] for line in (folder / "history.csv").read_text().splitlines()]


@pytest.mark.parametrize("calls", [0, 3])
def test_the_training_graph_is_for_training_alone(card: Path, tmp_path: Path, calls: int) -> None:
    """Also after Ctrl-C in the third step: with it MXNet may fail at gradients in predict mode."""
    dataset = vqa.load_dataset(card)
    network = vqa.build_network("question-only", dataset, embedding_size=8, hidden_size=16)
    with pytest.raises(Interrupted) if calls else contextlib.nullcontext():
        vqa.fit(network, dataset, InterruptingLoss(calls), run_dir=tmp_path / "run", epochs=1, batch_size=16)
    assert dict(network._flags).items() >= {**GRAPH, "static_shape": False}.items()


def test_the_same_seed_gives_the_same_run_bit_for_bit(card: Path, tmp_path: Path) -> None:
    first, second, other = (train(card, tmp_path / name, seed=seed) for name, seed in (("a", 3), ("b", 3), ("c", 4)))
    assert learned(first.path) == learned(second.path)
    assert history(first.path) == history(second.path)
    assert learned(first.path)["last.params"] != learned(other.path)["last.params"]


# 108 training questions in batches of 16 are 7 steps per epoch; validation is 1 more call of the loss.
@pytest.mark.parametrize("calls", [1, 3, 7, 8, 9, 16, 20])
def test_an_interrupted_run_resumes_bit_for_bit(card: Path, tmp_path: Path, calls: int) -> None:
    whole = train(card, tmp_path / "whole")
    with pytest.raises(Interrupted, match=r"interrupted: saved epoch \d, step \d+ of 7; resume with: .*--resume"):
        train(card, tmp_path / "parts", InterruptingLoss(calls))
    again = train(card, tmp_path / "parts", resume=True)
    assert learned(again.path) == learned(whole.path)
    assert history(again.path) == history(whole.path)
    assert again.predict("test").equals(whole.predict("test"))


def test_a_run_stopped_again_and_again_resumes_bit_for_bit(card: Path, tmp_path: Path) -> None:
    whole = train(card, tmp_path / "whole")
    stops = 0
    resume = False
    while True:
        try:
            train(card, tmp_path / "parts", InterruptingLoss(3), resume=resume)
            break
        except Interrupted:
            stops += 1
            resume = True
    assert stops >= 8
    assert learned(tmp_path / "parts") == learned(whole.path)


def test_sigterm_saves_as_well(card: Path, tmp_path: Path) -> None:
    with pytest.raises(Interrupted) as caught:
        train(card, tmp_path / "run", InterruptingLoss(3, signal.SIGTERM))
    assert caught.value.signal_number == signal.SIGTERM
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


# With 7 steps per epoch: saved after steps 3 and 6 of each.
@pytest.mark.parametrize(("calls", "lost"), [(3, 2), (5, 1), (7, 0), (8, 1), (20, 0)])
def test_a_killed_run_goes_on_from_its_last_saved_steps(card: Path, tmp_path: Path, calls: int, lost: int) -> None:
    """A loss that raises stands for a machine that dies: nothing is saved after it."""

    class Deadly(vqa.MultiAnswerSoftmaxLoss):
        name = "softmax"
        calls_left = calls

        def forward(self, *arguments: Any) -> Any:
            self.calls_left -= 1
            if self.calls_left == 0:
                raise KeyboardInterrupt
            return super().forward(*arguments)

    whole = train(card, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(card, tmp_path / "parts", Deadly(), save_every=3)
    saved = json.loads((tmp_path / "parts" / "loop.json").read_text())
    # The call of an epoch's validation is the eighth.
    epoch, steps = divmod(calls - 1, 8)
    assert (saved["epoch"], saved["step"]) == (epoch, steps - lost)
    again = train(card, tmp_path / "parts", resume=True, save_every=2)
    assert learned(again.path) == learned(whole.path)
    assert history(again.path) == history(whole.path)


def test_resuming_a_finished_run_changes_nothing(card: Path, tmp_path: Path) -> None:
    run = train(card, tmp_path / "run")
    before = learned(run.path)
    assert learned(train(card, tmp_path / "run", resume=True).path) == before


def test_a_folder_that_holds_a_run_is_not_overwritten_unasked(card: Path, tmp_path: Path) -> None:
    run = train(card, tmp_path / "run", epochs=1)
    before = learned(run.path)
    with pytest.raises(RunError, match=r"is not empty .*--resume.*--overwrite"):
        train(card, tmp_path / "run", epochs=2)
    assert learned(run.path) == before
    assert len(train(card, tmp_path / "run", epochs=2, overwrite=True).history) == 2


def test_resuming_with_other_options_or_data_is_refused(card: Path, tmp_path: Path) -> None:
    train(card, tmp_path / "run")
    with pytest.raises(ConfigError, match="epochs was 4, is 5"):
        train(card, tmp_path / "run", resume=True, epochs=5)
    text = (tmp_path / "train.csv").read_text()
    (tmp_path / "train.csv").write_text(text.replace("what", "which", 1))
    with pytest.raises(RunError, match="was trained on other data"):
        train(card, tmp_path / "run", resume=True)


def test_resume_without_a_run(card: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"holds no run\.json"):
        train(card, tmp_path / "none", resume=True)


def test_a_second_training_in_the_same_folder_is_refused(card: Path, tmp_path: Path) -> None:
    from vqa.training.run_folder import locked

    with locked(tmp_path / "run"), pytest.raises(RunError, match="another process is training"):
        train(card, tmp_path / "run")


@pytest.mark.parametrize("name", LEARNED)
@pytest.mark.parametrize("damage", ["flip", "truncate", "remove"])
def test_damage_is_noticed(card: Path, tmp_path: Path, name: str, damage: str) -> None:
    folder = train(card, tmp_path / "run", epochs=1).path
    content = (folder / name).read_bytes()
    if damage == "remove":
        (folder / name).unlink()
    elif damage == "truncate":
        (folder / name).write_bytes(content[:-10])
    else:
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(RunError, match=f"{name} is (damaged|missing)"):
        load_run(folder) if name == "best.params" else train(card, folder, epochs=1, resume=True)


def test_a_loss_that_is_not_finite_ends_training_and_keeps_the_last_checkpoint(card: Path, tmp_path: Path) -> None:
    class Diverging(vqa.MultiAnswerSoftmaxLoss):
        name = "softmax"
        calls = 0

        def forward(self, logits: Any, answers: Any) -> Any:
            losses = super().forward(logits, answers)
            self.calls += 1
            return losses * float("nan") if self.calls == 11 else losses

    with pytest.raises(TrainingError, match=r"the loss became nan in epoch 2; .*a learning rate below 0.02"):
        train(card, tmp_path / "run", Diverging())
    assert len(load_run(tmp_path / "run").history) == 1


def test_patience_ends_training_early(card: Path, tmp_path: Path) -> None:
    run = train(card, tmp_path / "run", epochs=50, patience=2, metric="loss", learning_rate=0.3)
    losses = run.history["loss"]
    assert len(losses) < 50
    assert len(losses) == run.record["best_epoch"] + 2
    assert losses.argmin() + 1 == run.record["best_epoch"]


def test_the_best_epoch_is_the_one_of_the_best_metric(card: Path, tmp_path: Path) -> None:
    run = train(card, tmp_path / "run", epochs=8)
    rows = run.history
    best = rows.sort_values(["any_of", "loss"], ascending=[False, True]).iloc[0]
    assert run.record["best_epoch"] == best["epoch"]
    assert run.record["best"]["any_of"] == best["any_of"]


def test_the_validation_loss_is_a_mean_in_double_precision(card: Path, tmp_path: Path) -> None:
    """Where nothing is held out, it is that of the predictions on the training questions that have a known answer."""
    run = train(card, tmp_path / "run", epochs=1, validation_fraction=0.0)
    frame = run.predict("train", batch_size=16)
    # The batches of an evaluation are others, in which single losses differ in their last bit.
    assert run.history["loss"][0] == pytest.approx(frame["loss"].mean(), rel=1e-8)
    assert run.history["loss"][0] != np.float32(run.history["loss"][0])


def test_a_step_follows_the_mean_gradient_over_questions_with_a_known_answer(
    card: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One step of plain SGD on all questions: those without a known answer count neither above nor below the line."""

    def sgd(network: mx.gluon.Block, config: TrainConfig) -> mx.gluon.Trainer:
        return mx.gluon.Trainer(network.collect_params(), "sgd", {"learning_rate": 1.0}, kvstore=None)

    def network_for(dataset: Dataset) -> VqaNetwork:
        return vqa.build_network("question-only", dataset, seed=3, embedding_size=4, hidden_size=4, dropout=0.0)

    monkeypatch.setattr("vqa.training.loop.adam", sgd)
    dataset = vqa.load_dataset(card, max_answers=1)
    (commonest,) = dataset.vocabulary.answers
    known = [row for row, given in enumerate(dataset.table("train").answers) if commonest in given]
    assert 0 < len(known) < len(dataset.table("train"))
    # Two classes, of which the second is nobody's answer: with one class no loss would have a gradient.
    dataset = Dataset(dataset.card, Vocabulary(list(dataset.vocabulary.words.idx_to_token[2:]), [commonest, "none"]))

    network = network_for(dataset)
    (batch,) = vqa.GroupedLoader(dataset, "train", batch_size=200, rows=known)
    with mx.autograd.record():
        mean = mx.gluon.loss.SoftmaxCrossEntropyLoss()(network(*batch.inputs), mx.nd.zeros(len(known))).mean()
    mean.backward()
    rate = 0.5 * 0.8  # the middle of the cosine: the run has one step
    expected = {
        name: (parameter.data() - rate * parameter.grad()).asnumpy()
        for name, parameter in network._collect_params_with_prefix().items()
    }

    options = {"epochs": 1, "batch_size": 200, "validation_fraction": 0.0, "learning_rate": 0.8, "warmup": 0.0}
    vqa.fit(network_for(dataset), dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=tmp_path / "run", **options)
    trained = mx.nd.load(str(tmp_path / "run" / "last.params"))
    assert trained.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(trained[name].asnumpy(), values, rtol=1e-4, atol=1e-6, err_msg=name)


def test_predicting_leaves_the_mode_of_the_caller_and_ignores_it(card: Path, tmp_path: Path) -> None:
    """A network with dropout predicts the same inside a recording block as outside it."""
    run = train(card, tmp_path / "run", epochs=1)
    outside = run.predict("test")
    with mx.autograd.record():
        inside = run.predict("test")
        assert mx.autograd.is_recording()
        assert mx.autograd.is_training()
    assert inside.equals(outside)


def test_an_accuracy_that_is_not_defined_is_empty_and_resumes(card: Path, tmp_path: Path) -> None:
    """The official score compares annotators: with a single answer per question there is none."""
    lines = (tmp_path / "train.csv").read_text().splitlines()
    (tmp_path / "train.csv").write_text("\n".join(",".join(line.split(",")[:3]) for line in lines) + "\n")
    with pytest.raises(Interrupted):
        train(card, tmp_path / "run", InterruptingLoss(20), epochs=3, metric="vqa-official")
    run = train(card, tmp_path / "run", resume=True, epochs=3, metric="vqa-official")
    assert run.history["vqa_official"].isna().all()
    assert run.record["best"]["vqa_official"] is None
    assert run.record["best_epoch"] == run.history["loss"].argmin() + 1
