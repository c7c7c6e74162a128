"""WUPS: the published vectors, and values worked out by hand on WordNet's tree of nouns."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from vqa.errors import InstallationError
from vqa.scoring import wordnet
from vqa.scoring.wordnet import Nouns
from vqa.scoring.wups import Wups, items

pytest.importorskip("nltk", reason="the extra 'wups' is not installed: pip install 'vqa[wups]'")


@pytest.fixture(scope="module")
def wups() -> Wups:
    try:
        Nouns()
    except InstallationError as error:
        pytest.skip(str(error))
    return Wups()


@pytest.mark.parametrize(("threshold", "column"), [(0.0, 2), (0.9, 3)])
def test_equals_the_reference_implementation(wups: Wups, shared_data: Path, threshold: float, column: int) -> None:
    vectors = json.loads(gzip.decompress((shared_data / "daquar" / "wups_vectors.json.gz").read_bytes()))
    scores = wups.scores([vector[1] for vector in vectors], [(vector[0],) for vector in vectors], threshold)
    np.testing.assert_allclose(scores, [vector[column] for vector in vectors], rtol=0, atol=1e-9)


def test_one_word_for_another(wups: Wups) -> None:
    # dog and cat meet in carnivore, at depth 12 with the root at 1; dog is two edges below it, as is cat.
    expected = 2 * 12 / (2 + 2 + 2 * 12)
    predictions, answers = ["cat", "cat", "dog", "xyzzy", "xyzzy"], [("dog",)] * 3 + [("dog",), ("xyzzy",)]
    np.testing.assert_allclose(wups.scores(predictions, answers, 0.0), [expected, expected, 1, 0, 1])
    # Below the threshold a similarity counts a tenth.
    np.testing.assert_allclose(wups.scores(["cat"], [("dog",)], 0.9), [expected / 10])


def test_lists_are_fuzzy_sets(wups: Wups) -> None:
    cat_dog = float(wups.scores(["cat"], [("dog",)], 0.0)[0])
    scores = wups.scores(["dog", "dog, cat", "cat, dog"], [("dog, cat",), ("dog",), ("dog, cat",)], 0.0)
    np.testing.assert_allclose(scores, [cat_dog, cat_dog, 1])


def test_of_several_human_answers_the_nearest_counts(wups: Wups) -> None:
    nearest = wups.scores(["cat"], [("dog", "cat")], 0.9)
    np.testing.assert_allclose(nearest, [1.0])


def test_the_ceiling_of_a_vocabulary(wups: Wups) -> None:
    cat_dog = float(wups.scores(["cat"], [("dog",)], 0.0)[0])
    np.testing.assert_allclose(wups.ceiling(["cat", "xyzzy"], [("dog",), ("cat",), ("xyzzy",)], 0.0), [cat_dog, 1, 1])


def test_similarity_is_nltks_in_both_directions(wups: Wups) -> None:
    nouns = Nouns()
    words = ["sink", "stove", "pink", "table", "white", "picture", "garbage_bin", "person", "2"]
    forward, backward = nouns.similarities(words, words)
    for row, one in enumerate(words):
        for column, other in enumerate(words):
            pairs = [(x, y) for x in nouns.senses(one) for y in nouns.senses(other)]
            assert forward[row, column] == pytest.approx(max((x.wup_similarity(y) for x, y in pairs), default=0))
            assert backward[row, column] == pytest.approx(max((y.wup_similarity(x) for x, y in pairs), default=0))


def test_items_of_an_answer() -> None:
    assert items("book, scissor ,papers") == ["book", "scissor", "papers"]


def test_without_wordnet_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import nltk.data

    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    monkeypatch.setattr(wordnet, "DEBIAN_FOLDER", tmp_path / "none")
    with pytest.raises(InstallationError, match="apt-get install wordnet-base"):
        Nouns()
