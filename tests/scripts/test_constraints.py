"""The files of exact versions: one per Python version that the README offers, each with everything that CI installs."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PYTHONS = ("3.9", "3.10", "3.11", "3.12")


def required(project: Path, python: str) -> list[Requirement]:
    """Return what `pip install .[test]` asks for under a version of Python on Linux."""
    table = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras, left, found = table["optional-dependencies"], [*table["dependencies"]], []
    left += extras["test"]
    environment = {"python_version": python, "sys_platform": "linux", "platform_system": "Linux"}
    for line in left:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate(environment):
            continue
        if requirement.name == table["name"]:
            left += [each for extra in sorted(requirement.extras) for each in extras[extra]]
        else:
            found.append(requirement)
    return found


@pytest.mark.parametrize("python", PYTHONS)
def test_every_dependency_has_an_exact_version_that_pyproject_allows(project: Path, python: str) -> None:
    lines = (project / ".ci" / f"constraints-{python}.txt").read_text(encoding="utf-8").splitlines()
    pairs = [re.fullmatch(r"([\w.-]+)==(\S+)", line) for line in lines if not line.startswith("#")]
    assert all(pairs)
    exact = {canonicalize_name(pair[1]): Version(pair[2]) for pair in pairs if pair}
    assert len(exact) == len(pairs)
    needed = required(project, python)
    assert len(needed) > 40
    assert [str(each) for each in needed if canonicalize_name(each.name) not in exact] == []
    assert [str(each) for each in needed if exact[canonicalize_name(each.name)] not in each.specifier] == []
