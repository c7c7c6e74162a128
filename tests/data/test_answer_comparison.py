"""The card key `answers`: one rule for the table, the vocabulary, the arrays for training, and the data hash."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from vqa.data.cards import load_card
from vqa.data.dataset import load_dataset
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable, answer_spellings
from vqa.errors import ConfigError

QUESTIONS = """question_id,question,answer_1,answer_2
1,is the lung clear,Yes,yes
2,is the heart large,No,yes.
3,what is it,The left lung,left lung
4,what is shown,A,
"""


def write(folder: Path, extra: str = "") -> Path:
    (folder / "train.csv").write_text(QUESTIONS)
    (folder / "card.toml").write_text(f'name = "test"\nformat = "csv"\n{extra}\n[splits.train]\nfile = "train.csv"\n')
    return folder / "card.toml"


def test_exact_answers_stay_as_written(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, 'answers = "exact"'))
    table = dataset.table("train")
    assert list(table.answers) == [("Yes", "yes"), ("No", "yes."), ("The left lung", "left lung"), ("A",)]
    assert table.raw_answers is table.answers
    assert not table.normalized
    assert dataset.vocabulary.num_answers == 7
    assert dataset.options.answers == "exact"


def test_normalized_answers_are_one_class_and_keep_what_was_written(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, 'answers = "normalized"'))
    table = dataset.table("train")
    assert list(table.answers) == [("yes", "yes"), ("no", "yes"), ("left lung", "left lung"), ("a",)]
    assert list(table.raw_answers) == [("Yes", "yes"), ("No", "yes."), ("The left lung", "left lung"), ("A",)]
    assert table.normalized
    assert dataset.vocabulary.answers == ["yes", "left lung", "no", "a"]
    assert dataset.encoded("train").answers.tolist() == [[0, 0], [2, 0], [1, 1], [3, -1]]
    assert dataset.options.answers == "normalized"


def test_rows_and_given_tables_follow_the_rule(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, 'answers = "normalized"'))
    part = dataset.table("train").take([1])
    assert (part.answers[0], part.raw_answers[0], part.normalized) == (("no", "yes"), ("No", "yes."), True)
    own = QuestionTable(["mine"], [""], ["is it"], [("YES!",)])
    given = dataset.with_table("own", own).table("own")
    assert (given.answers[0], given.raw_answers[0]) == (("yes",), ("YES!",))
    assert given.with_normalized_answers() is given


def test_the_data_hash_depends_on_the_rule_even_where_no_answer_changes(tmp_path: Path) -> None:
    exact = QuestionTable(["1"], [""], ["is it"], [("yes", "no")])
    normalized = exact.with_normalized_answers()
    assert normalized.answers[0] == exact.answers[0]
    assert normalized.content_hash() != exact.content_hash()
    capital = QuestionTable(["1"], [""], ["is it"], [("Yes", "No")]).with_normalized_answers()
    assert capital.content_hash() == normalized.content_hash()


def test_without_the_key_answers_are_exact(tmp_path: Path, project: Path) -> None:
    assert load_card(write(tmp_path)).answers is None
    assert load_dataset(write(tmp_path)).options.answers == "exact"
    for name in ("easy_vqa", "easy_vqa_3", "forum"):
        assert load_dataset(project / f"data/{name}.toml").options.answers == "exact"


def test_a_run_reads_by_its_own_rule(tmp_path: Path) -> None:
    card = write(tmp_path, 'answers = "normalized"')
    assert load_dataset(card).options.answers == "normalized"
    dataset = load_dataset(card, answers="exact")
    assert dataset.options.answers == "exact"
    assert dataset.table("train").answers[0] == ("Yes", "yes")
    assert read_split(load_card(card), "train", answers="exact").answers[0] == ("Yes", "yes")


def test_a_rule_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown answers 'normalised'; did you mean 'normalized'"):
        load_card(write(tmp_path, 'answers = "normalised"'))
    with pytest.raises(ConfigError, match="answers: expected 'exact' or 'normalized', got 'official'"):
        load_dataset(write(tmp_path), answers="official")


SPELLINGS = "5 spellings of 2 answers, such as 'Yes' (1), 'yes' (1), 'yes.' (1),"


@pytest.mark.parametrize(
    ("extra", "level", "message"),
    [
        ("", "WARNING", f'{SPELLINGS} count as different answers; write answers = "normalized" into'),
        ('answers = "normalized"', "INFO", f'{SPELLINGS} are the same answers (answers = "normalized")'),
        ('answers = "exact"', "", ""),
    ],
)
def test_answers_that_differ_only_in_spelling_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, extra: str, level: str, message: str
) -> None:
    card = write(tmp_path, extra)
    with caplog.at_level(logging.INFO, "vqa"):
        load_dataset(card)
    assert [record.levelname for record in caplog.records] == [level] * bool(level)
    assert all(message in text for text in caplog.messages)


def test_data_sets_with_a_convention_do_not_warn(project: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_dataset(project / "data/easy_vqa_3.toml")
    assert caplog.messages == []


def test_spellings_are_counted_by_what_was_written(tmp_path: Path) -> None:
    for rule in ("exact", "normalized"):
        table = load_dataset(write(tmp_path), answers=rule).table("train")
        assert answer_spellings(table) == [{"Yes": 1, "yes": 1, "yes.": 1}, {"The left lung": 1, "left lung": 1}]
