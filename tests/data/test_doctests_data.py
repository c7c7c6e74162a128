"""The examples in the docstrings of the data room hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import vqa.data


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(vqa.data.__path__, "vqa.data.")])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
