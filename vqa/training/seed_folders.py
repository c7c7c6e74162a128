"""A folder with runs of one system from several seeds: OUT/seed-1, OUT/seed-2, ..."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vqa.errors import RunError
from vqa.training.run_config import read_run_config

PREFIX = "seed-"
# Choices in which runs of one system may differ.
FREE_CHOICES = ("seed", "save_every", "device", "threads")


def seed_folder(folder: Path, seed: int) -> Path:
    """Return the run folder of a seed."""
    return folder / f"{PREFIX}{seed}"


def seed_folders(folder: str | Path) -> list[Path]:
    """Return the run folders of a folder that ``vqa train --seeds`` made, by seed; [] for anything else."""
    folder = Path(folder)
    if not folder.is_dir() or (folder / "run.json").exists():
        return []
    found = {path.name[len(PREFIX) :]: path for path in folder.glob(f"{PREFIX}*") if (path / "run.json").exists()}
    return [found[number] for number in sorted(filter(str.isdecimal, found), key=int)]


def check_one_system(folders: Sequence[Path]) -> None:
    """Check that runs were trained with the same choices but for their seed.

    Training with ``--overwrite`` leaves the runs of other seeds, and all later ones when it is stopped.

    Raises
    ------
    ConfigError
        A run's choices cannot be read.
    RunError
        A choice differs from that of the first run.
    """
    first, *others = [read_run_config(folder).to_dict() for folder in folders] or [{}]
    for folder, choices in zip(folders[1:], others):
        for name, value in choices.items():
            if name not in FREE_CHOICES and value != first[name]:
                raise RunError(
                    f"{folder} is not of the system of {folders[0].name}: {name} is {value!r}, not {first[name]!r}; "
                    "train it again like the others (--overwrite), or remove it"
                )
