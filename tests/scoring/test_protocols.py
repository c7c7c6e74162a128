"""Protocols of other evaluators, on values worked out by hand from their sources."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.errors import ConfigError, DataError
from vqa.scoring.answer_processing import evalai, lmms_eval_vqav2, vizwiz, vlmevalkit
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.intervals import ClusterBootstrap
from vqa.scoring.protocol_table import difference, render_difference, render_scores, score_by_protocols
from vqa.scoring.protocols import PROTOCOLS, answerability, protocol_named

TEN = ("yes",) * 8 + ("no",) * 2
LEAVE_ONE_OUT = ["vqa-official", "vqa-lenient", "vizwiz", "evalai", "lmms-eval-vqav2", "vlmevalkit-vqa"]
WITHOUT_WORDNET = [name for name in PROTOCOLS if not name.startswith("wups")]
WITHOUT_OPTIONS = [name for name in WITHOUT_WORDNET if not PROTOCOLS[name].needs_options]
VECTORS = json.loads((Path(__file__).parent / "files" / "protocol_vectors.json").read_text(encoding="utf-8"))


def score(name: str, prediction: str, answers: Sequence[str], **options: bool) -> float:
    return float(PROTOCOLS[name].score([prediction], AnswerSets([tuple(answers)], **options))[0])


@pytest.mark.parametrize(
    ("raw", "of_evalai", "of_lmms_eval", "of_vlmevalkit", "of_vizwiz"),
    [
        ("Hello,world", "helloworld", "hello world", "hello world", "hello world"),
        ("1,,2", "12", "12", "1 2", "1 2"),  # only one pattern takes a run of commas for one
        ("1,000 people", "1000 people", "1000 people", "1000 people", "1000 people"),
        ("2.", "2", "2", "2.", "2"),
        ("Two.", "2", "2", "2", "2"),
        ("3.5", "3.5", "3.5", "3.5", "3.5"),
        ("The dog's bone", "dog 's bone", "dog's bone", "dog's bone", "dog's bone"),
        ("What?now", "whatnow", "what now", "what now", "what now"),
        ("dont", "don't", "don't", "don't", "don’t"),
        ("cant", "can't", "can't", "can't", "can't"),
        ("a", "", "", "", ""),
        (" Un\tanswerable\n", "un answerable", "un answerable", "un answerable", "un answerable"),
    ],
)
def test_processing(raw: str, of_evalai: str, of_lmms_eval: str, of_vlmevalkit: str, of_vizwiz: str) -> None:
    processed = [evalai(raw), lmms_eval_vqav2(raw), vlmevalkit(raw), vizwiz(raw)]
    assert processed == [of_evalai, of_lmms_eval, of_vlmevalkit, of_vizwiz]


@pytest.mark.parametrize("name", sorted(VECTORS[0]["scores"] | VECTORS[1]["scores"]))
def test_scores_of_the_reference_code(name: str) -> None:
    """Made-up cases, scored with the code that `Protocol.source` names, for vizwiz with the original apostrophes."""
    cases = [case for case in VECTORS if name in case["scores"]]
    assert len(cases) > 40
    answers = AnswerSets([tuple(case["answers"]) for case in cases])
    found = PROTOCOLS[name].score([case["prediction"] for case in cases], answers)
    assert found == pytest.approx([case["scores"][name] for case in cases], abs=1e-9)


def test_the_gate_is_the_official_one_alone() -> None:
    scores = {name: score(name, "Yes.", ("yes",) * 10) for name in LEAVE_ONE_OUT}
    assert scores == {name: 0.0 if name == "vqa-official" else 1.0 for name in LEAVE_ONE_OUT}


def test_vizwiz_leaves_human_answers_as_written() -> None:
    # "Red" of the annotators never equals the processed "red": 2 of 10 match.
    answers = ("Red",) * 8 + ("red",) * 2
    assert score("vizwiz", "Red", answers) == pytest.approx((2 * 1 / 3 + 8 * 2 / 3) / 10)
    assert score("evalai", "Red", answers) == 1


def test_equal_records_without_answer_ids_are_all_left_out() -> None:
    assert score("lmms-eval-vqav2", "yes", TEN) == 1
    # The eight who agree have nobody left who does; the two others see eight.
    assert score("lmms-eval-vqav2", "yes", TEN, distinct_records=False) == pytest.approx(0.2)
    assert score("lmms-eval-vqav2", "no", TEN, distinct_records=False) == pytest.approx(8 * (2 / 3) / 10)


def test_aokvqa_leaves_nobody_out() -> None:
    assert [score("aokvqa", "cat", ("cat",) * n + ("dog",) * (10 - n)) for n in (0, 1, 2, 3, 10)] == [
        0, pytest.approx(1 / 3), pytest.approx(2 / 3), 1, 1,
    ]  # fmt: skip
    assert score("aokvqa", "Cat", ("cat",) * 10) == 0


@pytest.mark.parametrize(
    ("prediction", "answers", "expected"),
    [
        ("cat", ("cat",), 1.0),
        ("CAT ", ("cat",), 1.0),  # distance 0
        ("cats", ("cat",), 0.75),
        ("ab", ("ax",), 0.5),  # the threshold itself counts
        ("abc", ("axy",), 0.0),  # a third
        ("cats", ("dog", "cat"), 0.75),
        ("ab    ", ("xb",), 1 - 1 / 6),  # distance 1 of the stripped texts over six raw characters
        ("", ("",), 1.0),
        ("", ("cat",), 0.0),
    ],
)
def test_anls(prediction: str, answers: tuple[str, ...], expected: float) -> None:
    assert score("anls", prediction, answers) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        ("105", "100", 1),
        ("105.1", "100", 0),
        ("95", "100", 1),
        ("-95", "-100", 1),
        ("5%", "0.05", 1),
        ("5", "5%", 0),
        ("0.0", "0", 0),  # an answer 0 is compared as text
        ("0", "0", 1),
        ("Blue", "blue", 1),
        ("blue ", "blue", 0),
        ("100 km", "100", 0),
        ("nan", "100", 0),
    ],
)
def test_relaxed(prediction: str, answer: str, expected: float) -> None:
    assert score("relaxed", prediction, (answer,)) == expected
    assert score("relaxed", prediction, ("zzz", answer)) == expected


def test_exact_is_the_commonest_answer() -> None:
    assert [score("exact", text, ("red", "blue", "blue")) for text in ("blue", "red", "Blue")] == [1, 0, 0]
    assert score("gqa", "red", ("red",)) == 1


@given(
    st.lists(
        st.tuples(
            st.text("aB.,'s 12?-", max_size=5), st.lists(st.text("aB.,'s 12?-", max_size=5), min_size=1, max_size=5)
        ),
        min_size=1,
        max_size=6,
    )
)
def test_every_protocol_scores_each_question_by_itself(rows: list[tuple[str, list[str]]]) -> None:
    predictions, answers = [row[0] for row in rows], [tuple(row[1]) for row in rows]
    for name in WITHOUT_OPTIONS:
        scores = PROTOCOLS[name].score(predictions, AnswerSets(answers))
        alone = [score(name, prediction, given) for prediction, given in zip(predictions, answers)]
        assert scores.tolist() == alone
        assert ((scores >= 0) & (scores <= 1)).all()
        defined = PROTOCOLS[name].defined_scores(predictions, AnswerSets(answers))
        single = np.array([len(given) == 1 for given in answers])
        assert np.isnan(defined).tolist() == (single & PROTOCOLS[name].compares_annotators).tolist()


def test_answerability() -> None:
    # Two of four are unanswerable; one is found, one answer is wrongly called so.
    found = answerability(
        ["Unanswerable.", "unanswerable", "red", "cat"], ["unanswerable", "other", "unanswerable", "other"]
    )
    # Precision and recall are 1/2 at the one threshold, precision 1/2 at recall 1.
    assert (found.average_precision, found.f1) == (0.5, 0.5)
    assert answerability(["red"], ["other"]).f1 is None
    assert (
        "1 of 1 questions are unanswerable, average precision 1.0000, F1 0.0000"
        in answerability(["red"], ["unanswerable"]).to_text()
    )


def test_one_line_per_protocol_and_where_two_differ() -> None:
    answers = AnswerSets([("yes",) * 10, TEN, ("red",)])
    predictions = ["Yes.", "no", "red"]
    scores = score_by_protocols(predictions, answers, ClusterBootstrap(list("abc")))
    assert [each.protocol for each in scores] == list(PROTOCOLS)
    by_name = {each.protocol: each.score for each in scores}
    assert by_name["vqa-official"] is not None
    assert by_name["any-of"] is not None
    assert (by_name["vqa-official"].n, by_name["any-of"].n) == (2, 3)
    assert render_scores(scores).count("\n") == len(PROTOCOLS)
    found = difference(PROTOCOLS["vqa-official"], PROTOCOLS["evalai"], predictions, answers, ["1", "2", "3"])
    assert (found.first_higher, found.second_higher) == (0, 1)
    assert [each.question_id for each in found.examples] == ["1"]
    assert "1: 'Yes.' scores 0.0000 and 1.0000 (answers: 'yes')" in render_difference(found)


def test_names() -> None:
    assert protocol_named("any_of") is protocol_named("any-of")
    with pytest.raises(ConfigError, match="unknown protocol 'vqa-oficial'; did you mean 'vqa-official'"):
        protocol_named("vqa-oficial")


@pytest.mark.parametrize("name", WITHOUT_WORDNET)
def test_one_prediction_per_question(name: str) -> None:
    with pytest.raises(DataError, match="one prediction per question"):
        PROTOCOLS[name].score(["a"], AnswerSets([("a",), ("b",)]))
