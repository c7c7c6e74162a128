"""Files of the official VQA challenge: questions, annotations and results, as .json or .json.gz.

Source: https://visualqa.org/download.html, "Input Questions Format", "Annotation Format" and "Results Format".
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from vqa.errors import DataError
from vqa.garbage import collection_paused
from vqa.scoring.id_lists import name_ids
from vqa.scoring.json_files import PathLike, read_json, read_records, type_name

BadRecords = list[tuple[str, int, str]]


class OfficialQuestions(NamedTuple):
    """Questions and their human answers: lists of equal length N, in the order of the annotations file."""

    question_id: list[str]
    image_id: list[str]
    question: list[str]
    answers: list[tuple[str, ...]]
    answer_type: list[str]
    question_type: list[str]
    with_answer_ids: bool

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


def _identifier(record: Any, key: str) -> str:
    """Return a record's integer or string id as a string; DataError without the place, which the caller adds."""
    if not isinstance(record, dict):
        raise DataError(f"expected an object, got {type_name(record)}")
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise DataError(f'expected an integer or string "{key}", got {type_name(value)}')
    return str(value)


def _text(record: dict[str, Any], key: str, default: str | None = None) -> str:
    value = record.get(key, default)
    if not isinstance(value, str):
        raise DataError(f'question {record["question_id"]}: expected a string "{key}", got {type_name(value)}')
    return value


def _answers(record: dict[str, Any]) -> tuple[str, ...]:
    """Return the human answers of one annotation."""
    answers = record.get("answers")
    if not isinstance(answers, list) or not answers:
        got = "an empty list" if answers == [] else type_name(answers)
        raise DataError(f'question {record["question_id"]}: expected a list "answers" of objects, got {got}')
    try:
        texts = [answer["answer"] for answer in answers]
    except (TypeError, KeyError):
        raise _wrong_answer(record) from None
    if set(map(type, texts)) != {str}:
        raise _wrong_answer(record)
    # The same few strings stand for millions of answers: one object each.
    return tuple(map(sys.intern, texts))


def _wrong_answer(record: dict[str, Any]) -> DataError:
    """Return what is wrong with the first of a record's answers that is not an object with a string "answer"."""
    values = [answer.get("answer") if isinstance(answer, dict) else answer for answer in record["answers"]]
    wrong = next(
        value
        for answer, value in zip(record["answers"], values)
        if not isinstance(answer, dict) or not isinstance(value, str)
    )
    return DataError(
        f'question {record["question_id"]}: expected each answer as {{"answer": a string}}, '
        f"got {type_name(wrong)} {json.dumps(wrong)[:40]}"
    )


class _Question(NamedTuple):
    image_id: str
    text: str


def _parse_question(record: Any) -> tuple[str, _Question]:
    question_id = _identifier(record, "question_id")
    image_id = _identifier(record, "image_id") if "image_id" in record else ""
    return question_id, _Question(image_id, _text(record, "question"))


class _Annotation(NamedTuple):
    image_id: str
    answers: tuple[str, ...]
    answer_type: str
    question_type: str
    with_answer_ids: bool


def _parse_annotation(record: Any) -> tuple[str, _Annotation]:
    question_id = _identifier(record, "question_id")
    answers = _answers(record)
    return question_id, _Annotation(
        _identifier(record, "image_id") if "image_id" in record else "",
        answers,
        _text(record, "answer_type", ""),
        _text(record, "question_type", ""),
        all("answer_id" in answer for answer in record["answers"]),
    )


def _parse_all(path: PathLike, key: str, parse: Any, bad_records: BadRecords | None) -> dict[str, Any]:
    """Return {question_id: parsed record} of a file; a bad record is set aside, or raises where none may be."""
    parsed: dict[str, Any] = {}
    place_of: dict[str, int] = {}
    repeated = []
    for number, record in enumerate(read_records(path, key), start=1):
        try:
            question_id, value = parse(record)
        except DataError as error:
            if bad_records is None:
                raise DataError(f"{path}: record {number} of {key!r}: {error}") from None
            bad_records.append((str(path), number, str(error)))
            continue
        if question_id not in parsed:
            parsed[question_id] = value
            place_of[question_id] = number
        elif bad_records is None:
            repeated.append(question_id)
        else:
            reason = f"question id {question_id!r} stands in record {place_of[question_id]} already"
            bad_records.append((str(path), number, reason))
    if repeated:
        raise DataError(f"{path}: question ids must be unique, more than once occur {name_ids(repeated)}")
    return parsed


@collection_paused()
def read_official(
    questions_path: PathLike, annotations_path: PathLike, *, bad_records: BadRecords | None = None
) -> OfficialQuestions:
    """Read a questions file and its annotations file into plain lists of N questions.

    Parameters
    ----------
    questions_path : {"questions": [{"question_id", "image_id", "question"}]}
    annotations_path : {"annotations": [{"question_id", "image_id", "answers": [{"answer", "answer_id"}],
        "answer_type", "question_type"}]}; the two types may be absent (then "")
    bad_records : a list to which (file, number of the record from 1, reason) of each record is appended that
        cannot be read or repeats an id; without it the first such record raises. A question whose record in the
        other file is bad is left out, as the reason stands in the list already

    Returns
    -------
    Ids as strings, answers as tuples of raw strings with their repeats, in the order of the annotations.

    Raises
    ------
    DataError
        A file is damaged or of another form, the two files hold different ids, or, without `bad_records`, a record
        is bad or its id repeats.
    """
    questions = _parse_all(questions_path, "questions", _parse_question, bad_records)
    annotations = _parse_all(annotations_path, "annotations", _parse_annotation, bad_records)
    _require_same_ids(questions_path, questions, annotations_path, annotations, bad_records or [])
    ids = [question_id for question_id in annotations if question_id in questions]
    chosen = [annotations[question_id] for question_id in ids]
    return OfficialQuestions(
        question_id=ids,
        image_id=[questions[question_id].image_id or annotations[question_id].image_id for question_id in ids],
        question=[questions[question_id].text for question_id in ids],
        answers=[annotation.answers for annotation in chosen],
        answer_type=[annotation.answer_type for annotation in chosen],
        question_type=[annotation.question_type for annotation in chosen],
        with_answer_ids=all(annotation.with_answer_ids for annotation in chosen),
    )


def _require_same_ids(
    questions_path: PathLike,
    questions: dict[str, Any],
    annotations_path: PathLike,
    annotations: dict[str, Any],
    bad_records: BadRecords,
) -> None:
    """Raise DataError where the files differ in their ids by more than the records that were set aside."""
    without_annotation = [question_id for question_id in questions if question_id not in annotations]
    without_question = [question_id for question_id in annotations if question_id not in questions]
    bad_in = Counter(file for file, _, _ in bad_records)
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
    for record in read_records(annotations_path, "annotations"):
        if isinstance(record, dict) and isinstance(record.get("multiple_choice_answer"), str):
            found[str(record.get("question_id"))] = record["multiple_choice_answer"]
    return found


def read_results(path: PathLike) -> tuple[list[str], list[str]]:
    """Read a results file, a JSON list of {"question_id", "answer"}, into question ids and answers as they stand.

    Raises
    ------
    DataError
        The file is damaged or of another form, or an answer is not a string.
    """
    content = read_json(path)
    if not isinstance(content, list):
        raise DataError(f'{path}: expected a list of {{"question_id", "answer"}}, got {type_name(content)}')
    ids, answers = [], []
    for number, record in enumerate(content, start=1):
        try:
            ids.append(_identifier(record, "question_id"))
            answers.append(_text(record, "answer"))
        except DataError as error:
            raise DataError(f"{path}: record {number}: {error}") from None
    return ids, answers
