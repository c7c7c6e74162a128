from __future__ import annotations

from collections import Counter
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.data.readers.annotators import SHADES, simulate_annotators
from vqa.data.table import BadLine, QuestionTable


def table(*answers: str, prefix: str = "q") -> QuestionTable:
    count = len(answers)
    return QuestionTable(
        [f"{prefix}{row}" for row in range(count)], [""] * count, ["what?"] * count, [(answer,) for answer in answers]
    )


def test_no_shade_is_another_answer_or_a_shade_of_one() -> None:
    meanings = [{answer, *shades} for answer, shades in SHADES.items()]
    assert all(not first & second for first, second in combinations(meanings, 2))
    assert all(len(meaning) == 3 for meaning in meanings)


def test_frozen_answers() -> None:
    # The digests of SHA-256 are the same on every machine and version, and so are these.
    simulated = simulate_annotators(table("blue", "yes", "circle", "no"))
    assert list(simulated.answers) == [
        ("dark blue", "navy", "blue"),
        ("yes", "yeah", "yeah"),
        ("round shape", "circle", "circle"),
        ("no", "nope", "nope"),
    ]


@given(st.lists(st.sampled_from([*SHADES, "something else"]), min_size=1), st.integers(2, 10), st.integers(0, 99))
def test_the_published_answer_is_there_and_all_others_mean_the_same(answers: list[str], count: int, seed: int) -> None:
    simulated = simulate_annotators(table(*answers), count, seed)
    for published, given_answers in zip(answers, simulated.answers):
        assert len(given_answers) == count
        assert published in given_answers
        assert set(given_answers) <= {published, *SHADES.get(published, ())}


@given(st.permutations(range(6)))
def test_the_answers_depend_on_the_question_alone(order: list[int]) -> None:
    whole = table("red", "blue", "yes", "no", "teal", "circle")
    simulated = simulate_annotators(whole)
    assert list(simulate_annotators(whole.take(order)).answers) == [simulated.answers[row] for row in order]


def test_the_seed_changes_the_answers() -> None:
    whole = table(*["red"] * 50)
    assert list(simulate_annotators(whole, seed=1).answers) != list(simulate_annotators(whole, seed=2).answers)


def test_slots_and_shades_vary_evenly() -> None:
    answers = list(simulate_annotators(table(*["blue"] * 9000)).answers)
    # Two free slots of three equally likely words, one slot fixed: P(no shade) = 1/9, P(slot holds it) = 1/3 + 2/9.
    assert sum(set(given_answers) == {"blue"} for given_answers in answers) / 9000 == pytest.approx(1 / 9, abs=0.015)
    for slot in range(3):
        share = Counter(given_answers[slot] for given_answers in answers)
        assert share["blue"] / 9000 == pytest.approx(5 / 9, abs=0.02)
        assert share["navy"] / 9000 == pytest.approx(2 / 9, abs=0.02)


def test_the_other_columns_stay() -> None:
    whole = QuestionTable(
        ["1"], ["i"], ["q"], [("red",)], answer_type=["t"], question_type=["u"], bad_lines=[BadLine("f", 1, "r")]
    )
    simulated = simulate_annotators(whole)
    for name in ("question_id", "image_id", "question", "answer_type", "question_type", "bad_lines"):
        assert list(getattr(simulated, name)) == list(getattr(whole, name))


def test_the_ceiling_of_easy_vqa_3(project: Path) -> None:
    """Mean share of a question's commonest answer: 2/3 unless three differ (2/9) or all agree (1/9)."""
    test = read_split(load_card(project / "data/easy_vqa_3.toml"), "test")
    ceiling = sum(Counter(answers).most_common(1)[0][1] / 3 for answers in test.answers) / len(test)
    assert ceiling == pytest.approx(1 * 1 / 9 + 2 / 3 * 6 / 9 + 1 / 3 * 2 / 9, abs=0.01)
