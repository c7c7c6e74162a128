"""The cards that come with the package: found by name, wherever the command runs."""

from __future__ import annotations

from pathlib import Path

from vqa.errors import ConfigError, did_you_mean

CARD_SUFFIX = ".toml"


def cards_folder() -> Path:
    """Return the folder of the cards: inside the installed package, or the folder data of a clone."""
    here = Path(__file__).resolve().parent
    installed = here / "included"
    return installed if installed.is_dir() else here.parent.parent / "data"


def included_cards() -> dict[str, Path]:
    """Return the cards that come with the package, by name."""
    return {path.stem: path for path in sorted(cards_folder().glob(f"*{CARD_SUFFIX}"))}


def included_card(name: str) -> Path | None:
    """Return the included card of a name, in which a hyphen is as good as an underscore; None if there is none."""
    return included_cards().get(name.replace("-", "_"))


def find_card(card: str | Path) -> Path:
    """Return the path of a card: itself, or the included card of this name.

    >>> find_card("easy_vqa").name
    'easy_vqa.toml'
    >>> find_card("my/own.toml").as_posix()
    'my/own.toml'

    Raises
    ------
    ConfigError
        It is neither a TOML file, nor anything else that exists, nor the name of an included card.
    """
    path = Path(card)
    if path.suffix == CARD_SUFFIX or path.exists():
        return path
    included = included_card(str(card))
    if included is None:
        raise ConfigError(
            f"expected a dataset card, a {CARD_SUFFIX} file or the name of an included card, got {card}"
            f"{did_you_mean(str(card), included_cards())}"
        )
    return included


def find_recorded_card(card: str | Path) -> Path:
    """Return a card that a run or a file of predictions records, or the included one of its name if it is gone."""
    path = Path(card)
    return path if path.is_file() else included_cards().get(path.stem, path)
