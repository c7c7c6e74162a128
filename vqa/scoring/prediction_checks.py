"""What can be wrong with a file of answers: checks of the predictions of any system, each with count and examples."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vqa.scoring.answer_processing import trimmed
from vqa.scoring.answer_sets import AnswerSets, Strings, distinct_codes
from vqa.scoring.formatting import format_count, format_rate
from vqa.scoring.multiple_choice import ANSWER_WORDS, multiple_choice
from vqa.scoring.normalize import ARTICLES, NUMBER_WORDS, normalize_leniently
from vqa.scoring.rules import score_questions

EXAMPLES = 3
MANY_WORDS = 10
FIRST_WORDS = 4
"""Answers that begin with the same so many words begin with a template."""
ENOUGH_QUESTIONS = 20
"""Fewer questions than this say nothing about shifted, constant or leaked answers."""

_SPREADSHEET_ERRORS = ("#name?", "#value!", "#ref!", "#n/a", "#div/0!", "#num!", "#null!")
_UNPARSED = frozenset(("", "nan", "null", "n/a", "[none]", "undefined", "<unk>", *_SPREADSHEET_ERRORS))
_LETTER = re.compile(r"\(?[A-Za-z][).:]?")
_CHAT = re.compile(
    r"<think>.*?</think>|</?think>|<\|[a-z_]+\|>|</?s>|\[/?INST\]|<image>|^(?:assistant|user|model)\s*:", re.I | re.S
)
_PREFIX = re.compile(rf"^(?i:{ANSWER_WORDS})|^(?:\([A-Ha-h]\)|[A-H][).:])\s+")
_MARKS = re.compile(r"[^\w\s]")


@dataclass(frozen=True)
class Example:
    """A question and what was predicted for it."""

    question_id: str
    prediction: str


@dataclass(frozen=True)
class PredictionFinding:
    """Something that is probably wrong with the predictions: what was seen, how often, and the first examples."""

    code: str
    count: int
    message: str
    examples: list[Example]


@dataclass(frozen=True)
class WhatIf:
    """The accuracy if answers that differ only in some respect were the same.

    Attributes
    ----------
    change : what would be so
    any_of : mean over the questions
    vqa_official : mean over the questions with several answers; None where there are none
    """

    change: str
    any_of: float
    vqa_official: float | None


def _singular(text: str) -> str:
    return " ".join(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word for word in text.split()
    )


def _without_prefix(text: str) -> str:
    return _PREFIX.sub("", text, count=1)


def _without_chat(text: str) -> str:
    return _CHAT.sub("", text).strip() if _CHAT.search(text) else text


# Applied to both sides, one at a time.
_RESPECTS: dict[str, Callable[[str], str]] = {
    "case did not matter": str.lower,
    "white space did not matter": lambda text: " ".join(text.split()),
    "punctuation did not matter": lambda text: " ".join(_MARKS.sub(" ", text).split()),
    "articles did not matter": lambda text: " ".join(word for word in text.split() if word.lower() not in ARTICLES),
    "number words were digits": lambda text: " ".join(NUMBER_WORDS.get(word.lower(), word) for word in text.split()),
    "plural did not matter": _singular,
    "none of these mattered": lambda text: _singular(normalize_leniently(_MARKS.sub(" ", text))),
}
# Applied to the predictions alone.
_REPAIRS: dict[str, Callable[[str], str]] = {
    'prefixes such as "Answer:" were removed': _without_prefix,
    "chat remains such as <think> were removed": _without_chat,
}


def _bare_words(text: str) -> str:
    return " ".join(_MARKS.sub(" ", text.lower()).split())


def _chained(first: Callable[[str], str], second: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: second(first(text))


def what_if(predictions: Sequence[str], answers: AnswerSets) -> list[WhatIf]:
    """Return the accuracy as it is and under each change that would raise the any-of or the official one."""
    codes, distinct = distinct_codes(predictions)

    def scored(change: str, of_prediction: Callable[[str], str], sets: AnswerSets) -> WhatIf:
        changed = [of_prediction(text) for text in distinct]
        scores = score_questions([changed[code] for code in codes.tolist()], sets)
        defined = scores.official[~np.isnan(scores.official)]
        return WhatIf(change, float(scores.any_of.mean()), float(defined.mean()) if len(defined) else None)

    found = [scored("as it is", str, answers)]
    for change, process in _RESPECTS.items():
        compared = _chained(answers.compared.process, process)
        found.append(scored(f"if {change}", compared, answers.processed(compared)))
    for change, repair in _REPAIRS.items():
        found.append(scored(f"if {change}", repair, answers))
    if any(answers.options):
        read = multiple_choice(predictions, answers)
        if not np.isnan(read).any():
            change = "if each were read as one of the options (--protocol multiple-choice)"
            found.append(WhatIf(change, float(read.mean()), None))
    return [found[0], *(each for each in found[1:] if _better(each, found[0]))]


def _better(one: WhatIf, other: WhatIf) -> bool:
    return one.any_of > other.any_of or (one.vqa_official or 0) > (other.vqa_official or 0) + 1e-12


def check_predictions_of_system(
    predictions: Sequence[str],
    answers: AnswerSets,
    question_ids: Sequence[str] | Strings,
    questions: Sequence[str] | Strings,
) -> list[PredictionFinding]:
    """Return what is probably wrong with N predictions; an empty list for a clean file.

    Parameters
    ----------
    answers : the human answers, encoded
    question_ids, questions : ids and texts of the questions
    """
    ids = list(question_ids)
    found = []
    for code, message, test in _tests(answers, list(questions)):
        rows = [row for row, text in enumerate(predictions) if test(row, text)]
        if rows:
            examples = [Example(ids[row], predictions[row]) for row in rows[:EXAMPLES]]
            found.append(PredictionFinding(code, len(rows), message, examples))
    return [*found, *_colliding_ids(ids), *_about_all(predictions, answers, ids)]


def _tests(answers: AnswerSets, questions: list[str]) -> Iterator[tuple[str, str, Callable[[int, str], bool]]]:
    """Yield code, message and test of one prediction; no test is true of an answer that a person gave there."""
    words = np.fromiter((len(text.split()) for text in answers.form(str).known), dtype=np.int64)
    longest = np.maximum.reduceat(words[answers.form(str).codes], answers.offsets)
    given = _given(answers)
    asked = [_bare_words(question) for question in questions]

    def unlike(test: Callable[[int, str], bool]) -> Callable[[int, str], bool]:
        return lambda row, text: test(row, text) and trimmed(text).lower() not in given[row]

    yield "empty", "no answer", unlike(lambda row, text: text.strip().lower() in _UNPARSED)
    yield (
        "letter",
        "a letter where people wrote a text: an option that was not replaced by its text",
        unlike(lambda row, text: _LETTER.fullmatch(text.strip()) is not None),
    )
    yield (
        "sentence",
        f"more than {MANY_WORDS} words where nobody wrote more than two",
        unlike(lambda row, text: len(text.split()) > MANY_WORDS and longest[row] <= 2),
    )
    yield "chat", "remains of a chat template or of reasoning", unlike(lambda row, text: bool(_CHAT.search(text)))
    yield (
        "prefix",
        'a prefix such as "Answer:" or "(B)"',
        unlike(lambda row, text: _PREFIX.search(text.strip()) is not None),
    )
    yield (
        "prompt-echoed",
        "the question is repeated in the answer",
        unlike(lambda row, text: len(asked[row].split()) > 1 and asked[row] in _bare_words(text)),
    )


def _given(answers: AnswerSets) -> list[set[str]]:
    written = [trimmed(text).lower() for text in answers.form(str).known]
    found: list[set[str]] = [set() for _ in range(len(answers))]
    for row, code in zip(answers.rows.tolist(), answers.form(str).codes.tolist()):
        found[row].add(written[code])
    return found


def _colliding_ids(ids: list[str]) -> Iterator[PredictionFinding]:
    """Yield the ids that are different texts and one number: tools that convert ids to integers mix them up."""
    groups: dict[int, list[str]] = {}
    for identifier in ids:
        if re.fullmatch(r"[+-]?\d+(?:\.0+)?", identifier.strip()):
            groups.setdefault(int(float(identifier)) if "." in identifier else int(identifier), []).append(identifier)
    colliding = [identifier for group in groups.values() if len(group) > 1 for identifier in group]
    if colliding:
        message = f"question ids that are equal as whole numbers: {', '.join(colliding[:EXAMPLES])}"
        yield PredictionFinding("colliding-ids", len(colliding), message, [])


def _about_all(predictions: Sequence[str], answers: AnswerSets, ids: list[str]) -> Iterator[PredictionFinding]:
    """Yield what is wrong with the file as a whole."""
    size = len(predictions)
    if size < ENOUGH_QUESTIONS:
        return
    accuracy = _lenient_accuracy(predictions, answers)
    (commonest, count), *_ = Counter(predictions).most_common(1)
    ceiling = max(np.bincount(answers.form(str).codes)) / answers.counts.sum()
    if count > 0.95 * size and ceiling < 0.8:
        message = f"one answer, {commonest!r}, for {format_rate(count / size)} of the questions"
        yield PredictionFinding("constant", count, message, [])
    yield from _same_beginning(predictions, ids)
    if accuracy == 0:
        message = "not one prediction matches a human answer, even after normalisation: is this the right split?"
        yield PredictionFinding("all-wrong", size, message, _examples(predictions, ids))
    exact = answers.per_question(answers.compared_matches(predictions)) > 0
    if exact.all():
        message = "every prediction is one of the human answers: are these predictions, or the annotations?"
        yield PredictionFinding("leak", size, message, _examples(predictions, ids))
    noise = 4 * np.sqrt(max(accuracy * (1 - accuracy), 0.01) / size)
    for shift, direction in ((1, "earlier"), (-1, "later")):
        shifted = _lenient_accuracy([*predictions[shift:], *predictions[:shift]], answers)
        if shifted > accuracy + max(noise, 0.1):
            message = (
                f"joined one row {direction}, {format_rate(shifted)} of the predictions would match instead of "
                f"{format_rate(accuracy)}: the rows are shifted"
            )
            yield PredictionFinding("shifted", size, message, [])


def _same_beginning(predictions: Sequence[str], ids: list[str]) -> Iterator[PredictionFinding]:
    """Yield the words with which more than half of the longer-than-that answers begin."""
    starts = Counter(" ".join(text.split()[:FIRST_WORDS]) for text in predictions if len(text.split()) > FIRST_WORDS)
    for start, count in starts.most_common(1):
        if count > len(predictions) / 2:
            rows = [row for row, text in enumerate(predictions) if " ".join(text.split()).startswith(f"{start} ")]
            message = f"more than half of the answers begin with {start!r}: a prompt or a template"
            examples = [Example(ids[row], predictions[row]) for row in rows[:EXAMPLES]]
            yield PredictionFinding("same-beginning", count, message, examples)


def _lenient_accuracy(predictions: Sequence[str], answers: AnswerSets) -> float:
    return float((answers.per_question(answers.lenient_matches(predictions)) > 0).mean())


def _examples(predictions: Sequence[str], ids: list[str]) -> list[Example]:
    return [Example(question_id, text) for question_id, text in zip(ids[:EXAMPLES], predictions)]


def render_findings(findings: Sequence[PredictionFinding], changes: Sequence[WhatIf]) -> str:
    """Return findings and what-if table as text."""
    lines = ["checks of the predictions: nothing found" if not findings else "checks of the predictions:"]
    for finding in findings:
        shown = ", ".join(f"{example.question_id}: {example.prediction[:60]!r}" for example in finding.examples)
        line = f"  {finding.code}: {format_count(finding.count)}, {finding.message}"
        lines.append(f"{line} ({shown})" if shown else line)
    if len(changes) > 1:
        with_official = changes[0].vqa_official is not None
        lines += ["", f"what the accuracy would be\n  any-of{'  official' if with_official else ''}"]
        for each in changes:
            official = f"    {format_rate(each.vqa_official):<6}" if with_official else ""
            lines.append(f"  {format_rate(each.any_of)}{official}  {each.change}")
    return "\n".join(lines)
