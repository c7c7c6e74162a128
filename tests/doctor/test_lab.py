"""The lab: what each reproduction must measure, by arithmetic of its own; the command on top."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner

from vqa.cli import cli
from vqa.doctor import deaccumulate
from vqa.doctor.lab import REPRODUCTIONS, Reproduction, Row
from vqa.doctor.lab.reproduction import shown


def table(name, seed=1):
    return {row.quantity: row for row in REPRODUCTIONS[name](seed).rows}


@pytest.mark.parametrize("seed", [1, 2])
def test_forum(seed):
    rows = table("forum", seed)
    accuracy = rows["per-split accuracy, predict mode"]
    assert accuracy.naive == 1.0
    assert accuracy.right == pytest.approx(7 / 15)
    loss = rows["mean loss, predict mode"]
    assert loss.naive < 0.05
    assert 0.8 * math.log(3) <= loss.right < 0.9
    copies = rows["questions whose copies get different answers"]
    assert (copies.naive, copies.right) == (4, 0)
    # With dropout, copies of a question choose among its three answers: the mean stays, the best of many draws rises.
    assert rows["per-split accuracy inside record(), mean of 50 passes"].right == pytest.approx(7 / 15, abs=0.07)
    assert rows["per-split accuracy inside record(), best of 50 passes"].right >= 9 / 15
    assert rows["any-of accuracy, predict mode"].right == 1.0
    said = rows["what the doctor says"]
    assert said.right == "nothing"
    assert {"position-leak", "below-entropy-floor"} <= set(said.naive.split(", "))


def test_multi_hot():
    rows = table("multi-hot")
    untrained = rows["accuracy of an untrained network"]
    assert 0.97 < untrained.naive < 0.991
    assert untrained.right < 0.05
    perfect = rows["accuracy of a perfect network (logit 10 for each answer)"]
    assert perfect.naive == pytest.approx(297 / 300)
    assert perfect.right == 1.0


def test_never_reset():
    rows = table("never-reset")
    hits = [361, 391, 385, 402, 400, 405, 407, 403, 412, 410]
    for epoch, (hit, truth) in enumerate(
        zip(hits, [0.3525, 0.3818, 0.3760, 0.3926, 0.3906, 0.3955, 0.3975, 0.3936, 0.4023, 0.4004])
    ):
        assert rows[f"validation accuracy, epoch {epoch}"].right == f"{truth:.4f} ({hit}/1,024)"
    assert rows["validation accuracy, epoch 9"].naive == 0.666923484611
    assert rows["explanation of the log"].right == "never reset"


def test_the_shipped_log_needs_its_counts():
    # Any other size of the validation pass leaves hits that are not whole.
    values = [0.3525390625, 0.439319957386, 0.436820652174, 0.478870738636, 0.476584201389, 0.515536221591]
    verdicts = {count: deaccumulate(values, [count, 21504] * 3).verdict for count in (1000, 1023, 1024, 1025)}
    assert verdicts == {1000: "neither", 1023: "neither", 1024: "never reset", 1025: "neither"}


def test_double_softmax():
    rows = table("double-softmax")
    perfect = rows["loss of a perfect network (output 1 or logit 10)"]
    assert perfect.naive == pytest.approx(math.log(9 + math.e) - 1, abs=1e-5)
    assert perfect.right == pytest.approx(math.log1p(9 * math.exp(-10)), abs=1e-5)
    assert rows["loss after training"].naive > perfect.naive
    assert rows["loss after training"].right < 0.3
    assert rows["size of the first gradient"].naive < rows["size of the first gradient"].right / 3
    assert rows["accuracy on the training rows"].naive < rows["accuracy on the training rows"].right
    assert rows["rows where argmax of logits and of softmax agree"].right == 1.0


def test_softmax_or_sigmoid():
    rows = table("softmax-or-sigmoid")
    first, second = rows["fourth class, first image"], rows["fourth class, second image"]
    assert (first.naive, second.naive) == ("0.62", "0.62")
    assert (first.right, second.right) == ("0.89", "0.65")
    assert rows["all classes, first image"].naive == rows["all classes, second image"].naive


@pytest.mark.parametrize("seed", range(5))
def test_rounded_to_one(seed):
    rows = table("rounded-to-one", seed)
    printed = rows["largest probability of a wrong class, printed"]
    assert printed.naive == "1.00"
    assert shown(printed.right) != "1.0000"
    assert rows["the same with more digits"].naive < 1
    assert rows["sum over the classes"].right == pytest.approx(1, abs=1e-5)
    assert rows["sum over the classes"].naive > 1.05


def test_overflow():
    rows = table("overflow")
    assert math.isnan(rows["probability of class 0"].naive)
    assert rows["probability of class 0"].right == pytest.approx(1 / (1 + math.exp(-10)), rel=1e-6)
    assert rows["probability of class 1"].right == pytest.approx(1 / (1 + math.exp(10)), rel=1e-5)
    assert math.isnan(rows["loss, class 1 is right"].naive)
    assert rows["loss, class 1 is right"].right == pytest.approx(10 + math.log1p(math.exp(-10)), rel=1e-6)
    assert rows["loss, class 2 is right"].naive == math.inf
    assert rows["loss, class 2 is right"].right == pytest.approx(100, rel=1e-5)


@pytest.mark.usefixtures("small_fashion_mnist")
@pytest.mark.parametrize("name", REPRODUCTIONS)
def test_the_same_seed_gives_the_same_output(name):
    first = REPRODUCTIONS[name](3)
    np.random.seed(99)  # noqa: NPY002 - what ran before must not matter
    assert REPRODUCTIONS[name](3).to_text() == first.to_text()
    assert first.name == name
    assert first.explanation.count(". ") == 1  # two sentences


def test_a_table_in_text_and_json():
    outcome = Reproduction("x", "a title", [Row("loss", "0", math.inf, 0.25)], "One. Two.", 7)
    assert outcome.to_text() == (
        "x: a title\n\n"
        "quantity  expected  naive  right\n"
        "--------  --------  -----  ------\n"
        "loss      0         inf    0.2500\n\n"
        "One. Two."
    )
    assert outcome.to_json() == {
        "name": "x",
        "title": "a title",
        "seed": 7,
        "rows": [{"quantity": "loss", "expected": "0", "naive": "inf", "right": 0.25}],
        "explanation": "One. Two.",
    }


class TestCommand:
    def run(self, *arguments):
        return CliRunner().invoke(cli, ["lab", *arguments], prog_name="vqa")

    def test_one_reproduction(self):
        result = self.run("softmax-or-sigmoid")
        assert result.exit_code == 0
        assert result.stdout == REPRODUCTIONS["softmax-or-sigmoid"](1).to_text() + "\n"

    def test_the_list(self):
        result = self.run("--list")
        assert result.exit_code == 0
        assert [line.split()[0] for line in result.stdout.splitlines()] == list(REPRODUCTIONS)

    @pytest.mark.slow
    @pytest.mark.usefixtures("small_fashion_mnist")
    def test_all_of_them(self):
        text = self.run("--all", "--seed", "2")
        assert text.exit_code == 0
        values = json.loads(self.run("--all", "--seed", "2", "--json", "-").stdout)
        assert [value["name"] for value in values] == list(REPRODUCTIONS)
        for value in values:
            assert value["title"] in text.stdout

    @pytest.mark.slow
    def test_what_has_no_data_is_left_out_and_named(self, tmp_path, monkeypatch):
        monkeypatch.setenv("VQA_FASHION_MNIST", str(tmp_path))
        result = self.run("--all", "--json", "-")
        assert result.exit_code == 0
        names = [value["name"] for value in json.loads(result.stdout)]
        assert names == [name for name in REPRODUCTIONS if name != "fashion-mnist"]
        assert "left out fashion-mnist: Fashion-MNIST is not in" in result.stderr

    def test_json_of_one(self, tmp_path):
        file = tmp_path / "overflow.json"
        assert self.run("overflow", "--json", str(file)).exit_code == 0
        assert json.loads(file.read_text())["rows"][0]["naive"] == "nan"

    @pytest.mark.parametrize("arguments", [(), ("forum", "--all"), ("--all", "--list")])
    def test_wrong_usage(self, arguments):
        result = self.run(*arguments)
        assert result.exit_code == 2
        assert "expected one of NAME, --list and --all" in result.stderr

    def test_an_unknown_name(self):
        result = self.run("forumm")
        assert result.exit_code == 1
        assert "unknown reproduction 'forumm'; did you mean 'forum'?" in result.stderr
