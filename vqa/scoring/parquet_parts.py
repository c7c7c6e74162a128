"""Parquet files with predictions, and with questions and human answers: which column holds what, read by DuckDB."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from vqa.errors import DataError, InstallationError
from vqa.files import files_below
from vqa.scoring.id_lists import EXAMPLES
from vqa.scoring.prediction_formats import FORMS

if TYPE_CHECKING:
    import duckdb

BLOCK_ROWS = 200_000
LITTLE_MEMORY = "800MB"


class Source(NamedTuple):
    """Parquet files, and which of their columns holds what; () or "" where there is none.

    Attributes
    ----------
    files : the files; there may be none
    like : a file with the same columns
    question_id, id_type : the column of ids and its type
    answers : the column with a list of answers, or the columns with one each
    """

    files: tuple[str, ...]
    like: str
    question_id: str
    id_type: str
    answers: tuple[str, ...] = ()
    prediction: str = ""
    image_id: str = ""
    answer_type: str = ""

    @property
    def rows(self) -> str:
        """The rows of all files, as SQL names a table."""
        if not self.files:
            return f"(SELECT * FROM read_parquet({quoted(self.like, _TEXT)}) LIMIT 0)"
        return listed(self.files)


_TEXT = "'"


def quoted(name: str, mark: str = '"') -> str:
    """Return the name of a column, or with ' a text, as SQL writes it."""
    return mark + name.replace(mark, 2 * mark) + mark


def listed(files: Sequence[str]) -> str:
    """Return the rows of Parquet files, as SQL names a table."""
    return f"read_parquet([{', '.join(quoted(file, _TEXT) for file in files)}], union_by_name = true)"


@contextmanager
def connect(
    database: str = ":memory:", memory: str = LITTLE_MEMORY, threads: int | None = None
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a connection to a database file that spills beside it what does not fit into so much memory.

    Parameters
    ----------
    threads : None for as many as there are cores

    Raises
    ------
    InstallationError
        DuckDB is not installed.
    DataError
        DuckDB cannot do what is asked of it within the block: a file is damaged, the disk is full.
    """
    try:
        import duckdb
    except ImportError as error:
        raise InstallationError("Parquet parts are read by DuckDB: pip install 'vqa[parts]'") from error
    try:
        with duckdb.connect(database) as connection:
            connection.execute(f"SET memory_limit = '{memory}'; SET preserve_insertion_order = false")
            # DuckDB would draw over the terminal from every process that computes.
            connection.execute("SET enable_progress_bar = false")
            if threads is not None:
                connection.execute(f"SET threads = {threads}")
            if database != ":memory:":
                connection.execute(f"SET temp_directory = {quoted(f'{database}.spilled', _TEXT)}")
            yield connection
    except duckdb.Error as error:
        # After an empty line it repeats the query.
        reason = " ".join(str(error).split("\n\n")[0].split())
        raise DataError(f"Parquet parts cannot be scored: {reason}") from error


def blocks(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """Return the rows of a query as a stream of Arrow record batches."""
    relation = connection.sql(query)
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_record_batch  # its name until DuckDB 1.4
    return read(BLOCK_ROWS)


def parquet_files(paths: Sequence[str | Path]) -> list[str]:
    """Return the files among `paths`, and the .parquet files in the folders among them, sorted.

    Raises
    ------
    DataError
        A path is not there, or a folder holds no such file.
    OSError
        A folder cannot be listed.
    """
    found: list[str] = []
    for path in map(Path, paths):
        files = _parquet_files_below(path) if path.is_dir() else [path]
        if not files:
            raise DataError(f"{path}: expected a folder of Parquet files, found none")
        if not files[0].exists():
            raise DataError(f"{path}: expected a Parquet file or a folder of such files, found nothing")
        found += map(str, files)
    return found


def _parquet_files_below(folder: Path) -> list[Path]:
    return [path for path in files_below(folder) if path.suffix == ".parquet"]


def is_parquet(path: str | Path) -> bool:
    """Return whether a path is a folder with Parquet files or such a file, by its content."""
    path = Path(path)
    if path.is_dir():
        return bool(_parquet_files_below(path))
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(4) == b"PAR1"


def _columns(files: Sequence[str]) -> dict[str, str]:
    """Return {name of a column: its type} of Parquet files."""
    for file in files:
        if not is_parquet(file):
            raise DataError(f"{file}: expected a Parquet file, got something else")
    with connect() as connection:
        rows = connection.execute(f"DESCRIBE SELECT * FROM {listed(files)}").fetchall()
    return {name: kind for name, kind, *_ in rows}


def predictions_source(files: Sequence[str]) -> Source:
    """Return how the predictions lie in Parquet files, by the names of `vqa.scoring.prediction_formats`.

    Raises
    ------
    DataError
        A file is not Parquet, or the files have no column of ids or of answers.
    """
    columns = _columns(files)
    for form in FORMS:
        if form.question_id and form.keys <= columns.keys():
            key = form.question_id
            return Source(tuple(files), files[0], key, columns[key], prediction=form.answer)
    raise DataError(f"{files[0]}: expected columns question_id and prediction or answer, got {', '.join(columns)}")


def questions_source(files: Sequence[str]) -> Source:
    """Return how questions and human answers lie in Parquet files.

    Columns are question_id; answers (a list of texts), answer, or answer_1 to answer_K; and image_id and answer_type
    where there are such.

    Raises
    ------
    DataError
        A file is not Parquet, or the files have no column of ids or of answers.
    """
    columns = _columns(files)
    numbered = [name for name in columns if name.startswith("answer_") and name[7:].isdigit()]
    answers = next(([name] for name in ("answers", "answer") if name in columns), numbered)
    if "question_id" not in columns or not answers:
        raise DataError(f"{files[0]}: expected columns question_id and answers, got {', '.join(columns)}")
    more = {name: name for name in ("image_id", "answer_type") if name in columns}
    return Source(tuple(files), files[0], "question_id", columns["question_id"], tuple(answers), **more)


def joined(predictions: Source, questions: Source) -> str:
    """Return the query that gives each prediction with its question, and both where the other is not there.

    Its columns: asked and answered (the id, null where one of the two is missing), answers, prediction, image (null
    where the question has none), lone_question (the id of such a question), answer_type.
    """
    # Ids are compared as they are where both files have the same type of them, else as texts.
    cast = "" if predictions.id_type == questions.id_type else "::VARCHAR"
    answers = ", ".join(map(quoted, questions.answers))
    answers = answers if questions.answers == ("answers",) else f"[{answers}]"
    image = quoted(questions.image_id) if questions.image_id else "NULL"
    kind = quoted(questions.answer_type) if questions.answer_type else "''"
    return f"""
        SELECT asked, answered, answers, prediction, image, answer_type,
            CASE WHEN image IS NULL THEN asked::VARCHAR END AS lone_question
        FROM (SELECT {quoted(questions.question_id)}{cast} AS asked, {answers}::VARCHAR[] AS answers,
                  NULLIF({image}::VARCHAR, '') AS image, coalesce({kind}::VARCHAR, '') AS answer_type
              FROM {questions.rows})
        FULL OUTER JOIN (SELECT {quoted(predictions.question_id)}{cast} AS answered,
                             coalesce({quoted(predictions.prediction)}::VARCHAR, '') AS prediction
                         FROM {predictions.rows})
        ON asked = answered"""


def repeated_ids(source: Source) -> tuple[int, list[str]]:
    """Return how many ids occur more than once, and the first of them in their order."""
    with connect() as connection:
        name = quoted(source.question_id)
        repeated = f"SELECT {name}::VARCHAR AS id FROM {source.rows} GROUP BY {name} HAVING count(*) > 1"
        (count,) = connection.execute(f"SELECT count(*) FROM ({repeated})").fetchone() or (0,)
        first = connection.execute(f"{repeated} ORDER BY id LIMIT {EXAMPLES}").fetchall()
    return count, [row[0] for row in first]
