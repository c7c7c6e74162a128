"""The audit of a data set before anything is trained on it: bad lines, duplicates, overlap, ceilings and baselines."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from vqa.audit.images import audit_images
from vqa.audit.schema import (
    AuditReport,
    BlindRates,
    Listed,
    MergedAnswers,
    SharedBySplits,
    Spellings,
    SplitAudit,
    VocabularyCeiling,
)
from vqa.audit.text import render
from vqa.data.cards import SplitFiles, load_card
from vqa.data.readers import read_split
from vqa.data.table import DUPLICATE_ID, QuestionTable, answer_spellings
from vqa.data.vocab import commonest_answers
from vqa.scoring import bounds, rules
from vqa.scoring.answer_sets import AnswerSets, Floats
from vqa.scoring.baselines import BlindBaselines, majority_answers, rank_by_count
from vqa.scoring.intervals import Clusters, Rate, cluster_names
from vqa.scoring.normalize import normalize_answer
from vqa.scoring.official_files import read_majority_answers
from vqa.scoring.questions import encode_answers

TRAIN = "train"
VOCABULARY_SIZES = (500, 1000, 2000, 3000)
EXAMPLES = 5


@dataclass(frozen=True)
class Audit:
    """The findings of `audit`."""

    report: AuditReport

    def to_json(self) -> dict[str, Any]:
        """Return the findings as a dict of plain values, fit for `json.dump`; rates are fractions."""
        return asdict(self.report)

    def to_text(self, width: int = 100) -> str:
        """Return the findings as text."""
        return render(self.report, width)


def audit(card_path: str | Path, *, seed: int = 1, images: bool = True) -> Audit:
    """Read all splits of a dataset card and report what they hold.

    Parameters
    ----------
    card_path : the TOML file
    seed : recorded in the findings; no number depends on it
    images : whether to look at every image

    Raises
    ------
    ConfigError
        The card is wrong.
    DataError
        A file is damaged as a whole, or no question of a split can be read.
    """
    card = load_card(card_path)
    # Every bad line is to be listed here, however many there are.
    splits = {
        name: _Split(read_split(card, name, max_bad=1.0), _published_majorities(files))
        for name, files in card.splits.items()
    }
    train = splits.get(TRAIN)
    others = {name: split for name, split in splits.items() if name != TRAIN}
    return Audit(
        AuditReport(
            card=str(card_path),
            name=card.name,
            format=card.format,
            simulated_annotators=card.annotators,
            seed=seed,
            splits={name: split.report() for name, split in splits.items()},
            image_files=audit_images(card, {name: split.table for name, split in splits.items()}) if images else {},
            shared=[_shared(one, other, splits) for one, other in combinations(splits, 2)],
            vocabulary_ceilings=[] if train is None else _vocabulary_ceilings(train, others),
            baselines=[] if train is None else _baselines(train, others),
        )
    )


def _published_majorities(files: SplitFiles) -> dict[str, str]:
    """Return {question_id: majority answer}, normalised as VQA work does, where the data set's files name them."""
    if files.annotations is None:
        return {}
    published = read_majority_answers(files.annotations)
    return {question_id: normalize_answer(answer) for question_id, answer in published.items()}


class _Split:
    """One split with its encoded answers, its clusters and the majority answer of each question.

    Baselines and ceilings are learned twice from train: `majority` counts each question's majority answer once, as
    most VQA work does; `all_answers` counts every answer, as the vocabulary of a run does.
    """

    def __init__(self, table: QuestionTable, published: dict[str, str]) -> None:
        self.table = table
        self.answers = encode_answers(table)
        own = majority_answers(self.answers)
        self.majority = [published.get(question_id, answer) for question_id, answer in zip(table.question_id, own)]
        self.clusters = Clusters(cluster_names(table.question_id, table.image_id))
        self.images = {image for image in table.image_id if image}

    def rate(self, values: Floats) -> Rate:
        rate = self.clusters.rate(values)
        assert rate is not None, "a split has at least one question"
        return rate

    def report(self) -> SplitAudit:
        """Return what the split holds: counts, bad lines, duplicates and how far its annotators agree."""
        table, counts = self.table, self.answers.counts
        distinct = np.array([len(set(answer_set)) for answer_set in table.answers], dtype=np.float64)
        occurrences = Counter(answer for answer_set in table.answers for answer in answer_set)
        return SplitAudit(
            source=table.source,
            data_hash=table.content_hash(),
            questions=len(table),
            images=len(self.images),
            question_texts=len(set(table.question)),
            bad_lines=_listed([str(bad) for bad in table.bad_lines]),
            duplicate_ids=_listed([str(bad) for bad in table.bad_lines if bad.kind == DUPLICATE_ID]),
            duplicate_questions=_listed(_duplicate_questions(table)),
            answers_per_question=[int(counts.min()), int(counts.max())],
            distinct_answers=len(occurrences),
            distinct_answers_per_question=float(distinct.mean()),
            commonest_answers=[[answer, count] for answer, count in occurrences.most_common(EXAMPLES)],
            unanimous=self.rate((distinct == 1).astype(np.float64)),
            per_split_ceiling=self.rate(bounds.per_split_ceiling(self.answers)),
            human_any_of=self.clusters.rate(bounds.human_any_of(self.answers)),
            human_leave_one_out=self.clusters.rate(bounds.human_leave_one_out(self.answers)),
            spellings=self.spellings(),
        )

    def spellings(self) -> Spellings:
        """Return the answers that differ only in spelling, and how far annotators agree when those are merged."""
        groups = answer_spellings(self.table)
        merged = AnswerSets(self.table.raw_answers, normalized=True)
        largest = bounds.per_split_ceiling(merged)
        return Spellings(
            answers=len(groups),
            spellings=sum(map(len, groups)),
            occurrences=sum(sum(group.values()) for group in groups),
            first=[dict(group.most_common(EXAMPLES)) for group in groups[:EXAMPLES]],
            merged=MergedAnswers(
                distinct_answers=len(merged.compared.known),
                unanimous=self.rate((largest == 1).astype(np.float64)),
                per_split_ceiling=self.rate(largest),
                human_any_of=self.clusters.rate(bounds.human_any_of(merged)),
            ),
        )


def _listed(examples: list[str]) -> Listed:
    return Listed(len(examples), examples[:EXAMPLES])


def _duplicate_questions(table: QuestionTable) -> list[str]:
    """Return a line for each question that is asked about the same image before, under another id."""
    first: dict[tuple[str, str], str] = {}
    found = []
    for question_id, image_id, text in zip(table.question_id, table.image_id, table.question):
        earlier = first.setdefault((image_id, text), question_id)
        if earlier != question_id:
            image = f" about image {image_id}" if image_id else ""
            found.append(f"{question_id} asks as {earlier} does{image}: {text}")
    return found


def _shared(one: str, other: str, splits: dict[str, _Split]) -> SharedBySplits:
    """Return what two splits share: ids, images, questions about one image, question texts."""
    first, second = splits[one].table, splits[other].table
    asked = [set(zip(table.image_id, table.question)) for table in (first, second)]
    texts = set(first.question)
    return SharedBySplits(
        splits=[one, other],
        question_ids=_listed(sorted(set(first.question_id) & set(second.question_id))),
        images=len(splits[one].images & splits[other].images),
        questions=len(asked[0] & asked[1]),
        questions_with_shared_text=int(sum(text in texts for text in second.question)),
    )


def _vocabulary_ceilings(train: _Split, others: dict[str, _Split]) -> list[VocabularyCeiling]:
    """Return for each split and size the best any-of and official score with the commonest train answers."""
    rankings = {"majority": rank_by_count(train.majority), "all_answers": commonest_answers(train.table.answers)}
    found = []
    for counted, ranking in rankings.items():
        sizes = sorted({min(size, len(ranking)) for size in (*VOCABULARY_SIZES, len(ranking))})
        for name, split in others.items():
            for size in sizes:
                words = ranking[:size]
                any_of = split.rate(bounds.vocabulary_any_of(split.answers, words))
                official = split.clusters.rate(bounds.vocabulary_official(split.answers, words))
                found.append(VocabularyCeiling(name, counted, size, any_of, official))
    return found


def _baselines(train: _Split, others: dict[str, _Split]) -> list[BlindRates]:
    """Return for each split and blind baseline its any-of and official rate."""
    learned = {
        "majority": BlindBaselines(train.table, [(answer,) for answer in train.majority]),
        "all_answers": BlindBaselines(train.table),
    }
    found = []
    for counted, blind in learned.items():
        for name, split in others.items():
            for baseline, predictions in blind.predict(split.table).items():
                scores = rules.score_questions(predictions, split.answers)
                any_of, official = split.rate(scores.any_of), split.clusters.rate(scores.official)
                answer = blind.commonest if baseline == "prior" else None
                found.append(BlindRates(name, counted, baseline, answer, any_of, official))
    return found
