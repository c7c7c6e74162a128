"""Which option a prediction means: by hand, with nothing drawn at random and nothing unread that counts as right."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from vqa.cli import cli
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.multiple_choice import OptionReading, option_reading, read_option
from vqa.scoring.protocols import PROTOCOLS

OPTIONS = ("cat", "black cat", "dog", "two birds")


@pytest.mark.parametrize(
    ("prediction", "number", "how"),
    [
        ("dog", 2, "text"),
        ("Dog.", 2, "text"),
        ("Answer: a dog", 2, "text"),
        ("2 birds", 3, "text"),
        ("C", 2, "letter"),
        ("(c)", 2, "letter"),
        ("c.", 2, "letter"),
        ("Option B", 1, "letter"),
        ("The answer is B", 1, "letter"),
        ("Answer: (D)", 3, "letter"),
        ("A. cat", 0, "letter"),
        ("(B) black cat", 1, "letter"),
        ("(B) because it is dark", 1, "letter"),
        ("A. dog", None, "not read"),  # letter and text contradict each other
        ("E", None, "not read"),
        ("", None, "not read"),
        ("It is a black cat.", 1, "within a longer text"),  # "cat" is part of it
        ("I think that option C is right", 2, "within a longer text"),
        ("option A or option B", None, "not read"),
        ("a dog and a cat", None, "not read"),
        ("a horse", None, "not read"),
        ("cats", None, "not read"),  # words are compared whole
    ],
)
def test_reading(prediction: str, number: int | None, how: str) -> None:
    assert read_option(prediction, OPTIONS) == (number, how)


def test_options_that_are_letters_are_read_by_text_first() -> None:
    assert read_option("A", ("B", "A")) == (1, "text")
    assert read_option("yes", ("Yes", "yes")) == (1, "text")
    assert read_option("YES", ("Yes", "yes")) == (None, "not read")


@given(st.text(max_size=30), st.lists(st.text(max_size=8), max_size=5).map(tuple))
def test_any_text_is_read_or_not(prediction: str, options: tuple[str, ...]) -> None:
    number, how = read_option(prediction, options)
    assert (number is None) == (how == "not read")
    assert number is None or 0 <= number < len(options)
    for option in options:
        assert read_option(option, options) == (options.index(option), "text")


def test_scores_and_counts() -> None:
    # The answer may be given as text or as letter; the fourth question offers no right option, the last no options.
    answers = AnswerSets(
        [("dog",), ("B",), ("cat",), ("horse",), ("dog",)], options=[OPTIONS, OPTIONS, OPTIONS, OPTIONS, ()]
    )
    predictions = ["C", "a black cat", "who knows", "D", "dog"]
    scores = PROTOCOLS["multiple-choice"].score(predictions, answers).tolist()
    assert scores[:3] == [1, 1, 0]
    assert all(map(math.isnan, scores[3:]))
    assert option_reading(predictions, answers) == OptionReading(3, 1, 1, 1, 0, 1, ["who knows"])
    exact = PROTOCOLS["aokvqa-mc"].score(predictions, answers).tolist()
    assert exact[:3] == [0, 0, 0]
    assert PROTOCOLS["aokvqa-mc"].score(["dog", "black cat", "Cat", "x", "dog"], answers).tolist()[:3] == [1, 1, 0]


def test_the_command_says_how_options_were_read(tmp_path: Path) -> None:
    questions = [
        {"id": "1", "question": "what is it?", "choices": ["cat", "dog"], "right": 1},
        {"id": "2", "question": "how many?", "choices": ["one", "two"], "right": 0},
    ]
    (tmp_path / "q.json").write_text(json.dumps(questions))
    card = tmp_path / "card.toml"
    card.write_text(
        'name = "mc"\nformat = "json"\nanswers = "exact"\n[columns]\nquestion_id = "id"\noptions = "choices"\n'
        'correct_option = "right"\nfirst_option = 0\n[splits.test]\nfile = "q.json"\n'
    )
    (tmp_path / "p.jsonl").write_text('{"question_id": 1, "text": "B"}\n{"question_id": 2, "text": "many"}\n')
    arguments = ["score", str(tmp_path / "p.jsonl"), "--data", str(card)]
    done = CliRunner().invoke(cli, [*arguments, "--protocol", "multiple-choice"])
    assert done.exit_code == 0, done.output
    assert "multiple choice: 2 questions; options read by text 0, by letter 1" in done.stdout
    assert "not read, and so wrong, 1 ('many')" in done.stdout
    # The checks find the letter, and say what reading it would give.
    assert "letter: 1, a letter where people wrote a text" in done.stdout
    assert "0.5000  if each were read as one of the options (--protocol multiple-choice)" in done.stdout
    report = json.loads(CliRunner().invoke(cli, [*arguments, "--all-protocols", "--json", "-"]).stdout)
    scores = {each["protocol"]: each["score"] for each in report["protocols"]}
    assert (scores["multiple-choice"]["value"], scores["aokvqa-mc"]["value"]) == (0.5, 0)
    assert report["option_reading"]["unread"] == 1
