"""The packages depend on one another in one direction; the tests parse the imports and hold it."""

from __future__ import annotations

import ast
import importlib.metadata
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import vqa

PACKAGE = Path(vqa.__file__).parent

# Each package may import the packages named with it, and itself.
ALLOWED: dict[str, set[str]] = {
    "errors": {"display"},
    "display": set(),
    "collector": set(),
    "files": set(),
    "tensors": {"errors"},
    "params_file": {"errors", "files", "tensors"},
    "_mxnet_import": {"errors"},
    "_mxnet": {"errors", "_mxnet_import"},
    "cluster": {"errors"},
    "scoring": {"errors", "display", "files", "cluster"},
    "features": {"errors", "files", "params_file", "_mxnet", "cluster"},
    "data": {"errors", "display", "files", "_mxnet", "scoring", "features"},
    "audit": {"errors", "display", "data", "scoring"},
    "nn": {"errors", "_mxnet", "data"},
    "metrics": {"errors", "_mxnet", "scoring"},
    "training": {"errors", "files", "params_file", "_mxnet", "data", "nn", "scoring", "metrics"},
    "evaluation": {
        "errors", "cluster", "collector", "display", "files", "_mxnet", "data", "features", "nn", "scoring", "training",
    },
    "export": {
        "errors", "display", "files", "tensors", "params_file", "_mxnet", "data", "features", "nn", "scoring",
        "training", "evaluation",
    },
    "inspection": {"errors", "display", "files", "data", "scoring", "evaluation", "export"},
    "doctor": {"errors", "display", "files", "_mxnet", "data", "nn", "scoring", "metrics", "training", "evaluation"},
    "demo": {"errors", "data", "evaluation", "export", "inspection"},
    "benchmark": {
        "errors", "files", "_mxnet_import", "_mxnet", "data", "audit", "features", "nn", "metrics", "training",
        "scoring", "evaluation", "doctor", "export",
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


def dotted_name(path: Path) -> str:
    parts = ("vqa", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def names_imported_from_the_package(path: Path, known: set[str]) -> Iterator[tuple[str, str]]:
    """Yield the (module, name) pairs of all imports from this package, wherever they stand; "" for a module itself."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            for alias in node.names:
                submodule = f"{node.module}.{alias.name}"
                yield (submodule, "") if submodule in known else (node.module, alias.name)


def test_modules_have_no_circle() -> None:
    """Imports in functions and for type checkers count as well."""
    paths = {dotted_name(path): path for path in modules()}
    below = {
        name: {module for module, _ in names_imported_from_the_package(path, set(paths))} - {name}
        for name, path in paths.items()
    }
    while below:
        free = {name for name, imports in below.items() if not imports & set(below)}
        assert free, f"a circle among some of {sorted(below)}"
        below = {name: imports for name, imports in below.items() if name not in free}


def defined_names(body: list[ast.stmt]) -> Iterator[str]:
    """Yield the names that statements define by themselves, not by an import."""
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name))
        elif isinstance(node, ast.If):
            yield from defined_names([*node.body, *node.orelse])


def test_a_name_is_imported_from_the_module_that_defines_it() -> None:
    """So that a reader who follows an import arrives; only a whole package may offer names of its modules."""
    paths = {dotted_name(path): path for path in modules()}
    # `mx` and `gluonnlp` are imported by functions of their one door.
    defined = {name: set(defined_names(ast.parse(path.read_text()).body)) for name, path in paths.items()}
    for name, path in paths.items():
        for module, imported_name in names_imported_from_the_package(path, set(paths)):
            if imported_name and paths[module].name != "__init__.py":
                assert imported_name in defined[module], f"{name} imports {imported_name} from {module}"


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_only_passes_names_on(path: Path) -> None:
    body = ast.parse(path.read_text(encoding="utf-8")).body
    imports = [node for node in body if isinstance(node, (ast.Import, ast.ImportFrom))]
    # A docstring alone makes a package; `__future__` is no name of ours.
    own = [node for node in imports if not (isinstance(node, ast.ImportFrom) and node.module == "__future__")]
    if own and path.name != "__init__.py":
        assert len(body) > len(imports) + 1


def lines_of_code(path: Path) -> list[tuple[int, str]]:
    """Return the numbered lines of a module without imports, docstrings, comments and the heads of functions."""
    text = path.read_text(encoding="utf-8")
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.Import, ast.ImportFrom)) or (
            isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        ):
            left_out.update(range(node.lineno, node.end_lineno + 1))
        elif isinstance(node, ast.FunctionDef):
            left_out.update(range(node.lineno, node.body[0].lineno))
    numbered = enumerate(map(str.strip, text.splitlines()), start=1)
    return [(number, line) for number, line in numbered if number not in left_out and line and line[0] != "#"]


def test_no_six_lines_are_written_twice() -> None:
    seen: dict[tuple[str, ...], str] = {}
    for path in modules():
        lines = lines_of_code(path)
        for start in range(len(lines) - 5):
            six = tuple(line for _, line in lines[start : start + 6])
            place = f"{path.relative_to(PACKAGE)}:{lines[start][0]}"
            assert six not in seen, f"the six lines from {seen[six]} and from {place} are the same"
            seen[six] = place


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


def test_type_checkers_see_the_public_names_where_they_are_loaded_from() -> None:
    (block,) = (node for node in ast.parse(Path(vqa.__file__).read_text()).body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    assert {alias.asname: node.module for node in imports for alias in node.names} == vqa._HOME
    assert (PACKAGE / "py.typed").is_file()


def test_the_version_is_that_of_the_distribution() -> None:
    assert vqa.__version__ == importlib.metadata.version("vqa")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = vqa.nothing
