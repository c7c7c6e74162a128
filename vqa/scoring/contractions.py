"""The contraction map of the official VQA answer processing, derived from its well-formed words.

A key is a well-formed word from which exactly one apostrophe is missing: couldn't've gives couldnt've and couldn'tve.
Three entries break the rule: two map a word to itself and one maps the well-formed word to the ill-formed one.

Source: repository GT-Vision-Lab/VQA, commit a013f00, PythonEvaluationTools/vqaEvaluation/vqaEval.py, `contractions`.
"""

from __future__ import annotations

# What follows the stem, and the stems that it follows. Keys with a capital I are dead, since text is lower-case
# by the time that it is looked up; they are kept so that the map can be compared with the official one.
_STEMS_BY_ENDING = {
    "n't": ("ai are ca could did does do had has have is might must need ought sha should was were wo would"),
    "'ve": (
        "could I might must not should they we what where who would you "
        "couldn't hadn't he'd I'd it'd mightn't she'd shouldn't somebody'd someone'd something'd there'd they'd we'd "
        "who'd wouldn't y'all'd you'd"
    ),
    "'d": "he how it someone something there they where who you",
    "'ll": "how it somebody someone something they what who why y'all you",
    "'s": "he how somebody someone that there what when where who why",
    "'re": "there they what why you",
    "'m": "I",
}
_OTHER_WORDS = ("ma'am", "o'clock", "'ow's'at", "'twas", "y'all")
_EXCEPTIONS = {"let's": "let's", "she's": "she's", "somebody'd": "somebodyd"}


def _with_one_apostrophe_missing(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place, character in enumerate(word) if character == "'"]


def _derive_contractions() -> dict[str, str]:
    words = [stem + ending for ending, stems in _STEMS_BY_ENDING.items() for stem in stems.split()]
    derived = {key: word for word in (*words, *_OTHER_WORDS) for key in _with_one_apostrophe_missing(word)}
    return {**derived, **_EXCEPTIONS}


CONTRACTIONS = _derive_contractions()
