"""Word vectors: those of the file's words fill the embedding, the others stay."""

from types import SimpleNamespace

import numpy as np
import pytest

from vqa._mxnet import mx
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError
from vqa.nn.network import build_network
from vqa.nn.word_vectors import load_word_vectors

VOCABULARY = Vocabulary(["what", "naïve", "cat"], ["yes", "no"])


@pytest.fixture
def network():
    dataset = SimpleNamespace(vocabulary=VOCABULARY, images=SimpleNamespace(kind="none", shape=(1,)))
    return build_network("question-only", dataset, embedding_size=3, hidden_size=4)


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "vectors.txt"
        path.write_bytes(text.encode("utf-8"))
        return path

    return write


def embedding(network):
    return network.question_encoder.embedding.weight.data().asnumpy()


def row(word):
    return VOCABULARY.words[word]


def test_found_words_get_their_vectors_and_the_others_stay(network, write):
    before = embedding(network)
    path = write("the 9 9 9\nwhat 1 2 3\nnaïve -1 0.5 1e-3\ndog 7 7 7\n")
    assert load_word_vectors(network, VOCABULARY, path) == 2
    after = embedding(network)
    np.testing.assert_array_equal(after[row("what")], np.float32([1, 2, 3]))
    np.testing.assert_array_equal(after[row("naïve")], np.float32([-1, 0.5, 1e-3]))
    untouched = [row("cat"), 0, 1]
    np.testing.assert_array_equal(after[untouched], before[untouched])
    # What the network computes changes with it.
    tokens = mx.nd.array([[row("what")]], dtype="int32")
    np.testing.assert_array_equal(network.question_encoder.embedding(tokens).asnumpy()[0, 0], [1, 2, 3])


def test_header_first_of_two_and_words_with_blanks(network, write):
    path = write("3 3\ncat 1 1 1\ncat 2 2 2\nwhat a 5 5 5\n")
    assert load_word_vectors(network, VOCABULARY, path) == 1
    np.testing.assert_array_equal(embedding(network)[row("cat")], [1, 1, 1])


def test_vectors_of_another_size(network, write):
    with pytest.raises(ConfigError, match="2 numbers, the network's embedding_size is 3"):
        load_word_vectors(network, VOCABULARY, write("what 1 2\ncat 1 2\n"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dog 1 2 3\n", "none of the"),
        ("dog 1 2 3\ncat 1 two 3\n", ":2: expected a word and numbers: .*two"),
        ("cat 1 nan 3\n", ":1: expected a word and finite numbers, got nan"),
        ("cat 1 1e39 3\n", ":1: expected a word and finite numbers, got inf"),
    ],
)
def test_useless_files(network, write, text, message):
    with pytest.raises(DataError, match=message):
        load_word_vectors(network, VOCABULARY, write(text))


def test_missing_file(network, tmp_path):
    with pytest.raises(FileNotFoundError):
        load_word_vectors(network, VOCABULARY, tmp_path / "none.txt")


def test_a_preset_without_word_vectors(write):
    dataset = SimpleNamespace(vocabulary=VOCABULARY, images=SimpleNamespace(kind="features", shape=(4,)))
    network = build_network("softmax-regression", dataset)
    with pytest.raises(ConfigError, match="softmax-regression"):
        load_word_vectors(network, VOCABULARY, write("cat 1 2\n"))
