from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from small_tables import Table

from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.mistakes import MISTAKES, AnswerKinds, classify_mistakes, kind_by_form
from vqa.scoring.rules import any_of


def test_one_of_each_class() -> None:
    answers = [("red",), ("zebra",), ("red",), ("yes",), ("2", "3"), ("red",), ("red",)]
    table = Table(answers, answer_type=["other", "other", "other", "yes/no", "number", "other", "other"])
    found = classify_mistakes(
        table,
        ["red", "red", "Red.", "blue", "red", "blue", "green"],
        AnswerSets(answers),
        vocabulary=["red", "blue", "green", "yes", "2", "Red."],
        blind=["red", "red", "red", "yes", "2", "blue", "red"],
    )
    assert found.tolist() == ["right", "out_of_vocabulary", "formatting", "wrong_type", "wrong_type", "prior", "other"]


def test_the_first_class_that_fits_is_taken() -> None:
    # Neither of the answers can be predicted, the answer only differs in writing, is of another type, and is the
    # blind one.
    answers = [("yes", "yes", "two")]
    found = classify_mistakes(
        Table(answers, answer_type=["yes/no"]), ["Two"], AnswerSets(answers), vocabulary=["Two"], blind=["Two"]
    )
    assert found.tolist() == ["out_of_vocabulary"]
    found = classify_mistakes(Table(answers, answer_type=["yes/no"]), ["Two"], AnswerSets(answers), blind=["Two"])
    assert found.tolist() == ["formatting"]


def test_types_by_form() -> None:
    forms = ["yes", "Yes, sir", "nope", "no.", "2", "two dogs", "3.5", "zero", "red", "", "nobody"]
    assert [kind_by_form(answer) for answer in forms] == ["yes/no"] * 4 + ["number"] * 4 + ["other"] * 3


def test_types_are_learned_where_the_data_has_them() -> None:
    kinds = AnswerKinds(["color", "color", "shape"], [("red", "teal"), ("red",), ("circle", "red")])
    assert kinds.of(["red", "circle", "teal", "4", "green"]) == ["color", "shape", "color", "number", "other"]
    assert AnswerKinds(["", ""], [("red",), ("yes",)]).of(["red", "yes"]) == ["other", "yes/no"]
    assert AnswerKinds().of(["red", "2"]) == ["other", "number"]


WORDS = st.sampled_from(["yes", "Yes", "no", "2", "two", "red", "blue", "the"])


@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3), WORDS), min_size=1, max_size=20))
def test_the_classes_add_up_to_the_wrong_questions(questions: list[tuple[str, list[str], str]]) -> None:
    predictions = [prediction for prediction, _, _ in questions]
    answers = AnswerSets([answer_set for _, answer_set, _ in questions])
    table = Table([answer_set for _, answer_set, _ in questions])
    found = classify_mistakes(
        table, predictions, answers, vocabulary=["yes", "2", "red"], blind=[blind for _, _, blind in questions]
    ).tolist()
    hits = any_of(predictions, answers)
    assert [name == "right" for name in found] == (hits == 1).tolist()
    assert sum(found.count(name) for name in MISTAKES) == (hits == 0).sum()
