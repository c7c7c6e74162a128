"""Every example in a docstring of the package holds."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import vqa

MODULES = ["vqa", *(module.name for module in pkgutil.walk_packages(vqa.__path__, "vqa."))]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        if (error.name or "").startswith("vqa"):
            raise  # a module of ours that is not there is no missing extra
        pytest.skip(f"{name} needs {error.name}")
    assert doctest.testmod(module).failed == 0
