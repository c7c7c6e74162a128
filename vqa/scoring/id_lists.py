"""Question ids: which answer belongs to which question, and lists of ids in messages."""

from __future__ import annotations

from collections.abc import Sequence

from vqa.errors import DataError

EXAMPLES = 3


def name_ids(ids: Sequence[str]) -> str:
    """Return ``"12 (first: a, b, c)"``: how many ids there are, with the first examples."""
    return f"{len(ids)} (first: {', '.join(ids[:EXAMPLES])})"


def duplicates(ids: Sequence[str]) -> list[str]:
    """Return the ids that occur more than once, each once, in the order of their second occurrence."""
    seen: set[str] = set()
    repeated: dict[str, None] = {}
    for identifier in ids:
        if identifier in seen:
            repeated[identifier] = None
        seen.add(identifier)
    return list(repeated)


def match_ids(known: Sequence[str], ids: Sequence[str], *, partial: bool, where: str) -> dict[str, int]:
    """Return {question id: place in `ids`} where each known question has exactly one place.

    Parameters
    ----------
    known : ids of the questions
    ids : ids of the answers, in any order
    partial : questions may be without an answer
    where : the file of answers, for messages

    Raises
    ------
    DataError
        Ids are unknown, occur more than once or are missing, each with their number and the first of them.
    """
    place_of = dict(zip(ids, range(len(ids))))
    questions = set(known)
    if place_of.keys() == questions and len(place_of) == len(ids):
        return place_of
    faults = {
        "unknown": [question_id for question_id in place_of if question_id not in questions],
        "duplicate": duplicates(ids),
        "missing": [] if partial else [question_id for question_id in known if question_id not in place_of],
    }
    listed = "; ".join(f"{name} ids: {name_ids(wrong)}" for name, wrong in faults.items() if wrong)
    if listed:
        hint = "; --partial scores the questions that are there" if faults["missing"] else ""
        raise DataError(f"{where}: expected one result for each of the {len(questions)} questions, got {listed}{hint}")
    return place_of
