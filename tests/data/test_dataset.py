from __future__ import annotations

from pathlib import Path

import pytest

import vqa
from vqa.data import dataset as dataset_module
from vqa.data.dataset import load_dataset
from vqa.data.options import DataOptions
from vqa.data.table import QuestionTable
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError


def write(folder: Path, extra: str = "", **splits: str) -> Path:
    text = f'name = "test"\nformat = "csv"\n{extra}\n'
    for split, content in splits.items():
        (folder / f"{split}.csv").write_text(content)
        text += f'[splits.{split}]\nfile = "{split}.csv"\n'
    (folder / "card.toml").write_text(text)
    return folder / "card.toml"


HEADER = "question_id,question,answer_1,answer_2\n"


def test_vocabularies_come_from_train_alone(tmp_path: Path) -> None:
    dataset = load_dataset(
        write(tmp_path, train=HEADER + "1,what is it,cat,dog\n2,is it,dog,\n", test=HEADER + "3,who knows,me,\n")
    )
    assert dataset.splits == ["train", "test"]
    assert dataset.vocabulary.answers == ["dog", "cat"]
    assert "who" not in dataset.vocabulary.words
    assert dataset.encoded("test").answers.tolist() == [[-1]]
    assert dataset.images.kind == "none"
    assert repr(dataset) == "Dataset('test', splits train, test, 2 answers)"


def test_limits_of_the_vocabulary(tmp_path: Path) -> None:
    card = write(tmp_path, train=HEADER + "1,what is it,cat,dog\n2,is it,dog,\n")
    dataset = load_dataset(card, max_answers=1, min_word_count=2)
    assert dataset.vocabulary.answers == ["dog"]
    assert dataset.vocabulary.words.idx_to_token[2:] == ["is", "it"]


def test_a_data_set_remembers_how_it_was_read(tmp_path: Path) -> None:
    card = write(tmp_path, train=HEADER + "1,what is it,cat,dog\n2,is it,dog,\n")
    assert load_dataset(card).options == DataOptions(max_bad=0.01, max_answers=0, min_word_count=1, answers="exact")
    dataset = load_dataset(card, max_bad=0.5, max_answers=1, min_word_count=2)
    assert dataset.options == DataOptions(max_bad=0.5, max_answers=1, min_word_count=2, answers="exact")
    assert dataset.with_table("own", dataset.table("train")).options == dataset.options
    again = load_dataset(card, max_bad=0.5, max_answers=1, min_word_count=2, vocabulary=dataset.vocabulary)
    assert again.options == dataset.options


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"max_bad": 1.5}, r"max_bad: expected a fraction of bad lines in \[0, 1\], got 1.5"),
        ({"max_bad": float("nan")}, "max_bad: expected a fraction"),
        ({"max_answers": -1}, "max_answers: expected a number of at least 1, or 0 for no limit, got -1"),
        ({"min_word_count": 0}, "min_word_count: expected a number of at least 1, got 0"),
    ],
)
def test_options_out_of_their_range(tmp_path: Path, values: dict[str, float], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_dataset(write(tmp_path, train="q,a\n"), **values)


def test_splits_are_read_once_and_when_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = write(tmp_path, train="q,a\n", test="q,a\n")
    read = []

    def counting(card: object, split: str, *options: object) -> QuestionTable:
        read.append(split)
        return original(card, split, *options)

    original = dataset_module.read_split
    monkeypatch.setattr(dataset_module, "read_split", counting)
    dataset = load_dataset(card)
    assert read == ["train"]
    assert dataset.table("test") is dataset.table("test")
    assert dataset.encoded("test") is dataset.encoded("test")
    assert read == ["train", "test"]
    load_dataset(card, vocabulary=dataset.vocabulary)
    assert read == ["train", "test"]


def test_splits_may_not_share_questions(tmp_path: Path) -> None:
    dataset = load_dataset(write(tmp_path, train=HEADER + "1,a,b,\n2,a,b,\n", test=HEADER + "3,a,b,\n2,c,d,\n"))
    with pytest.raises(DataError, match="'train' and 'test' share 1 question ids, the first is '2'"):
        dataset.table("test")


def test_a_card_without_train_needs_a_vocabulary(tmp_path: Path) -> None:
    card = write(tmp_path, val="q,a\n")
    with pytest.raises(ConfigError, match="no split 'train' to make the vocabulary from, only val"):
        load_dataset(card)
    dataset = load_dataset(card, vocabulary=Vocabulary(["q"], ["a"]))
    assert dataset.encoded("val").answers.tolist() == [[0]]
    with pytest.raises(ConfigError, match="no split 'train'; known: val"):
        dataset.table("train")


def test_max_bad_holds_for_every_split(tmp_path: Path) -> None:
    card = write(tmp_path, train="q,a\n", test="q,a\nbad\n")
    assert len(load_dataset(card, max_bad=0.5).table("test")) == 1
    with pytest.raises(DataError, match="1 of 2 lines"):
        load_dataset(card).table("test")


def test_images_cover_the_splits_read_so_far(project: Path) -> None:
    dataset = vqa.load_dataset(project / "data/easy_vqa.toml")
    before = dataset.images
    assert before.missing(["train/0", "test/0"]) == ["test/0"]
    assert dataset.images is before
    dataset.table("test")
    assert dataset.images.missing(["train/0", "test/0"]) == []
    assert before.missing(["test/0"]) == ["test/0"]  # what was handed out stays as it is


def test_with_table(project: Path) -> None:
    dataset = vqa.load_dataset(project / "data/easy_vqa.toml")
    own = QuestionTable(["mine"], ["test/7"], ["what color is the shape?"], [("blue",)])
    other = dataset.with_table("own", own)
    (batch,) = vqa.GroupedLoader(other, "own")
    assert batch.images.shape == (1, 3, 64, 64)
    assert other.vocabulary is dataset.vocabulary
    assert "own" in other.splits
