"""``vqa ask``: one question about one image of one's own."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import device_option, emit, json_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("question")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Number of answers, best first.")
@json_option
@device_option
def command(run_dir: Path, image: Path, question: str, top: int, json_file: str | None, device: str) -> None:
    """Answer one question about one image; words that the run has never seen are named.

    A run without images takes any IMAGE and does not look at it.

    \b
    Example, after `vqa train data/easy_vqa_3.toml --run runs/easy`:
      vqa ask runs/easy photo.png "what color is the shape?"
    """
    from vqa.evaluation import load_run
    from vqa.inspection.tables import answer_text

    answer = load_run(run_dir, device=device).ask(image, question, top=top)
    if answer.unknown_words:
        words = ", ".join(map(repr, answer.unknown_words))
        click.echo(f"words that {run_dir} has never seen: {words}", err=True)
    emit(answer_text(answer.top), answer.to_json(), json_file)
