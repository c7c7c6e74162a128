from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary, build_vocabulary, commonest_answers, tokenize
from vqa.errors import ConfigError, DataError

TABLE = QuestionTable(
    ["1", "2", "3"],
    ["", "", ""],
    ["What is this?", "what is the dog's name", "is it a dog"],
    [("cat", "cat", "dog"), ("rex", "dog"), ("yes", "yes", "dog")],
)


def test_commonest_answers_first_and_ties_by_first_occurrence() -> None:
    assert commonest_answers(TABLE.answers) == ["dog", "cat", "yes", "rex"]  # 3, 2, 2, 1 times
    assert commonest_answers(TABLE.answers, 2) == ["dog", "cat"]
    assert commonest_answers([("", " "), ("b", "a")]) == ["b", "a"]
    assert commonest_answers([]) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("What's in the PERSON's hand?", ["what's", "in", "the", "person's", "hand"]),
        ("dogs' 'quoted' o’clock", ["dogs", "quoted", "o'clock"]),
        ("2,000 cars; a_b T-shirt", ["2", "000", "cars", "a", "b", "t", "shirt"]),
        ("où est Änne? 狗在哪里", ["où", "est", "änne", "狗在哪里"]),
        ("?!", []),
        ("", []),
    ],
)
def test_tokenize(text: str, words: list[str]) -> None:
    assert tokenize(text) == words


def test_words_by_count_then_alphabet_after_the_special_tokens() -> None:
    vocabulary = build_vocabulary(TABLE)
    assert vocabulary.words.idx_to_token == [
        *("[unk]", "[pad]", "is"),  # three times
        "what",  # twice
        *("a", "dog", "dog's", "it", "name", "the", "this"),
    ]
    assert (vocabulary.num_words, vocabulary.padding_id) == (11, 1)


def test_rare_words_and_answers_are_left_out() -> None:
    vocabulary = build_vocabulary(TABLE, max_answers=2, min_word_count=2)
    assert vocabulary.words.idx_to_token == ["[unk]", "[pad]", "is", "what"]
    assert (vocabulary.answers, vocabulary.num_answers) == (["dog", "cat"], 2)


@pytest.mark.parametrize("limits", [{"max_answers": 0}, {"min_word_count": 0}])
def test_limits_below_one(limits: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="at least 1, got 0"):
        build_vocabulary(TABLE, **limits)


def test_encode_question() -> None:
    vocabulary = build_vocabulary(TABLE)
    assert vocabulary.encode_question("What is a zebra?") == [3, 2, 4, 0]
    assert vocabulary.encode_question("??") == [0]
    assert vocabulary.encode_question("[pad]") == [0]  # text never gives the padding token
    assert vocabulary.unknown_words("What is a zebra's zoo?") == ["zebra's", "zoo"]


def test_encode_answers_keeps_repeats_and_marks_unknown_and_empty_slots() -> None:
    vocabulary = Vocabulary(["is"], ["dog", "cat"])
    answers = [("cat", "cat", "dog"), ("fish", "dog"), ("Dog", "")]
    encoded = vocabulary.encode_answers(answers)
    assert encoded.dtype == np.int32
    assert encoded.tolist() == [[1, 1, 0], [-1, 0, -1], [-1, -1, -1]]
    assert vocabulary.encode_answers(answers, 4).tolist() == [[1, 1, 0, -1], [-1, 0, -1, -1], [-1, -1, -1, -1]]
    assert vocabulary.encode_answers([]).shape == (0, 0)
    with pytest.raises(DataError, match="expected at most 2 answers per question, got 3"):
        vocabulary.encode_answers(answers, 2)


WORDS = st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), unique=True)


@given(words=WORDS, answers=st.lists(st.text(), min_size=1, unique=True))
def test_json_round_trip_is_exact(words: list[str], answers: list[str]) -> None:
    vocabulary = Vocabulary(words, answers)
    again = Vocabulary.from_json(vocabulary.to_json())
    assert again.words.idx_to_token == ["[unk]", "[pad]", *words]
    assert again.words.token_to_idx == vocabulary.words.token_to_idx
    assert again.answers == answers
    assert again.to_json() == vocabulary.to_json()


GOOD = {"words": ["[unk]", "[pad]", "is"], "answers": ["yes"]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "the vocabulary is not JSON"),
        ("[]", 'the two keys "words" and "answers"'),
        (json.dumps({"words": GOOD["words"]}), 'the two keys "words" and "answers"'),
        (json.dumps({**GOOD, "more": 1}), 'the two keys "words" and "answers"'),
        (json.dumps({**GOOD, "words": "is"}), "words must be a list of strings"),
        (json.dumps({**GOOD, "answers": ["yes", 1]}), "answers must be a list of strings"),
        (json.dumps({**GOOD, "answers": []}), "expected at least one answer"),
        (json.dumps({**GOOD, "answers": ["yes", "yes"]}), "answer 'yes' occurs twice"),
        (json.dumps({**GOOD, "words": [*GOOD["words"], "is"]}), "word 'is' occurs twice"),
        (json.dumps({**GOOD, "words": [*GOOD["words"], "[pad]"]}), "word '[pad]' occurs twice"),
        (json.dumps({**GOOD, "words": ["is", "[unk]", "[pad]"]}), "must begin with [unk] and [pad]"),
    ],
)
def test_a_damaged_vocabulary_is_one_line(text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        Vocabulary.from_json(text)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_vocabulary_says_what_it_holds() -> None:
    assert repr(Vocabulary(["is"], ["yes", "no"])) == "Vocabulary(3 words, 2 answers: 'yes', 'no')"
