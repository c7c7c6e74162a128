"""A predictions table on the terminal: one line per question, or one question in full."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from vqa.display import visible
from vqa.evaluation.predictions import PredictionRow, prediction_rows
from vqa.inspection.prediction_rows import answer_counts, margins
from vqa.scoring.formatting import NOT_AVAILABLE, format_count, format_rate

# On a narrower terminal each question takes a few lines instead of a row of a table.
_WIDTH_FOR_TABLE = 140
_BAR_WIDTH = 30
_HIT, _MISS = "green", "red"


def print_inspection(
    frame: pd.DataFrame, shown: pd.DataFrame, selected: int, console: Console, details: bool = False
) -> None:
    """Print questions with their answers, the prediction, hit or miss, probability, margin, loss and top answers.

    Parameters
    ----------
    frame : the whole predictions table, for the summary line
    shown : the questions to print
    selected : number of questions that passed the filters; those shown are the first of them
    console : the output; its width decides between a table and a few lines per question
    details : print a panel per question instead of a line
    """
    console.print(Text(summary_line(frame)))
    if not len(shown):
        return
    if details:
        for position in range(len(shown)):
            console.print(_panel(shown.iloc[position : position + 1], console.width))
    else:
        console.print(_table(shown) if console.width >= _WIDTH_FOR_TABLE else _blocks(shown))
    if selected != len(frame) or selected != len(shown):
        rest = f", the first {format_count(len(shown))} shown; --limit 0 shows all" if selected != len(shown) else ""
        console.print(Text(f"{count_of_questions(selected)} selected{rest}"))


def summary_line(frame: pd.DataFrame) -> str:
    """Return the number of questions, images and hits, and the any-of accuracy, in one line."""
    images = frame["image_id"].nunique()
    rate = format_rate(float(frame["hit"].mean()))
    hits = f"{format_count(int(frame['hit'].sum()))} hits"
    about = f" about {format_count(images)} {'image' if images == 1 else 'images'}" if frame["image_id"].any() else ""
    return f"{count_of_questions(len(frame))}{about}, {hits}, any-of accuracy {rate}"


def count_of_questions(count: int) -> str:
    """Return ``"1 question"``, ``"9,673 questions"``."""
    return f"{format_count(count)} question{'' if count == 1 else 's'}"


def _answers_text(answers: Sequence[str]) -> str:
    return ", ".join(visible(answer) + (f" ×{count}" if count > 1 else "") for answer, count in answer_counts(answers))


def margin_text(margin: float, is_bound: bool, hit: int) -> str:
    """Return a margin with its sign, or "n/a"; a bound is marked with the side on which the true margin lies."""
    if math.isnan(margin):
        return NOT_AVAILABLE
    digits = format_rate(abs(margin))
    bound = ("≥" if hit else "≤") if is_bound else ""
    return f"{bound}{'+' if hit else '-'}{digits}"


def loss_text(loss: float) -> str:
    """Return a loss in nats, or "n/a"."""
    return NOT_AVAILABLE if math.isnan(loss) else f"{loss:.4f}"


def _top_text(row: PredictionRow) -> str:
    return ", ".join(f"{visible(answer)} {format_rate(p)}" for answer, p in row.top)


def _table(frame: pd.DataFrame) -> Table:
    """Return one row per question, for a wide terminal."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    with_image = bool(frame["image_id"].any())
    for name in ("id", *(["image"] if with_image else []), "question", "human answers", "prediction"):
        table.add_column(name, overflow="fold")
    for name in ("", "prob.", "margin", "loss"):
        table.add_column(name, justify="left" if not name else "right", no_wrap=True)
    table.add_column("top answers", overflow="fold")
    for row, margin, is_bound in zip(prediction_rows(frame), *margins(frame)):
        style = _HIT if row.hit else _MISS
        table.add_row(
            Text(visible(row.question_id)),
            *([Text(visible(row.image_id))] if with_image else []),
            Text(visible(row.question)),
            Text(_answers_text(row.answers)),
            Text(visible(row.prediction), style=style),
            Text("hit" if row.hit else "miss", style=style),
            Text(format_rate(row.probability)),
            Text(margin_text(margin, is_bound, row.hit)),
            Text(loss_text(row.loss)),
            Text(_top_text(row)),
        )
    return table


def _blocks(frame: pd.DataFrame) -> Table:
    """Return a few lines per question, which wrap on any terminal: the same facts as in the table."""
    blocks = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    blocks.add_column(no_wrap=True)
    blocks.add_column(overflow="fold")
    for row, margin, is_bound in zip(prediction_rows(frame), *margins(frame)):
        style = _HIT if row.hit else _MISS
        names = [row.question_id, *([f"image {row.image_id}"] if row.image_id else [])]
        blocks.add_row(Text("hit" if row.hit else "miss", style=style), Text(visible(row.question), style="bold"))
        blocks.add_row("", Text(visible(", ".join(names)), style="dim"))
        blocks.add_row("", Text(f"human answers: {_answers_text(row.answers)}"))
        blocks.add_row("", Text(f"prediction: {visible(row.prediction)} {format_rate(row.probability)}", style=style))
        blocks.add_row("", Text(f"top answers: {_top_text(row)}"))
        numbers = f"margin {margin_text(margin, is_bound, row.hit)}, loss {loss_text(row.loss)}"
        blocks.add_row("", Text(numbers))
    return blocks


def _panel(frame: pd.DataFrame, width: int) -> Panel:
    """Return a panel with everything about the single question in `frame`."""
    (row,) = prediction_rows(frame)
    (margin,), (is_bound,) = margins(frame)
    style = _HIT if row.hit else _MISS
    facts = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    score = "" if math.isnan(row.score) else f", official score {format_rate(row.score)}"
    lines: list[tuple[str, Text]] = [
        ("question", Text(visible(row.question), style="bold")),
        ("image", Text(visible(row.image_id))),
        ("type", Text(visible(", ".join(filter(None, (row.answer_type, row.question_type)))))),
        ("human answers", Text(_answers_text(row.answers))),
        ("prediction", Text(f"{visible(row.prediction)}  {'hit' if row.hit else 'miss'}", style=style)),
        ("probability", Text(format_rate(row.probability) + score)),
        ("margin", Text(margin_text(margin, is_bound, row.hit))),
        ("loss", Text(loss_text(row.loss) + ("" if math.isnan(row.loss) else " nats"))),
    ]
    for name, text in lines:
        if text.plain:
            facts.add_row(name, text)
    parts: list[RenderableType] = [facts, Text(), _top_bars(row, width)]
    return Panel(Group(*parts), title=Text(f"question {visible(row.question_id)}"), title_align="left", expand=False)


def _top_bars(row: PredictionRow, width: int) -> Table:
    """Return the top answers with a bar for each probability; the right ones are marked."""
    bars = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    bars.add_column(overflow="fold")
    for name in ("probability", "bar", "right"):
        bars.add_column(name, no_wrap=True)
    # What is left beside the panel's frame, the longest answer, the probability and the mark.
    longest = max((len(visible(answer)) for answer, _ in row.top), default=0)
    room = min(_BAR_WIDTH, max(0, width - longest - 25))
    for answer, probability in row.top:
        right = row.is_right(answer)
        bar = _bar(probability, room)
        bars.add_row(
            Text(visible(answer), style=_HIT if right else ""),
            Text(format_rate(probability)),
            Text(bar, style=_HIT if right else "dim"),
            Text("right" if right else "", style=_HIT),
        )
    return bars


def _bar(probability: float, width: int = _BAR_WIDTH) -> str:
    return "█" * int(width * probability + 0.5)


def answer_text(top: Sequence[tuple[str, float]]) -> str:
    """Return the answers to one question, best first, with a bar for each probability.

    >>> print(answer_text([("dark blue", 0.75), ("no", 0.25)]))
    dark blue  0.7500  ███████████████████████
    no         0.2500  ████████
    """
    width = max(len(visible(answer)) for answer, _ in top)
    lines = (
        f"{visible(answer):<{width}}  {format_rate(probability)}  {_bar(probability)}" for answer, probability in top
    )
    return "\n".join(line.rstrip() for line in lines)
