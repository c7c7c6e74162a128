"""Word vectors from a text file, as the starting point of a network's word embedding."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vqa._mxnet import gluonnlp, mx
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
        None of the vocabulary's words is in the file, or a vector is not made of numbers.
    OSError
        The file cannot be read.

    Source: Pennington, Socher and Manning, "GloVe: Global Vectors for Word Representation", EMNLP 2014.
    """
    spec = network.spec
    if "embedding_size" not in spec.options:
        raise ConfigError(f"preset {spec.preset!r} has no word vectors to fill; leave --word-vectors out")
    size = int(spec.options["embedding_size"])
    wanted = {word.encode("utf-8"): row for row, word in enumerate(vocabulary.words.idx_to_token)}
    with tempfile.NamedTemporaryFile(suffix=".txt") as excerpt:
        found = _excerpt(path, excerpt.name, set(wanted), size)
        if not found:
            raise DataError(f"{path}: none of the vocabulary's {len(wanted)} words has a vector in this file")
        try:
            vectors = gluonnlp.embedding.TokenEmbedding.from_file(excerpt.name, unknown_token=None)
        except ValueError as error:
            raise DataError(f"{path}: expected a word and {size} numbers on each line: {error}") from error
    weight = network.question_encoder.embedding.weight
    values = weight.data(weight.list_ctx()[0]).asnumpy()
    values[[wanted[word.encode("utf-8")] for word in vectors.idx_to_token]] = vectors.idx_to_vec.asnumpy()
    weight.set_data(mx.nd.array(values))
    network.word_vectors = str(path)
    return found


def _excerpt(path: Path, excerpt: str, wanted: set[bytes], size: int) -> int:
    """Write the first line of each wanted word to the file `excerpt` and return their number.

    gluonnlp reads a file whole, as Python numbers: several gigabytes for the usual ones.
    """
    left = set(wanted)
    components = 0
    with open(path, "rb") as file, open(excerpt, "wb") as output:
        for line in file:
            word, _, numbers = line.rstrip().partition(b" ")
            # Some files have words with blanks in them; a header is a word count and a size.
            components = numbers.count(b" ") + 1
            if word in left and components == size:
                left.remove(word)
                output.write(line.rstrip() + b"\n")
    if len(left) == len(wanted) and components != size:
        raise ConfigError(
            f"{path}: its vectors have {components} numbers, the network's embedding_size is {size}; "
            f"use a file of that size, or the option embedding_size={components}"
        )
    return len(wanted) - len(left)
