"""A folder with runs of one system from several seeds: OUT/seed-1, OUT/seed-2, ..."""

from __future__ import annotations

from pathlib import Path

PREFIX = "seed-"


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
