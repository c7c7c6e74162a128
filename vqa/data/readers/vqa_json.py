"""Reader of the official VQA files, questions and annotations, as JSON or gzipped JSON."""

from __future__ import annotations

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.data.table import DUPLICATE_ID, UNREADABLE
from vqa.scoring.official_files import BadRecords, official_rows


def read_vqa_json(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split; the "line" of a bad record is its number in the file's list, from 1.

    Raises
    ------
    DataError
        A file is damaged or of another form, ids repeat, or the two files are not of one split.
    """
    files = card.splits[split]
    assert files.questions is not None  # checked by load_card
    assert files.annotations is not None
    bad_records: BadRecords = []
    questions = QuestionCollector(source=str(files.annotations))
    rows = official_rows(files.questions, files.annotations, bad_records=bad_records)
    for number, (question_id, image_id, text, answers, answer_type, question_type, _) in enumerate(rows, start=1):
        image = files.image_name.format(image_id=image_id) if image_id else ""
        questions.add(number, [Question(question_id, image, text, answers, answer_type, question_type)])
    for bad in bad_records:
        kind = DUPLICATE_ID if bad.repeats_id else UNREADABLE
        questions.reject(bad.number, f"record {bad.number}: {bad.reason}", kind, file=bad.file)
    return questions
