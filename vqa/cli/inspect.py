"""``vqa inspect``: the questions behind the numbers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from vqa.cli._options import device_option

if TYPE_CHECKING:
    import pandas as pd

# Questions printed by default; data formats get every question.
LINES_OF_TEXT = 20
# Width where the output is not a terminal: no line is broken, so that grep finds it whole.
ENDLESS = 10_000


@click.command()
@click.argument("source", metavar="RUN-or-FILE", type=click.Path(path_type=Path))
@click.option("--split", default="test", show_default=True, help="Split to predict, where a run is given.")
@click.option(
    "--card",
    "--data",
    "card",
    type=click.Path(path_type=Path),
    help="Card of the data set; by default the recorded one.",
)
@device_option
@click.option("--id", "ids", multiple=True, metavar="QID", help="Only this question; may be repeated.")
@click.option("--wrong", "hit", flag_value="wrong", help="Only misses.")
@click.option("--right", "hit", flag_value="right", help="Only hits.")
@click.option(
    "--top-losses",
    type=click.IntRange(1),
    metavar="N",
    help="The N questions with the highest loss.",
)
@click.option("--type", "types", multiple=True, metavar="TYPE", help="Only this answer or question type; repeatable.")
@click.option("--contains", default="", metavar="TEXT", help="Only questions that contain TEXT, ignoring case.")
@click.option("--image", "images", multiple=True, metavar="ID", help="Only questions about this image; repeatable.")
@click.option(
    "--limit",
    type=click.IntRange(0),
    metavar="N",
    help=f"Only the first N; 0 is all.  [default: {LINES_OF_TEXT} as text, else all]",
)
@click.option(
    "--format",
    "data_format",
    type=click.Choice(["text", "csv", "jsonl", "parquet"]),
    help="Output format.  [default: by the suffix of --output, else text]",
)
@click.option("--output", "-o", type=click.Path(path_type=Path), help="Write to this file instead of printing.")
@click.option("--html", type=click.Path(path_type=Path), help="Write the report and the questions as one HTML page.")
def command(
    source: Path,
    split: str,
    card: Path | None,
    device: str,
    ids: tuple[str, ...],
    hit: str | None,
    top_losses: int | None,
    types: tuple[str, ...],
    contains: str,
    images: tuple[str, ...],
    limit: int | None,
    data_format: str | None,
    output: Path | None,
    html: Path | None,
) -> None:
    """Show what a run got right and wrong, question by question.

    RUN-or-FILE is a run folder, a .onnx file that `vqa export` wrote, or a predictions file (.csv, .jsonl, .parquet)
    that `vqa evaluate` wrote.
    Filters can be combined; a question is shown if it passes all of them.

    \b
    Example:
      vqa train easy_vqa_3 --run runs/easy
      vqa inspect runs/easy --wrong --top-losses 10
      vqa inspect runs/easy --html easy.html
    """
    from vqa.inspection.selection import Selection
    from vqa.inspection.source import open_source

    chosen = _chosen_format(data_format, output)
    selection = Selection(
        ids=ids,
        images=images,
        hit=None if hit is None else hit == "right",
        types=types,
        contains=contains,
        top_losses=top_losses or 0,
    )
    opened = open_source(source, split, card, device)
    frame = opened.frame
    rows = selection.rows(frame)
    if not len(rows):
        click.echo(f"{source}: no question passes all the filters", err=True)
    if html:
        from vqa.display import visible
        from vqa.inspection.gallery import left_out, write_gallery

        listed = rows[:limit] if limit else rows
        size = write_gallery(html, opened, listed)
        click.echo(f"{html}: {len(listed):,} questions, {size / 1e6:.1f} MB", err=True)
        for reason in left_out(opened):
            click.echo(visible(reason), err=True)
        if data_format is None and output is None:
            return
    if limit is None:
        limit = LINES_OF_TEXT if chosen == "text" and output is None else 0
    shown = frame.iloc[rows[:limit] if limit else rows].reset_index(drop=True)
    if chosen != "text":
        _write(_as_data(shown, chosen), output)
    else:
        text = _as_text(frame, shown, len(rows), to_terminal=output is None, details=bool(ids))
        _write(text.encode("utf-8"), output) if output else click.echo(text, nl=False)


def _chosen_format(data_format: str | None, output: Path | None) -> str:
    """Return the output format: the one given, else that of the file's suffix, else text."""
    from vqa.evaluation.prediction_files import FORMATS

    suffix = output.suffix[1:].lower() if output else ""
    chosen = data_format or (suffix if suffix in FORMATS else "text")
    if chosen == "parquet" and output is None:
        raise click.UsageError("--format parquet needs a file: --output FILE.parquet")
    return chosen


def _as_text(frame: pd.DataFrame, shown: pd.DataFrame, selected: int, to_terminal: bool, details: bool) -> str:
    """Return the questions as a table that fits the terminal; elsewhere each question is one long line."""
    import os
    import re
    import sys

    from rich.console import Console

    from vqa.inspection.terminal import print_inspection

    on_terminal = to_terminal and sys.stdout.isatty()
    width = None if on_terminal or "COLUMNS" in os.environ else ENDLESS
    # Console detects the width and the colours of a terminal by itself.
    console = Console(width=width, no_color=None if on_terminal else True, highlight=False)
    with console.capture() as captured:
        print_inspection(frame, shown, selected, console, details)
    # Cells are padded with blanks, which are useless in a file.
    return captured.get() if on_terminal else re.sub(r" +$", "", captured.get(), flags=re.MULTILINE)


def _as_data(shown: pd.DataFrame, data_format: str) -> bytes:
    """Return the questions and their margins as the bytes of a data file."""
    import io

    from vqa.evaluation.prediction_files import FORMATS
    from vqa.inspection.prediction_rows import margins

    data = io.BytesIO()
    FORMATS[data_format].write(shown.assign(margin=margins(shown)[0]), data)
    return data.getvalue()


def _write(data: bytes, output: Path | None) -> None:
    from vqa.files import replacing

    if output is None:
        click.echo(data, nl=False)
        return
    with replacing(output, "wb") as file:
        file.write(data)
