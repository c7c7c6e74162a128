"""WordNet's nouns: how similar two words are after Wu and Palmer (1994)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from vqa.errors import InstallationError

if TYPE_CHECKING:
    from nltk.corpus.reader.wordnet import Synset

Floats = npt.NDArray[np.float64]

# Where Debian's package wordnet-base puts the files of WordNet 3.0.
DEBIAN_FOLDER = Path("/usr/share/wordnet")
NLTK_NAMES = ("corpora/wordnet", "corpora/wordnet.zip/wordnet/")
# The names of WordNet's source files, which Debian leaves out; no similarity depends on them.
NUM_SOURCE_FILES = 45


class Nouns:
    """The senses of words as nouns, and the similarity of all pairs of words at once.

    Raises
    ------
    InstallationError
        The package nltk or the files of WordNet are not installed.
    """

    def __init__(self) -> None:
        self._reader = _open_reader()

    def senses(self, word: str) -> list[Synset]:
        """Return the senses that a word has as a noun; "garbage_bin" stands for two words."""
        return list(self._reader.synsets(word, pos="n")) if word else []

    def similarities(self, words: Sequence[str], others: Sequence[str]) -> tuple[Floats, Floats]:
        """Return the Wu-Palmer similarity of each pair of words in their most similar senses.

        wup(x, y) = 2 d / (p(x) + p(y) + 2 d), where d is the depth of the deepest common ancestor (the root has depth
        1) and p the number of edges on the shortest path to it. It is 1 for words with a common sense, and 0 where one
        is no noun. Among equally deep ancestors NLTK prefers x itself, so that wup(x, y) and wup(y, x) may differ.

        Parameters
        ----------
        words, others : V and W words

        Returns
        -------
        wup(word, other), wup(other, word) : float64 (V, W), in [0, 1]
        """
        result = np.zeros((2, len(words), len(others)))
        senses = [self.senses(word) for word in words]
        rows = np.repeat(np.arange(len(words)), [len(found) for found in senses])
        flat = [sense for found in senses for sense in found]
        if not flat:
            return result[0], result[1]
        # Ancestors in the order of their names, which decides among equally deep ones.
        columns = sorted({ancestor for sense in flat for ancestor in _distances_to_ancestors(sense)})
        column_of = {ancestor: number for number, ancestor in enumerate(columns)}
        distance = np.full((len(flat), len(columns)), np.inf)
        for row, sense in enumerate(flat):
            for ancestor, steps in _distances_to_ancestors(sense).items():
                distance[row, column_of[ancestor]] = steps
        own = np.array([column_of[sense] for sense in flat])
        for place, word in enumerate(others):
            for sense in self.senses(word):
                forward, backward = self._to_sense(sense, distance, own, column_of)
                np.maximum.at(result[0, :, place], rows, forward)
                np.maximum.at(result[1, :, place], rows, backward)
        return result[0], result[1]

    def _to_sense(
        self, sense: Synset, distance: Floats, own: npt.NDArray[np.int64], column_of: dict[Synset, int]
    ) -> tuple[Floats, Floats]:
        """Return wup(S senses, one sense) and wup(one sense, S senses), float64 (S,) each.

        Parameters
        ----------
        distance : float64 (S, H), steps from each sense up to each of H ancestors, infinite to one that is none
        own : int64 (S,), the column of each sense itself, its own ancestor at distance 0
        """
        ancestors = _distances_to_ancestors(sense)
        known = sorted((column_of[ancestor], ancestor) for ancestor in ancestors if ancestor in column_of)
        if not known:
            return np.zeros(len(distance)), np.zeros(len(distance))
        columns = np.array([column for column, _ in known])
        up = np.array([ancestors[ancestor] for _, ancestor in known], dtype=np.float64)
        shallowest, deepest = np.array([_depths(ancestor) for _, ancestor in known], dtype=np.float64).T
        down = distance[:, columns]  # (S, common)
        # The common ancestor whose shortest path to the root is longest.
        rank = np.where(np.isfinite(down), shallowest, -np.inf)
        first_is_preferred = 0.5 * (own[:, np.newaxis] == columns)
        second_is_preferred = 0.5 * (up == 0)

        def similarity(preferred: Floats) -> Floats:
            chosen = (rank + preferred).argmax(axis=1)
            steps = np.take_along_axis(down, chosen[:, np.newaxis], axis=1)[:, 0] + up[chosen]
            depth = deepest[chosen] + 1
            return np.where(np.isfinite(steps), 2 * depth / (steps + 2 * depth), 0.0)

        return similarity(first_is_preferred), similarity(second_is_preferred)


@cache
def _distances_to_ancestors(sense: Synset) -> dict[Synset, int]:
    """Return the length of the shortest path to each ancestor, the sense itself among them at 0.

    A path may lead above the ancestor and down again, as NLTK measures it.
    """
    steps = _steps_up(sense)
    return {ancestor: min(steps[above] + down for above, down in _steps_up(ancestor).items()) for ancestor in steps}


@cache
def _steps_up(sense: Synset) -> dict[Synset, int]:
    """Return the fewest steps up to each ancestor, the sense itself among them at 0."""
    steps: dict[Synset, int] = {}
    for ancestor, distance in sense.hypernym_distances():
        steps[ancestor] = min(distance, steps.get(ancestor, distance))
    return steps


@cache
def _depths(sense: Synset) -> tuple[int, int]:
    """Return the lengths of the shortest and the longest path to the root."""
    return sense.min_depth(), sense.max_depth()


def _open_reader() -> Any:
    """Return NLTK's reader over the first files of WordNet that are found."""
    try:
        import nltk.data
        from nltk.corpus.reader.wordnet import WordNetCorpusReader
    except ImportError as error:
        raise InstallationError(f"WUPS needs the package nltk ({error}): pip install 'vqa[wups]'") from error

    class Reader(WordNetCorpusReader):
        """NLTK's reader, content with the files that Debian installs."""

        def open(self, file: str) -> Any:
            """Open a file; stand in for the list of source files where it is missing."""
            if file == "lexnames" and not (DEBIAN_FOLDER / file).exists() and str(self._root) == str(DEBIAN_FOLDER):
                return io.StringIO("".join(f"{number:02d}\tsource\t0\n" for number in range(NUM_SOURCE_FILES)))
            return super().open(file)

        def map_wn(self, version: str = "wordnet") -> None:
            """Map nothing to another version of WordNet: only the nouns of this one are asked for."""

    root = _find_files(nltk.data)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The multilingual functions are not available")
        return Reader(root, None)


def _find_files(data: Any) -> Any:
    for name in NLTK_NAMES:
        try:
            return data.find(name)
        except LookupError:
            continue
    if not DEBIAN_FOLDER.is_dir():
        raise InstallationError(
            "WUPS needs the files of WordNet 3.0, and there are none: apt-get install wordnet-base, "
            "or python -m nltk.downloader wordnet"
        )
    # NLTK opens files in the folders of this list only.
    if str(DEBIAN_FOLDER) not in data.path:
        data.path.append(str(DEBIAN_FOLDER))
    return str(DEBIAN_FOLDER)
