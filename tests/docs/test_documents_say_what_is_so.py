"""Tables of the documentation name what exists: keys of a report, columns, presets, losses, files."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import pkgutil
import re
from pathlib import Path
from typing import Any

import pytest
from blocks import DOCUMENTS, PROJECT

from vqa.data.cards import CARD_KEYS, CSV_KEYS, IMAGE_KEYS, SPLIT_KEYS, DaquarOptions
from vqa.data.columns import KEYS
from vqa.data.table import QuestionTable
from vqa.evaluation.predictions import COLUMNS
from vqa.nn.losses import LOSSES
from vqa.nn.presets import PRESETS
from vqa.scoring.report import evaluate

DAQUAR_KEYS = [field.name for field in dataclasses.fields(DaquarOptions)]


def cells(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the table of a page whose first heading is `heading`."""
    lines = (PROJECT / "docs" / page).read_text(encoding="utf-8").splitlines()
    starts = [number for number, line in enumerate(lines) if line.startswith(f"| {heading} |")]
    assert starts, f"docs/{page} has no table with the heading {heading!r}"
    found = []
    for line in lines[starts[0] + 2 :]:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line[1:].rstrip("|").split(" | ")])
    return found


def names(text: str) -> list[str]:
    return re.findall(r"`([^`]+)`", text)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """The report on two questions with all that a report can hold."""
    table = QuestionTable(
        ["1", "2"], ["a", "b"], ["is it red", "what is it"], [("yes", "yes", "no"), ("a cat", "dog", "cat")]
    )
    answers = ["yes", "no", "cat"]
    return evaluate(table, ["yes", "cat"], probabilities=[0.9, 0.8], train=table, answer_vocabulary=answers).to_json()


@pytest.mark.parametrize(("heading", "column"), [("printed as", 1), ("key in the JSON", 0)])
def test_the_keys_of_the_report_exist(report: dict[str, Any], heading: str, column: int) -> None:
    for row in cells("evaluation.md", heading):
        for name in names(row[column]):
            value: Any = report
            for key in name.split("."):
                assert key in value, f"the report has no {name}"
                value = value[key]


def test_the_classes_of_mistakes_are_all_named(report: dict[str, Any]) -> None:
    assert [names(row[0])[0] for row in cells("evaluation.md", "class")] == list(report["mistakes"])


def test_the_columns_of_the_predictions_table_are_all_named() -> None:
    assert [name for row in cells("inspection.md", "column") for name in names(row[0])] == list(COLUMNS)


def test_presets_and_losses_are_all_named() -> None:
    assert sorted(names(row[0])[0] for row in cells("networks.md", "preset")) == sorted(PRESETS)
    assert sorted(names(row[0])[0] for row in cells("networks.md", "name")) == sorted(LOSSES)


def test_every_key_of_a_card_is_named() -> None:
    sections = {
        "columns": KEYS,
        "csv": CSV_KEYS,
        "daquar": DAQUAR_KEYS,
        "images": {key for keys in IMAGE_KEYS.values() for key in keys},
    }
    sections["splits.NAME"] = {key for required, optional in SPLIT_KEYS.values() for key in (*required, *optional)}
    sections["top"] = set(CARD_KEYS) - {"columns", "csv", "daquar", "splits", "images"}
    found: dict[str, set[str]] = {}
    section = ""
    for row in cells("data.md", "section"):
        section = row[0].strip("`[]()| ") or section
        found.setdefault(section, set()).update(names(row[1]))
    assert found == {name: set(keys) for name, keys in sections.items()}


def test_every_command_is_on_the_page_of_the_command_line() -> None:
    hooks = pytest.importorskip("hooks", reason="the extra docs is not installed: pip install 'vqa[docs]'")
    page = hooks.on_page_markdown((PROJECT / "docs" / "commands.md").read_text(encoding="utf-8"))
    commands = [path.stem for path in (PROJECT / "vqa" / "cli").glob("*.py") if not path.stem.startswith("_")]
    headings = re.findall(r"^## vqa (\S+)$", page, re.MULTILINE)
    assert [heading.replace("-", "_") for heading in headings] == sorted(commands)
    assert page.count("Usage: vqa ") == len(commands)


def test_the_dependencies_without_mxnet_are_all_named() -> None:
    listed = re.search(
        r"pip install onnx onnxruntime (.*?)\n```", (PROJECT / "docs" / "leaving-mxnet.md").read_text(), re.S
    )
    assert listed
    required = {
        re.split(r"[^\w.-]", each)[0] for each in importlib.metadata.requires("vqa") or () if "extra ==" not in each
    }
    named = {re.split(r"[^\w.-]", word.strip('"'))[0] for word in listed[1].split()}
    assert required - named == {"mxnet", "gluonnlp", "setuptools"}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_to_files_lead_somewhere(document: Path) -> None:
    text = re.sub(r"^```.*?^```$", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            path = document.parent / target
            # The page of a notebook is made when the site is built.
            assert path.exists() or path.with_suffix(".ipynb").exists(), f"{document}: {target}"


@pytest.mark.parametrize("page", sorted((PROJECT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_what_a_page_takes_from_docstrings_exists(page: Path) -> None:
    for dotted in re.findall(r"^::: (\S+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert pkgutil.resolve_name(dotted).__doc__, dotted


def test_a_docstring_takes_the_form_that_the_api_page_reads() -> None:
    docstrings = pytest.importorskip("docstrings", reason="the extra docs is not installed: pip install 'vqa[docs]'")
    text = "Sum.\n\nParameters\n----------\na, b : numbers,\n    any\n\nBoth are kept.\n\n>>> 1 + 1\n2"
    assert docstrings.numpy_form(text) == (
        "Sum.\n\nParameters\n----------\na, b\n    numbers,\n    any\n\nNotes\n-----\nBoth are kept.\n\n"
        "Examples\n--------\n>>> 1 + 1\n2"
    )
