"""Reader of the founding video data set: ``video_id,(question,answer,answer,answer) x 5`` on each line."""

from __future__ import annotations

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.data.readers.csv_questions import UNDECODED

QUESTIONS_PER_LINE = 5


def read_zjb(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split; the k-th question about a video gets the id ``"<split>-<video_id>-<k>"``.

    The format has no quotes. All questions of a line have the same number of answers, at least one: three on a line of
    21 fields, one on a line of 11. One trailing comma is accepted; any other empty field, or another number of
    fields, makes the line bad, because it is unknown which field is missing.
    """
    path = card.splits[split].file
    assert path is not None  # checked by load_card
    questions = QuestionCollector(source=str(path))
    with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            parsed = _parse(line, split)
            if isinstance(parsed, str):
                questions.reject(number, parsed)
            else:
                questions.add(number, parsed)
    return questions


def _parse(line: str, split: str) -> list[Question] | str:
    """Return the questions of a line, or why it is bad."""
    if UNDECODED.search(line):
        return "not UTF-8; save the file as UTF-8"
    fields = [field.strip() for field in line.split(",")]
    if not fields[-1]:
        fields.pop()
    if "" in fields:
        return f"field {fields.index('') + 1} is empty: a stray comma?"
    video_id, cells = fields[0], fields[1:]
    width, rest = divmod(len(cells), QUESTIONS_PER_LINE)
    if rest or width < 2:
        return (
            f"expected a video and {QUESTIONS_PER_LINE} questions with the same number of answers each "
            f"(11, 16, 21, ... fields), got {len(fields)} fields"
        )
    return [
        Question(
            f"{split}-{video_id}-{k + 1}", video_id, cells[k * width], tuple(cells[k * width + 1 : (k + 1) * width])
        )
        for k in range(QUESTIONS_PER_LINE)
    ]
