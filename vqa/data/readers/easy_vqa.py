"""Reader of the PyPI package `easy-vqa`: 64 x 64 images of one coloured shape, one answer per question."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import msgspec

from vqa.data.cards import DatasetCard
from vqa.data.readers.collector import Question, QuestionCollector
from vqa.errors import DataError, InstallationError


def package_folder() -> Path:
    """Return the data folder of the package `easy-vqa`, without importing the package.

    Raises
    ------
    InstallationError
        The package is not installed.
    """
    spec = importlib.util.find_spec("easy_vqa")
    if spec is None or spec.origin is None:
        raise InstallationError("the data set's package is not installed: pip install easy-vqa==1.0")
    return Path(spec.origin).parent / "data"


def image_name(image_id: str) -> str:
    """Return the file of an image in the package's folder.

    >>> image_name("train/12")
    'train/images/12.png'
    """
    split, _, number = image_id.partition("/")
    return f"{split}/images/{number}.png"


def read_easy_vqa(card: DatasetCard, split: str) -> QuestionCollector:
    """Read one split of the package; ids are made of the split and the number of the row or image.

    Raises
    ------
    InstallationError
        The package is not installed.
    DataError
        Its file of questions is damaged.

    Source: Python package easy-vqa 1.0 (MIT), ``data/<split>/questions.json``, a list of
    ``[question, answer, image number]``.
    """
    path = package_folder() / split / "questions.json"
    try:
        rows = msgspec.json.decode(path.read_bytes(), type=list[tuple[str, str, int]])
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: damaged ({error}); reinstall it: pip install --force-reinstall easy-vqa==1.0"
        ) from error
    questions = QuestionCollector(source=f"easy-vqa {split}")
    for row, (text, answer, image) in enumerate(rows):
        question = Question(f"{split}-{row}", f"{split}/{image}", text, (answer,))
        questions.add(row + 1, [question])
    return questions
