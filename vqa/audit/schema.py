"""What an audit holds: the keys of its JSON are these fields, in this order."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.scoring.intervals import Rate


@dataclass(frozen=True)
class Listed:
    """How many there are, with the first examples."""

    count: int
    first: list[str]


@dataclass(frozen=True)
class MergedAnswers:
    """What a split holds when answers that differ only in spelling are one answer."""

    distinct_answers: int
    unanimous: Rate
    per_split_ceiling: Rate
    human_any_of: Rate | None


@dataclass(frozen=True)
class Spellings:
    """Answers that differ only in case, white space, punctuation, articles or number words.

    Attributes
    ----------
    answers : number of answers that are written in several ways
    spellings : number of their spellings
    occurrences : how often they are given
    first : {answer as written: count} of the most frequent of them, the commonest spelling first
    merged : the effect of ``answers = "normalized"`` in the card
    """

    answers: int
    spellings: int
    occurrences: int
    first: list[dict[str, int]]
    merged: MergedAnswers


@dataclass(frozen=True)
class SplitAudit:
    """One split: its counts, what is wrong with it, and how far its annotators agree.

    Attributes
    ----------
    answers_per_question : the fewest and the most
    commonest_answers : pairs of answer and count, the commonest first
    unanimous : share of the questions whose answers are all the same string
    per_split_ceiling, human_any_of, human_leave_one_out : of `vqa.scoring.bounds`; the last two over the questions
        with at least two answers, None where there are none
    """

    source: str
    data_hash: str
    questions: int
    images: int
    question_texts: int
    bad_lines: Listed
    duplicate_ids: Listed
    duplicate_questions: Listed
    answers_per_question: list[int]
    distinct_answers: int
    distinct_answers_per_question: float
    commonest_answers: list[list[str | int]]
    unanimous: Rate
    per_split_ceiling: Rate
    human_any_of: Rate | None
    human_leave_one_out: Rate | None
    spellings: Spellings


@dataclass(frozen=True)
class ImageFiles:
    """What the images of one split are like.

    Attributes
    ----------
    unusable : images that are missing or cannot be decoded, each with the reason
    one_colour : ids of images in which there is nothing to see
    repeated : images with the same pixels as an earlier one of another name, in this or an earlier split
    smallest, largest : [height, width] in pixels of the images with the smallest and the largest area; None of features
    """

    unusable: Listed
    one_colour: Listed
    repeated: Listed
    smallest: list[int] | None
    largest: list[int] | None


@dataclass(frozen=True)
class SharedBySplits:
    """What two splits share: ids, images, questions about one image, and questions of the second with a shared text."""

    splits: list[str]
    question_ids: Listed
    images: int
    questions: int
    questions_with_shared_text: int


@dataclass(frozen=True)
class VocabularyCeiling:
    """The best scores on a split with the `size` commonest train answers; `counted` says which answers count."""

    split: str
    counted: str
    size: int
    any_of: Rate
    vqa_official: Rate | None


@dataclass(frozen=True)
class BlindRates:
    """The scores of a blind baseline on a split; `answer` is given where it is always the same."""

    split: str
    counted: str
    baseline: str
    answer: str | None
    any_of: Rate
    vqa_official: Rate | None


@dataclass(frozen=True)
class AuditReport:
    """What a data set holds."""

    card: str
    name: str
    format: str
    simulated_annotators: int | None
    seed: int
    splits: dict[str, SplitAudit]
    image_files: dict[str, ImageFiles]
    shared: list[SharedBySplits]
    vocabulary_ceilings: list[VocabularyCeiling]
    baselines: list[BlindRates]
