"""Make what the experiments on DAQUAR need: features at two sizes, cards, and a random split to compare with.

Reads the published files from the folder data/daquar (see data/daquar.toml), or from the folder that --data names.
Writes to a folder (default features/daquar) daquar.npy (360 MB: 49 cells per photograph, each seen at 224 and at 448
pixels by EfficientNet-Lite0; four minutes on two cores) and a card per split, official or random, and per choice of
answers: single (single-word answers alone), all (lists too, each one answer) and sets (each list a set of answers,
which is what the recipe trains on). The random split deals out the questions of both published files, four of five for
training: most photographs are then in both parts, which no honest split allows. Needs the extra "pretrained".
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from vqa.cli import cli
from vqa.files import replacing

PUBLISHED = {"train": "qa.894.raw.train.txt", "test": "qa.894.raw.test.txt"}
TRAIN_PART = 0.8
# What each card takes of the answers that are lists.
ANSWERS = {"single": "single_word_answers = true", "all": "answer_sets = false", "sets": "answer_sets = true"}
CARD = """\
# DAQUAR for scripts/daquar_results.py: the {split} split, {answers} answers.
name = "daquar-{split}-{answers}"
format = "daquar"
wups = true

[daquar]
{option}

[splits.train]
file = "{train}"
[splits.test]
file = "{test}"

[images]
kind = "regions"
path = "daquar.npy"
originals = "{images}"
"""


def random_split(data: Path, folder: Path) -> dict[str, str]:
    """Write the questions of both published files, dealt out at random, and return the name of the file per split."""
    lines = [line for name in PUBLISHED.values() for line in (data / name).read_text(encoding="utf-8").splitlines()]
    questions = np.array([f"{question}\n{answer}\n" for question, answer in zip(lines[::2], lines[1::2])])
    order = np.random.default_rng(1).permutation(len(questions))
    bound = round(TRAIN_PART * len(questions))
    parts = {"train": order[:bound], "test": order[bound:]}
    for split, rows in parts.items():
        with replacing(folder / f"random.{split}.txt") as file:
            file.write("".join(questions[rows]))
    return {split: f"random.{split}.txt" for split in parts}


def main(data: Path, folder: Path) -> None:
    """Make the files that are missing; an interrupted extraction continues where it stopped."""
    folder.mkdir(parents=True, exist_ok=True)
    features, images = folder / "daquar.npy", (data / "images").resolve()
    if not features.exists():
        options = ["--grid", "--size", "224", "--size", "448", "--float16"]
        cli.main(["extract", str(images), str(features), *options], "vqa", standalone_mode=False)
    official = {split: str((data / name).resolve()) for split, name in PUBLISHED.items()}
    for split, files in (("official", official), ("random", random_split(data, folder))):
        for answers, option in ANSWERS.items():
            with replacing(folder / f"{split}_{answers}.toml") as file:
                file.write(CARD.format(split=split, answers=answers, option=option, images=images, **files))


def folders(description: str | None) -> tuple[Path, Path]:
    """Return the folder of the published files and the folder to write to, as the command line names them."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "folder", nargs="?", type=Path, default=Path("features/daquar"), help="default: features/daquar"
    )
    parser.add_argument("--data", type=Path, default=Path("data/daquar"), help="default: data/daquar")
    arguments = parser.parse_args()
    return arguments.data, arguments.folder


if __name__ == "__main__":
    main(*folders(__doc__))
