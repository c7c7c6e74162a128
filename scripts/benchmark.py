"""Measure speed and memory: the same as ``python -m vqa.benchmark``, whose help says more."""

from __future__ import annotations

import sys

from vqa.benchmark.__main__ import main
from vqa.errors import VqaError

if __name__ == "__main__":
    try:
        main()
    except VqaError as error:
        sys.exit(f"benchmark: {error}")
