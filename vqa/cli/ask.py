"""``vqa ask``: one question about one image of the user's."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import device_option, emit, engine_option, json_option


@click.command()
@click.argument("run_dir", metavar="RUN-or-FILE.onnx", type=click.Path(path_type=Path))
@click.argument("image", type=click.Path(path_type=Path))
@click.argument("question")
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Number of answers, best first.")
@click.option("--attention", type=click.Path(path_type=Path), help="Write the image, warm where the network looked.")
@click.option("--card", type=click.Path(path_type=Path), help="Card of the data set; by default the recorded one.")
@json_option
@engine_option
@device_option
def command(
    run_dir: Path,
    image: Path,
    question: str,
    top: int,
    attention: Path | None,
    card: Path | None,
    json_file: str | None,
    engine: str | None,
    device: str,
) -> None:
    """Answer one question about one image; words of the question that the run has never seen are named.

    A file that `vqa export` wrote answers without MXNet.

    A run without images takes any IMAGE and does not look at it.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa ask runs/easy photo.png "what color is the shape?"
    """
    from vqa.export.opening import open_trained
    from vqa.inspection.terminal import answer_text

    if attention:
        from vqa.inspection.overlay import check_image_suffix

        check_image_suffix(attention)
    run = open_trained(run_dir, card=card, device=device, engine=engine)
    answer = run.ask(image, question, top=top)
    if attention:
        from vqa.cli._attention import save_attention

        save_attention(run, image, question, attention)
    if answer.unknown_words:
        words = ", ".join(map(repr, answer.unknown_words))
        click.echo(f"words that {run_dir} has never seen: {words}", err=True)
    emit(answer_text(answer.top), answer.to_json(), json_file)
