"""Predictions in Parquet files of any size: joined to their questions, scored and summed per image in one pass.

DuckDB reads, joins and groups, on disk where the memory does not suffice; the rules of `vqa.scoring.protocols` score
the joined rows block by block. What is left of any number of questions is, for each rule and answer type, the sum of
the squared scores and how many images have each pair of a sum of scores and a number of questions:
`vqa.scoring.parts_report` computes every rate and interval from that. Sums are of whole numbers, so that no order of
files, rows or threads changes a digit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from vqa.errors import DataError
from vqa.scoring.answer_sets import AnswerSets
from vqa.scoring.id_lists import EXAMPLES
from vqa.scoring.parquet_parts import Source, blocks, connect, joined, repeated_ids
from vqa.scoring.protocols import Protocol

if TYPE_CHECKING:
    import duckdb

UNIT = 10**12
"""Scores are summed as whole numbers of this fraction."""
_JOIN_MEMORY = "1200MB"
# What the sums are grouped by: the image, the question where it has no image, and the type of its answer.
KEYS = ("image", "lone_question", "answer_type")


@dataclass
class IdCounts:
    """How ids of predictions and questions fit; for ids that do not, their number and the first in their order.

    Attributes
    ----------
    predictions, questions : rows of the files
    matched : pairs of a prediction and its question
    unknown, missing : predictions without a question, questions without a prediction
    """

    predictions: int = 0
    questions: int = 0
    matched: int = 0
    unknown: int = 0
    missing: int = 0
    unknown_examples: list[str] = field(default_factory=list)
    missing_examples: list[str] = field(default_factory=list)

    def add(self, other: IdCounts) -> None:
        """Add the counts of other rows."""
        for name in ("predictions", "questions", "matched", "unknown", "missing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("unknown_examples", "missing_examples"):
            setattr(self, name, sorted({*getattr(self, name), *getattr(other, name)})[:EXAMPLES])


def check_ids(counts: IdCounts, predictions: Source, questions: Source, *, partial: bool) -> None:
    """Raise DataError where not each question has exactly one prediction; with `partial`, at most one."""
    where = predictions.like
    # Each question that is not missing has a pair, and so has each prediction that is not unknown: more pairs than
    # such rows mean that some row has several.
    if counts.matched > counts.predictions - counts.unknown:
        number, first = repeated_ids(questions)
        raise DataError(f"{questions.like}: {number} question ids occur more than once (first: {', '.join(first)})")
    faults = {"unknown": (counts.unknown, counts.unknown_examples)}
    if counts.matched > counts.questions - counts.missing:
        faults["duplicate"] = repeated_ids(predictions)
    if not partial:
        faults["missing"] = (counts.missing, counts.missing_examples)
    found = "; ".join(
        f"{name} ids: {number} (first: {', '.join(first)})" for name, (number, first) in faults.items() if number
    )
    if found:
        hint = "; --partial scores the questions that are there" if counts.missing and not partial else ""
        raise DataError(f"{where}: expected one result for each of the {counts.questions} questions, got {found}{hint}")
    if not counts.matched:
        raise DataError(f"{where}: expected at least one prediction, got none")


class Kinds(NamedTuple):
    """How many clusters have one sum of scores and one number of questions, for each pair that occurs.

    Attributes
    ----------
    answer_type : K strings
    total : K whole numbers, the sum of the scores in a cluster, in 1 / `UNIT`
    questions : K whole numbers, the questions of such a cluster that have a score
    clusters : K whole numbers
    """

    answer_type: list[str]
    total: list[int]
    questions: list[int]
    clusters: list[int]


Squares = dict[str, "Counter[str]"]
"""By protocol and answer type the sum of the squared scores, in 1 / `UNIT`."""


def sum_per_cluster(
    predictions: Source,
    questions: Source,
    protocols: Sequence[Protocol],
    database: str,
    *,
    normalized: bool = False,
    threads: int | None = None,
) -> tuple[IdCounts, Squares]:
    """Score predictions and write the sums of the scores of each cluster and answer type into a table `sums`.

    Parameters
    ----------
    database : the file to write; others are written beside it for a while
    normalized : human answers and predictions are compared in their lenient form
    threads : of DuckDB; None for as many as there are cores

    Raises
    ------
    DataError
        A question has no answer.
    """
    scoring = _Scoring(protocols, normalized)
    with connect(f"{database}.join", _JOIN_MEMORY, threads) as joining, connect(database, threads=threads) as summing:
        found = scoring.scored(blocks(joining, joined(predictions, questions)))
        summing.register("scored", pa.RecordBatchReader.from_batches(scoring.schema, found))
        # A sum of a cluster fits 64 bits; Parquet would write more bits as floating-point numbers.
        sums = ", ".join(
            f"sum(total_{number})::BIGINT AS total_{number}, count(total_{number}) AS questions_{number}"
            for number in range(len(protocols))
        )
        try:
            summing.execute(f"CREATE TABLE sums AS SELECT {', '.join(KEYS)}, {sums} FROM scored GROUP BY ALL")
        except Exception:
            # What went wrong while rows were scored, DuckDB hides behind an error of its own.
            if scoring.failure is not None:
                raise scoring.failure from None
            raise
        for name, source in (("predictions", predictions), ("questions", questions)):
            rows = joining.execute(f"SELECT count(*) FROM {source.rows}").fetchone()
            setattr(scoring.counts, name, rows[0] if rows else 0)
    return scoring.counts, scoring.squares


class _Scoring:
    """Scores blocks of joined rows, and counts what goes by."""

    def __init__(self, protocols: Sequence[Protocol], normalized: bool) -> None:
        self.protocols = protocols
        self.normalized = normalized
        self.counts = IdCounts()
        self.failure: DataError | None = None
        self.squares: Squares = {protocol.name: Counter() for protocol in protocols}
        totals = [(f"total_{number}", pa.int64()) for number in range(len(protocols))]
        self.schema = pa.schema([(name, pa.string()) for name in KEYS] + totals)

    def scored(self, found: Any) -> Iterator[pa.RecordBatch]:
        """Yield for each block the scores of the rows that match, and count the others."""
        try:
            for block in found:
                rows = self._matched(block)
                if len(rows):
                    yield self._scores(rows)
        except DataError as error:
            self.failure = error
            raise

    def _matched(self, block: pa.RecordBatch) -> pa.RecordBatch:
        asked, answered = block["asked"], block["answered"]
        unknown, missing = answered.filter(pc.is_null(asked)), asked.filter(pc.is_null(answered))
        self.counts.add(
            IdCounts(
                unknown=len(unknown),
                missing=len(missing),
                matched=len(block) - len(unknown) - len(missing),
                unknown_examples=[str(each) for each in unknown.to_pylist()],
                missing_examples=[str(each) for each in missing.to_pylist()],
            )
        )
        return block.filter(pc.and_(pc.is_valid(asked), pc.is_valid(answered)))

    def _scores(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        answers = encoded_answers(rows["answers"], rows["asked"], normalized=self.normalized)
        predictions = rows["prediction"].to_pylist()
        types = rows["answer_type"].dictionary_encode()
        type_of, names = types.indices.to_numpy(), types.dictionary.to_pylist()
        totals = []
        for protocol in self.protocols:
            scores = protocol.defined_scores(predictions, answers)
            undefined = np.isnan(scores)
            scores = np.where(undefined, 0.0, scores)
            squares = np.rint(scores**2 * UNIT).astype(np.int64)
            for number, name in enumerate(names):
                self.squares[protocol.name][name] += int(squares[type_of == number].sum())
            totals.append(pa.array(np.rint(scores * UNIT).astype(np.int64), mask=undefined))
        return pa.RecordBatch.from_arrays([*(rows[name] for name in KEYS), *totals], schema=self.schema)


def encoded_answers(answers: pa.ListArray, ids: pa.Array, *, normalized: bool = False) -> AnswerSets:
    """Return the human answers in a column of lists; empty and missing ones do not count.

    Raises
    ------
    DataError
        A question has no answer.
    """
    rows, texts = pc.list_parent_indices(answers), pc.list_flatten(answers)
    there = pc.fill_null(pc.not_equal(texts, ""), False)
    rows, texts = rows.filter(there), texts.filter(there).dictionary_encode()
    counts = np.bincount(rows.to_numpy(), minlength=len(answers))
    if not counts.all():
        raise DataError(f"question {str(ids[int(np.argmin(counts))].as_py())!r} has no answer")
    codes = texts.indices.to_numpy().astype(np.int64)
    return AnswerSets.from_codes(counts, codes, texts.dictionary.to_pylist(), normalized=normalized)


def kinds_of_clusters(
    connection: duckdb.DuckDBPyConnection, protocols: Sequence[Protocol]
) -> dict[str, tuple[Kinds, Kinds]]:
    """Return for each protocol the kinds of clusters in a table `sums`: over all answer types, and for each.

    The table may have several rows for one cluster and type.
    """
    found = {}
    for number, protocol in enumerate(protocols):
        parts = f"sum(total_{number}) AS total, sum(questions_{number}) AS questions"
        found[protocol.name] = (
            _kinds(connection, f"SELECT '' AS answer_type, {parts} FROM sums GROUP BY {', '.join(KEYS[:2])}"),
            _kinds(connection, f"SELECT answer_type, {parts} FROM sums GROUP BY {', '.join(KEYS)}"),
        )
    return found


def _kinds(connection: duckdb.DuckDBPyConnection, clusters: str) -> Kinds:
    rows = connection.execute(
        f"SELECT answer_type, total::BIGINT, questions::BIGINT, count(*) FROM ({clusters}) WHERE questions > 0 "
        "GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    return Kinds(*map(list, zip(*rows))) if rows else Kinds([], [], [], [])


def added_kinds(several: Sequence[Kinds]) -> Kinds:
    """Return the kinds of several sets of clusters together, in their order."""
    counts: Counter[tuple[str, int, int]] = Counter()
    for kinds in several:
        for answer_type, total, questions, clusters in zip(*kinds):
            counts[answer_type, total, questions] += clusters
    rows = sorted((*kind, clusters) for kind, clusters in counts.items())
    return Kinds(*map(list, zip(*rows))) if rows else Kinds([], [], [], [])
