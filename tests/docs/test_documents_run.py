"""The README and the documentation run as printed, word for word, on a small extract of easy-VQA."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from blocks import DOCUMENTS, PROJECT, Block, blocks, blocks_of
from clone import Clone

from vqa.cli import cli
from vqa.data.cards import load_card

_CHECKED_PRINT = re.compile(r"print\(.*\)  # (?P<expected>.+)")


def name(document: Path) -> str:
    return str(document.relative_to(PROJECT))


def runnable(document: Path) -> list[Block]:
    return [block for block in blocks(document) if block.language in ("bash", "python") and not block.not_run]


@pytest.mark.parametrize("document", DOCUMENTS, ids=name)
def test_every_block_says_its_language(document: Path) -> None:
    known = {"bash", "python", "toml", "text", "csv", "json"}
    assert [block.place for block in blocks(document) if block.language not in known] == []


@pytest.mark.slow
@pytest.mark.parametrize("document", [document for document in DOCUMENTS if runnable(document)], ids=name)
def test_commands_and_snippets_run_as_printed(document: Path, clone: Clone) -> None:
    for block in runnable(document):
        # The tests cannot run themselves; .ci/run runs this line.
        if "-m slow" in block.text:
            continue
        if block.language == "bash":
            clone.run_shell(block.text, block.place)
        else:
            printed = clone.run_python(block.text, block.place).splitlines()
            expected = [found["expected"] for found in map(_CHECKED_PRINT.fullmatch, block.text.splitlines()) if found]
            if expected:
                assert printed == expected, block.place


@pytest.mark.parametrize("document", [page for page in DOCUMENTS if blocks_of(page, "toml")], ids=name)
def test_cards_are_read_as_printed(document: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks_of(document, "toml")):
        card = tmp_path / f"card{number}.toml"
        card.write_text(block.text)
        for file in re.findall(r'^(?:file|path|questions|annotations) = "([^"]+)"', block.text, re.MULTILINE):
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).touch() if "." in file else (tmp_path / file).mkdir(exist_ok=True)
        assert load_card(card).name, block.place


TRAIN = "vqa train easy_vqa_3 --run runs/easy"


def examples() -> list[tuple[str, list[str]]]:
    """Return for each command with an example the lines to run: those that it says to come before, and its own."""
    found = []
    for command_name, command in {"": cli, **cli.subcommands()}.items():
        help_text = command.get_help(click.Context(command, info_name=command_name, terminal_width=200))
        _, heading, example = help_text.partition("Example")
        if heading:
            before = re.findall(r"`(vqa [^`]+)`", example.partition("\n")[0])
            own = re.findall(r"^ *(vqa .+)$", example.partition("\n\n")[0].replace("\\\n", " "), re.MULTILINE)
            lines = [*before, *own]
            found.append((command_name, [TRAIN, *lines] if any("runs/easy" in line for line in lines) else lines))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("command", "lines"), examples(), ids=[name or "vqa" for name, _ in examples()])
def test_the_example_in_the_help_runs(command: str, lines: list[str], shared_clone: Clone) -> None:
    assert lines, f"vqa {command} --help has no example"
    shared_clone.run_shell("\n".join(lines), f"vqa {command} --help")
