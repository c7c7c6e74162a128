"""The packages depend on one another in one direction; the tests parse the imports and hold it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vqa

PACKAGE = Path(vqa.__file__).parent

# Each package may import the packages named with it, and itself.
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "display": set(),
    "files": set(),
    "_mxnet": {"errors"},
    "scoring": {"errors", "display", "files"},
    "features": {"errors", "files", "_mxnet"},
    "data": {"errors", "display", "files", "_mxnet", "scoring", "features"},
    "audit": {"errors", "display", "data", "scoring"},
    "nn": {"errors", "_mxnet", "data"},
    "metrics": {"errors", "_mxnet", "scoring"},
    "training": {"errors", "files", "_mxnet", "data", "nn", "scoring", "metrics"},
    "evaluation": {"errors", "display", "files", "_mxnet", "data", "features", "nn", "scoring", "training"},
    "export": {"errors", "display", "files", "_mxnet", "data", "features", "nn", "scoring", "training", "evaluation"},
    "inspection": {"errors", "display", "files", "data", "scoring", "evaluation", "export"},
    "doctor": {"errors", "display", "files", "_mxnet", "data", "nn", "scoring", "metrics", "training", "evaluation"},
    "demo": {"errors", "display", "evaluation", "export", "inspection"},
    "benchmark": {
        "errors", "files", "_mxnet", "data", "audit", "features", "nn", "metrics", "training", "scoring", "evaluation",
        "doctor", "export",
    },
}  # fmt: skip


def modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def package(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path: Path, only_at_top: bool = False) -> Iterator[str]:
    """Yield the dotted names that a module imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if only_at_top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            assert node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path: Path) -> None:
    name = package(path)
    if name in ("__init__", "cli"):
        return
    packages = {
        parts[1] for parts in (dotted.split(".") for dotted in imported(path)) if parts[0] == "vqa" and parts[1:]
    }
    assert packages <= ALLOWED[name] | {name}


def test_the_allowed_directions_have_no_circle() -> None:
    order: list[str] = []
    while len(order) < len(ALLOWED):
        free = [name for name, below in ALLOWED.items() if name not in order and below <= set(order)]
        assert free, f"a circle among {sorted(set(ALLOWED) - set(order))}"
        order += free


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_mxnet_has_one_door(path: Path) -> None:
    roots = {dotted.split(".")[0] for dotted in imported(path)}
    if package(path) != "_mxnet":
        assert not roots & {"mxnet", "gluonnlp"}


@pytest.mark.parametrize("path", sorted((PACKAGE / "cli").glob("*.py")), ids=lambda path: path.name)
def test_the_command_line_imports_nothing_heavy_at_the_top(path: Path) -> None:
    if path.name.startswith("_") and path.name not in ("__init__.py", "_options.py"):
        return
    roots = {dotted.split(".")[0] for dotted in imported(path, only_at_top=True)}
    assert not roots & {"numpy", "pandas", "rich", "matplotlib", "jinja2", "PIL", "tqdm"}


def test_no_utility_drawers() -> None:
    assert not {path.name for path in modules()} & {"utils.py", "common.py", "helpers.py", "misc.py"}


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, vqa; heavy = {'mxnet', 'numpy', 'pandas'} & set(sys.modules); sys.exit(', '.join(heavy) or None)"
    )
    assert run(code).stderr == ""


def test_every_public_name_loads_and_the_list_is_sorted() -> None:
    assert vqa.__all__ == sorted(vqa.__all__)
    for name in vqa.__all__:
        assert getattr(vqa, name) is not None
    assert set(vqa.__all__) <= set(dir(vqa))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vqa.nothing
