"""DataOptions: the choices with which a data set is read, and their defaults."""

from __future__ import annotations

from dataclasses import dataclass

from vqa.errors import ConfigError

# How answers are compared and trained.
EXACT, NORMALIZED = "exact", "normalized"


@dataclass(frozen=True)
class DataOptions:
    """How the files of a data set are read and its vocabulary is made; a run records them.

    Attributes
    ----------
    max_bad : largest fraction of bad lines that is accepted in a split, in [0, 1]
    max_answers : size limit of the answer vocabulary; 0 means none
    min_word_count : words that occur less often in the training questions are unknown
    answers : how answers are compared and trained, "exact" (as written) or "normalized"; "" as the card says
    skip_bad_images : leave out the questions whose images are missing or cannot be decoded, up to the fraction
        `max_bad` of a split's images, instead of stopping

    Raises
    ------
    ConfigError
        A value is out of its range.
    """

    max_bad: float = 0.01
    max_answers: int = 0
    min_word_count: int = 1
    answers: str = ""
    skip_bad_images: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.max_bad <= 1:
            raise ConfigError(f"max_bad: expected a fraction of bad lines in [0, 1], got {self.max_bad}")
        if self.max_answers < 0:
            raise ConfigError(
                f"max_answers: expected a number of at least 1, or 0 for no limit, got {self.max_answers}"
            )
        if self.min_word_count < 1:
            raise ConfigError(f"min_word_count: expected a number of at least 1, got {self.min_word_count}")
        if self.answers not in ("", EXACT, NORMALIZED):
            raise ConfigError(f"answers: expected {EXACT!r} or {NORMALIZED!r}, got {self.answers!r}")
