"""The tutorial notebook: committed with its outputs, and executed from its first cell to its last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from blocks import PROJECT
from clone import Clone

nbformat = pytest.importorskip("nbformat", reason="the extra docs is not installed: pip install 'vqa[docs]'")


def code_cells(path: Path) -> list[Any]:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


def kinds(cell: Any) -> list[str]:
    """Return what a cell shows: the best form of each output, or the stream it prints to."""
    return [
        output.get("name") or max(output.data, key="text/plain image/png text/html".find) for output in cell.outputs
    ]


def printed(cell: Any) -> str:
    return "".join(output.text for output in cell.outputs if output.get("name") == "stdout")


def test_the_notebook_holds_its_outputs() -> None:
    cells = code_cells(PROJECT / "docs" / "tutorial.ipynb")
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    assert {"stdout", "stderr", "text/html", "image/png"} <= {kind for cell in cells for kind in kinds(cell)}


@pytest.mark.slow
def test_the_notebook_runs_and_prints_what_it_holds(clone: Clone) -> None:
    clone.run_shell(
        ".venv/bin/jupyter nbconvert --to notebook --execute --output executed.ipynb docs/tutorial.ipynb\n"
        ".venv/bin/jupyter nbconvert --inplace --coalesce-streams docs/executed.ipynb",
        "docs/tutorial.ipynb",
    )
    held, executed = code_cells(PROJECT / "docs/tutorial.ipynb"), code_cells(clone.folder / "docs/executed.ipynb")
    # Trained on fewer pictures here: the kinds of outputs are the same, and what is printed of the puzzle.
    assert [kinds(cell) for cell in executed] == [kinds(cell) for cell in held]
    assert [printed(cell) for cell in executed] == [printed(cell) for cell in held]
