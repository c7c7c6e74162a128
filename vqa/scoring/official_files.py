"""Files of the official VQA challenge: questions and annotations, as .json or .json.gz.

Source: https://visualqa.org/download.html, "Input Questions Format" and "Annotation Format".
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, NamedTuple, TypeVar, Union

import msgspec

from vqa.errors import DataError
from vqa.scoring.id_lists import name_ids
from vqa.scoring.json_decoding import PathLike, decode, json_bytes, type_name


class BadRecord(NamedTuple):
    """A record that cannot be used: its file, its number from 1, why, and whether it only repeats a question id."""

    file: str
    number: int
    reason: str
    repeats_id: bool


BadRecords = list[BadRecord]


OfficialRow = tuple[str, str, str, tuple[str, ...], str, str, bool]
"""question_id, image_id, question, answers, answer_type, question_type, and whether annotators have an answer_id."""


class OfficialQuestions(NamedTuple):
    """Questions and their human answers: lists of equal length N, in the order of the annotations file."""

    question_id: list[str]
    image_id: list[str]
    question: list[str]
    answers: list[tuple[str, ...]]
    answer_type: list[str]
    question_type: list[str]
    with_answer_ids: bool

    @property
    def raw_answers(self) -> list[tuple[str, ...]]:
        """The answers as written; they are compared as written too."""
        return self.answers

    @property
    def normalized(self) -> bool:
        """False: any-of compares official answers as written."""
        return False

    def take(self, rows: Iterable[int]) -> OfficialQuestions:
        """Return the questions of the given rows, in the given order."""
        chosen = list(rows)
        return self._replace(
            question_id=[self.question_id[row] for row in chosen],
            image_id=[self.image_id[row] for row in chosen],
            question=[self.question[row] for row in chosen],
            answers=[self.answers[row] for row in chosen],
            answer_type=[self.answer_type[row] for row in chosen],
            question_type=[self.question_type[row] for row in chosen],
        )


# msgspec evaluates the annotations of its records: the form with a bar needs Python 3.10.
_Identifier = Union[int, str]
_OptionalText = Union[str, None]


class IdentifiedRecord(msgspec.Struct, gc=False):
    """A record of an official file, which belongs to a question."""

    question_id: _Identifier


Record = TypeVar("Record", bound=IdentifiedRecord)


class _Question(IdentifiedRecord, gc=False):
    question: str
    image_id: _Identifier = ""


class _Answer(msgspec.Struct, gc=False):
    answer: str
    answer_id: object = msgspec.UNSET


class _Annotation(IdentifiedRecord, gc=False):
    answers: Annotated[list[_Answer], msgspec.Meta(min_length=1)]
    image_id: _Identifier = ""
    answer_type: str = ""
    question_type: str = ""


class _MajorityAnswer(IdentifiedRecord, gc=False):
    multiple_choice_answer: _OptionalText = None


_RECORD = msgspec.json.Decoder(IdentifiedRecord)
_QUESTION = msgspec.json.Decoder(_Question)
_ANNOTATION = msgspec.json.Decoder(_Annotation)
_MAJORITY_ANSWER = msgspec.json.Decoder(_MajorityAnswer)
_ANYTHING = msgspec.json.Decoder()


def _list_under(key: str, raw: bytes, path: PathLike) -> list[msgspec.Raw]:
    """Return the members of the list under `key` of an object, still as JSON: each is decoded separately."""
    form = msgspec.json.Decoder(msgspec.defstruct("_File", [(key, list[msgspec.Raw])]))
    try:
        return list(getattr(decode(raw, form, str(path)), key))
    except DataError:
        content = decode(raw, _ANYTHING, str(path))  # which raises where the text is not JSON
        got = f"an object with keys {sorted(content)[:5]}" if isinstance(content, dict) else type_name(content)
        raise DataError(f'{path}: expected an object with a list "{key}" (official VQA format), got {got}') from None


def parse_record(text: msgspec.Raw, decoder: msgspec.json.Decoder[Record]) -> Record:
    """Return one record; a DataError names its question id, the caller adds the place."""
    try:
        return decoder.decode(text)
    except ValueError:
        try:
            identified = f"question {decode(text, _RECORD).question_id}"
        except DataError:
            identified = ""
        return decode(text, decoder, identified)


def _records(
    path: PathLike, raw: bytes, key: str, decoder: msgspec.json.Decoder[Record], bad_records: BadRecords | None
) -> Iterator[tuple[str, Record]]:
    """Yield (question_id, record) of a file; a bad record is set aside, or raises where none may be."""
    place_of: dict[str, int] = {}
    repeated = []
    for number, text in enumerate(_list_under(key, raw, path), start=1):
        try:
            record = decoder.decode(text)
        except ValueError:
            try:
                record = parse_record(text, decoder)
            except DataError as error:
                if bad_records is None:
                    raise DataError(f"{path}: record {number} of {key!r}: {error}") from None
                bad_records.append(BadRecord(str(path), number, str(error), repeats_id=False))
                continue
        question_id = str(record.question_id)
        if question_id not in place_of:
            place_of[question_id] = number
            yield question_id, record
        elif bad_records is None:
            repeated.append(question_id)
        else:
            reason = f"question id {question_id!r} is already in record {place_of[question_id]}"
            bad_records.append(BadRecord(str(path), number, reason, repeats_id=True))
    if repeated:
        raise DataError(f"{path}: question ids must be unique, more than once occur {name_ids(repeated)}")


def official_rows(
    questions_path: PathLike, annotations_path: PathLike, *, bad_records: BadRecords | None = None
) -> Iterator[OfficialRow]:
    """Yield the questions of a questions file and its annotations file, in the order of the annotations.

    Ids are strings, answers tuples of raw strings with their repeats.

    Parameters
    ----------
    questions_path : {"questions": [{"question_id", "image_id", "question"}]}
    annotations_path : {"annotations": [{"question_id", "image_id", "answers": [{"answer", "answer_id"}],
        "answer_type", "question_type"}]}; the two types may be absent (then "")
    bad_records : a list to which each record is appended that cannot be read or repeats an id; without it the
        first such record raises. A question whose record in the other file is bad is left out too

    Raises
    ------
    DataError
        A file is damaged or of another form, the two files hold different ids, or, without `bad_records`, a record
        is bad or its id repeats.
    """
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Unpacking releases the interpreter lock: the larger file is unpacked while the smaller one is decoded.
        annotations_raw = pool.submit(json_bytes, annotations_path)
        raw = json_bytes(questions_path)
        questions = dict(_records(questions_path, raw, "questions", _QUESTION, bad_records))
        raw = annotations_raw.result()
    annotated = []
    for question_id, annotation in _records(annotations_path, raw, "annotations", _ANNOTATION, bad_records):
        annotated.append(question_id)
        question = questions.get(question_id)
        if question is None:
            continue
        yield (
            question_id,
            str(question.image_id) or str(annotation.image_id),
            question.question,
            # The same few strings stand for millions of answers: one object each.
            tuple([sys.intern(given.answer) for given in annotation.answers]),
            annotation.answer_type,
            annotation.question_type,
            annotation.answers[-1].answer_id is not msgspec.UNSET,
        )
    _require_same_ids(questions_path, questions, annotations_path, annotated, bad_records or [])


def read_official(questions_path: PathLike, annotations_path: PathLike) -> OfficialQuestions:
    """Read a questions file and its annotations file into columns; `official_rows` says what they hold.

    Raises
    ------
    DataError
        A file or a record is bad, or the two files hold different ids.
    """
    ids: list[str] = []
    image_ids: list[str] = []
    texts: list[str] = []
    all_answers: list[tuple[str, ...]] = []
    answer_types: list[str] = []
    question_types: list[str] = []
    with_answer_ids = True
    for question_id, image_id, text, answers, answer_type, question_type, identified in official_rows(
        questions_path, annotations_path
    ):
        ids.append(question_id)
        image_ids.append(image_id)
        texts.append(text)
        all_answers.append(answers)
        answer_types.append(answer_type)
        question_types.append(question_type)
        with_answer_ids = with_answer_ids and identified
    return OfficialQuestions(ids, image_ids, texts, all_answers, answer_types, question_types, with_answer_ids)


def _require_same_ids(
    questions_path: PathLike,
    questions: Collection[str],
    annotations_path: PathLike,
    annotated: Collection[str],
    bad_records: BadRecords,
) -> None:
    """Raise DataError where the files differ in their ids by more than the records that were set aside."""
    annotations = set(annotated)
    if annotations == set(questions) and annotations:
        return
    without_annotation = [question_id for question_id in questions if question_id not in annotations]
    without_question = [question_id for question_id in annotated if question_id not in questions]
    bad_in = Counter(bad.file for bad in bad_records)
    excused = bad_in[str(annotations_path)], bad_in[str(questions_path)]
    if len(without_annotation) > excused[0] or len(without_question) > excused[1]:
        raise DataError(
            f"{questions_path} and {annotations_path} must hold the same question ids: without annotation "
            f"{name_ids(without_annotation)}, without question {name_ids(without_question)}; "
            "give the two files of one split"
        )
    if not questions and not bad_records:
        raise DataError(f"{questions_path}: expected at least one question, got none")


def read_majority_answers(annotations_path: PathLike) -> dict[str, str]:
    """Return {question_id: multiple_choice_answer} of an annotations file, for the records that have one.

    It is one of the question's commonest answers; how the publishers decided ties is not known.

    Raises
    ------
    DataError
        The file is damaged or of another form.
    """
    found = {}
    for text in _list_under("annotations", json_bytes(annotations_path), annotations_path):
        try:
            record = _MAJORITY_ANSWER.decode(text)
        except ValueError:
            continue  # the reader of the questions says what is wrong with it
        if record.multiple_choice_answer is not None:
            found[str(record.question_id)] = record.multiple_choice_answer
    return found
