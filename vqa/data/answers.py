"""The commonest answers of a set of questions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import chain


def commonest_answers(answers: Iterable[tuple[str, ...]], limit: int | None = None) -> list[str]:
    """Return the distinct answers, commonest first; of equally common ones the first to occur stands first.

    Parameters
    ----------
    answers : one tuple of raw answers a question; every repeat counts, blank answers do not
    limit : at most so many are returned; None: all

    >>> commonest_answers([("blue", "navy"), ("no", "navy", "")], limit=2)
    ['navy', 'blue']
    """
    # Counter.most_common sorts stably, so ties keep the order of first occurrence.
    counts = Counter(chain.from_iterable(answers))
    return [answer for answer, _ in counts.most_common() if answer.strip()][:limit]
