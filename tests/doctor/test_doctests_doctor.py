"""The examples in the docstrings of the doctor room hold."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import vqa.doctor


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(vqa.doctor.__path__, "vqa.doctor.")])
def test_examples(name: str) -> None:
    assert doctest.testmod(importlib.import_module(name)).failed == 0
