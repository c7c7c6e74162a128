"""Inspect per-question predictions: the same as ``vqa inspect``."""

import sys

from vqa.cli import main

if __name__ == "__main__":
    main(["inspect", *sys.argv[1:]])
