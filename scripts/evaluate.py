"""Evaluate a trained run on a split: the same as ``vqa evaluate``."""

import sys

from vqa.cli import main

if __name__ == "__main__":
    main(["evaluate", *sys.argv[1:]])
