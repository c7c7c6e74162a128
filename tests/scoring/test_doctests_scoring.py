"""The examples in the docstrings of the scoring room hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import vqa.scoring


@pytest.mark.parametrize(
    "name", [module.name for module in pkgutil.walk_packages(vqa.scoring.__path__, "vqa.scoring.")]
)
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
