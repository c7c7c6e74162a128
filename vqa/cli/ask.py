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
@click.option(
    "--attention", type=click.Path(path_type=Path), help="Write the image with the places warm that it looked at."
)
@json_option
@device_option
def command(
    run_dir: Path, image: Path, question: str, top: int, attention: Path | None, json_file: str | None, device: str
) -> None:
    """Answer one question about one image; words that the run has never seen are named.

    A run without images takes any IMAGE and does not look at it.

    \b
    Example, after `vqa train data/easy_vqa_3.toml --run runs/easy`:
      vqa ask runs/easy photo.png "what color is the shape?"
    """
    from vqa.evaluation.run import load_run
    from vqa.inspection.overlay import check_image_suffix
    from vqa.inspection.terminal import answer_text

    if attention:
        check_image_suffix(attention)
    run = load_run(run_dir, device=device)
    answer = run.ask(image, question, top=top)
    if attention:
        from vqa.cli._attention import save_attention

        save_attention(run, image, question, attention)
    if answer.unknown_words:
        words = ", ".join(map(repr, answer.unknown_words))
        click.echo(f"words that {run_dir} has never seen: {words}", err=True)
    emit(answer_text(answer.top), answer.to_json(), json_file)
