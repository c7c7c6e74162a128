"""``vqa cards``: the cards that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vqa.cli._options import emit, json_option


@click.command()
@click.argument("name", required=False)
@json_option
def command(name: str | None, json_file: str | None) -> None:
    """List the cards that come with the package, or print the card NAME.

    Every command that takes a card takes one of these names. A card of data that is not included says which file it
    needs: print the card into a file of yours, put the data beside it, and use that file.

    \b
    Example:
      vqa cards
      vqa cards easy_vqa_3
      vqa cards vqa_v2 > vqa_v2.toml
    """
    from vqa.data.included_cards import find_card, included_cards

    if name is not None:
        click.echo(find_card(name).read_text(encoding="utf-8"), nl=False)
        return
    cards = [_description(card) for card in included_cards().values()]
    width = max(len(card["name"]) for card in cards)
    lines = [f"{card['name']:<{width}}  {card['description']}\n{'':<{width}}  {_status(card)}" for card in cards]
    emit("\n".join(lines), cards, json_file)


def _description(path: Path) -> dict[str, Any]:
    """Return what a card is, by its first comment, and what it lacks."""
    from vqa.data.cards import load_card
    from vqa.errors import ConfigError

    comments = [line.lstrip("# ") for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#")]
    try:
        load_card(path)
        missing = ""
    except ConfigError as error:
        missing = str(error).removeprefix(f"{path}: ")
    return {"name": path.stem, "description": comments[0], "path": str(path), "missing": missing}


def _status(card: dict[str, Any]) -> str:
    if card["missing"]:
        return f"data not included: vqa cards {card['name']} > {card['name']}.toml, then put the data beside that file"
    return "ready"
