"""Extract features of images or videos with a pretrained network: the same as ``vqa extract``."""

import sys

from vqa.cli import main

if __name__ == "__main__":
    main(["extract", *sys.argv[1:]])
