"""Lists of question ids in messages, and the ids that a list repeats."""

from __future__ import annotations

from collections.abc import Sequence

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
