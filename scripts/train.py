"""Train a network on a data set: the same as ``vqa train``."""

import sys

from vqa.cli import main

if __name__ == "__main__":
    main(["train", *sys.argv[1:]])
