"""A run predicts every question once and reports what it predicted."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import vqa
from vqa.data.table import QuestionTable
from vqa.errors import ConfigError
from vqa.evaluation.ensemble import predict_together
from vqa.evaluation.run import Run

# The commonest answer is "yes"; of three test questions one has it, one has it beside another, one has another alone.
TRAIN = "question_id,question,answer_1,answer_2\n" + "".join(f"a{n},is it {n},yes,no\n" for n in range(30))
TEST = "question_id,question,answer_1,answer_2\nb1,is it 1,yes,yes\nb2,is it 2,green,yes\nb3,is it 3,green,red\n"
CARD = 'name = "s"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n[splits.test]\nfile = "test.csv"\n'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("run")
    for name, text in (("train.csv", TRAIN), ("test.csv", TEST), ("card.toml", CARD)):
        (folder / name).write_text(text)
    dataset = vqa.load_dataset(folder / "card.toml")
    network = vqa.build_network("question-only", dataset, embedding_size=4, hidden_size=4)
    return vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=folder / "run", epochs=1)


def test_a_question_whose_answers_are_all_unknown_has_no_loss(run: Run) -> None:
    """Its loss is infinite to the network; 0 would make it the easiest question of all."""
    frame = run.predict("test")
    assert np.isnan(frame["loss"]).tolist() == [False, False, True]
    assert (frame["loss"][:2] > 0).all()
    assert frame["hit"].tolist()[2] == 0


def test_evaluate_is_predict_and_report_in_one_pass(run: Run) -> None:
    frame, evaluation = run.evaluate("test")
    assert frame.equals(run.predict("test"))
    for report in (run.report("test"), run.report("test", predictions=frame)):
        assert report.to_json() == evaluation.to_json()
    assert evaluation.to_json()["any_of"]["value"] == frame["hit"].mean()


def test_several_runs_answer_by_their_mean_probability(run: Run, tmp_path: Path) -> None:
    network = vqa.build_network("question-only", run.dataset, seed=9, embedding_size=4, hidden_size=4)
    other = vqa.fit(network, run.dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=tmp_path / "run", epochs=1, seed=9)
    frames = [run.predict("test"), other.predict("test")]
    together = predict_together([run, other], "test")
    for row in range(3):
        shares = [dict(frame["top"][row]) for frame in frames]
        expected = {answer: (shares[0][answer] + shares[1][answer]) / 2 for answer in ("yes", "no")}
        assert dict(together["top"][row]) == pytest.approx(expected)
        assert together["prediction"][row] == max(expected, key=expected.__getitem__)
    assert frames[0]["probability"][0] != pytest.approx(frames[1]["probability"][0])
    np.testing.assert_allclose(together["loss"], (frames[0]["loss"] + frames[1]["loss"]) / 2, rtol=1e-6)
    assert predict_together([run], "test")["prediction"].tolist() == frames[0]["prediction"].tolist()


def test_runs_with_other_answers_cannot_answer_together(run: Run, tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text(TRAIN.replace("no", "not"))
    (tmp_path / "test.csv").write_text(TEST)
    (tmp_path / "card.toml").write_text(CARD)
    dataset = vqa.load_dataset(tmp_path / "card.toml")
    network = vqa.build_network("question-only", dataset, embedding_size=4, hidden_size=4)
    other = vqa.fit(network, dataset, vqa.MultiAnswerSoftmaxLoss(), run_dir=tmp_path / "run", epochs=1)
    with pytest.raises(ConfigError, match="expected models with a softmax over the answers of"):
        predict_together([run, other])


def test_questions_of_ones_own_are_predicted_and_reported(run: Run) -> None:
    questions = QuestionTable(["1", "2"], ["", ""], ["is it 1", "is it 9"], [("yes",), ("no", "no")])
    frame, evaluation = run.evaluate(questions)
    assert frame["question_id"].tolist() == ["1", "2"]
    assert frame["score"].isna().tolist() == [True, False]
    assert (evaluation.report.questions, evaluation.report.split) == (2, "")


def test_a_run_says_what_it_is(run: Run) -> None:
    assert re.fullmatch(
        r"Run\('.*/run', question-only on card\.toml, loss softmax, best epoch 1 of 1, validation any-of [01]\.\d{4}\)",
        repr(run),
    )
    html = run._repr_html_()
    for text in ("question-only", "card.toml", "1 of 1", "per_split_ceiling"):
        assert text in html
