"""Reader of DAQUAR's question files: a line with a question, which names its image, then a line with its answer."""

from __future__ import annotations

import logging
import re

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.scoring.json_decoding import read_bytes

IMAGE = re.compile(r"\bimage\d+\b")
LIST_SEPARATOR = ","

log = logging.getLogger(__name__)


def read_daquar(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split; questions get the id ``"<split>-<line>"`` of their line.

    The image's id is taken out of the question: "what is on the desk in the image3 ?" is asked as "what is on the desk
    in the image ?" about image3. An answer such as "book, scissor" is one answer, unless the card makes it a set; with
    `single_word_answers`, questions with such answers are left out, and their number is logged.

    Raises
    ------
    DataError
        The file is not UTF-8.

    Source: Malinowski and Fritz, "A Multi-World Approach to Question Answering about Real-World Scenes based on
    Uncertain Input", NIPS 2014, arXiv:1410.0210.
    """
    path = card.splits[split].file
    assert path is not None  # checked by load_card
    questions = QuestionCollector(source=str(path))
    several_words = total = 0
    asked: tuple[int, str] | None = None
    for number, line in enumerate(read_bytes(path).decode("utf-8").splitlines(), start=1):
        text = line.strip()
        if not text:
            continue
        if IMAGE.search(text):
            if asked:
                questions.reject(asked[0], "expected the answer on the next line, got another question")
            asked = number, text
        elif asked is None:
            questions.reject(number, "expected a question that names its image, such as image3")
        else:
            total += 1
            if card.daquar.single_word_answers and LIST_SEPARATOR in text:
                several_words += 1
            else:
                _add(questions, asked, text, split, card.daquar.answer_sets)
            asked = None
    if asked:
        questions.reject(asked[0], "expected the answer on the next line, got the end of the file")
    if several_words:
        log.info("%s: left out %d of %d questions, whose answers have several words", path, several_words, total)
    return questions


def _add(questions: QuestionCollector, asked: tuple[int, str], answer: str, split: str, as_set: bool) -> None:
    number, text = asked
    images = set(IMAGE.findall(text))
    if len(images) > 1:
        questions.reject(number, f"the question names several images: {', '.join(sorted(images))}")
        return
    parts = answer.split(LIST_SEPARATOR) if as_set else [answer]
    answers = tuple(filter(None, map(str.strip, parts)))
    questions.add(number, [Question(f"{split}-{number}", images.pop(), IMAGE.sub("image", text), answers)])
