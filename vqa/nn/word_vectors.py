"""Word vectors from a text file, as the starting point of a network's word embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from vqa._mxnet import mx
from vqa.data.vocab import Vocabulary
from vqa.errors import ConfigError, DataError
from vqa.nn.network import VqaNetwork


def load_word_vectors(network: VqaNetwork, vocabulary: Vocabulary, path: Path) -> int:
    """Fill the network's word embedding from a file of word vectors and return how many words were found in it.

    Words that the file lacks keep their random vectors.

    Parameters
    ----------
    network : initialised; its option `embedding_size` is the number of components of the file's vectors
    vocabulary : the one that the network was built for
    path : text file in GloVe's format, one ``word number number ...`` per line; a header line is skipped

    Raises
    ------
    ConfigError
        The network has no word vectors, or the file's vectors have another number of components.
    DataError
        None of the vocabulary's words is in the file, or a vector is not made of finite numbers.
    OSError
        The file cannot be read.

    Source: Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.
    """
    spec = network.spec
    if "embedding_size" not in spec.options:
        raise ConfigError(f"preset {spec.preset!r} has no word vectors to fill; leave --word-vectors out")
    weight = network.question_encoder.embedding.weight
    values = weight.data(weight.list_ctx()[0]).asnumpy()
    rows = {word.encode("utf-8"): row for row, word in enumerate(vocabulary.words.idx_to_token)}
    found = _fill(values, rows, path)
    weight.set_data(mx.nd.array(values))
    network.word_vectors = str(path)
    return found


def _fill(values: npt.NDArray[np.float32], rows: dict[bytes, int], path: Path) -> int:
    """Fill the rows (words, size) of those words that the file has, from the first line of each; return their number.

    gluonnlp would read the file whole, as Python numbers: several gigabytes for the usual ones.
    """
    size = values.shape[1]
    left = dict(rows)
    components = 0
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            word, _, numbers = line.rstrip().partition(b" ")
            # Some files have words with blanks in them; a header is a word count and a size.
            components = numbers.count(b" ") + 1
            if word in left and components == size:
                values[left.pop(word)] = _vector(numbers, f"{path}:{number}")
    if len(left) == len(rows):
        if components != size:
            raise ConfigError(
                f"{path}: its vectors have {components} numbers, the network's embedding_size is {size}; "
                f"use a file of that size, or the option embedding_size={components}"
            )
        raise DataError(f"{path}: none of the vocabulary's {len(rows)} words has a vector in this file")
    return len(rows) - len(left)


def _vector(numbers: bytes, where: str) -> npt.NDArray[np.float32]:
    with np.errstate(over="ignore"):
        try:
            vector = np.array([float(number) for number in numbers.split(b" ")]).astype(np.float32)
        except ValueError as error:
            raise DataError(f"{where}: expected a word and numbers: {error}") from error
    if not np.isfinite(vector).all():
        raise DataError(f"{where}: expected a word and finite numbers, got {vector[~np.isfinite(vector)][0]}")
    return vector
