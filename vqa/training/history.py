"""The history of a run: one row an epoch, as CSV with full precision and as the line that training prints."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

from vqa.scoring.formatting import format_rate
from vqa.training.validation import Validation


def epoch_line(row: dict[str, Any], epochs: int, is_best: bool) -> str:
    """Return the one line that training prints for an epoch."""
    return (
        f"epoch {row['epoch']:>3}/{epochs}  train loss {row['train_loss']:.4f}  validation loss {row['loss']:.4f}  "
        f"any-of {format_rate(row['any_of'])}  per-split {format_rate(row['per_split'])} of at most "
        f"{format_rate(row['per_split_ceiling'])}  "
        f"{row['seconds']:.1f} s{'  best' if is_best else ''}"
    )


def history_csv(history: list[dict[str, Any]]) -> str:
    """Return the history as CSV text with full precision."""
    text = io.StringIO()
    names = ["epoch", "train_loss", *Validation.__dataclass_fields__, "seconds"]
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    return text.getvalue()


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read what `history_csv` wrote."""
    with open(path, encoding="utf-8", newline="") as file:
        return [
            {name: int(value) if name == "epoch" else float(value) for name, value in row.items()}
            for row in csv.DictReader(file)
        ]
