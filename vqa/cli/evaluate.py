"""``vqa evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import device_option, emit, json_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--card", type=click.Path(path_type=Path), help="Evaluate on this data set; default: the run's own.")
@click.option("--split", default="test", show_default=True)
@click.option(
    "--predictions", type=click.Path(path_type=Path), help="Write one row per question: .csv, .jsonl or .parquet."
)
@json_option
@device_option
def command(
    run_dir: Path, card: Path | None, split: str, predictions: Path | None, json_file: str | None, device: str
) -> None:
    """Predict every question of a split once, in predict mode, and report the accuracy.

    \b
    Example, after `vqa train data/easy_vqa_3.toml --run runs/easy`:
      vqa evaluate runs/easy --predictions runs/easy/test.csv
    """
    from vqa.evaluation.prediction_files import format_of, write_predictions
    from vqa.evaluation.run import load_run

    if predictions:
        format_of(predictions)  # a wrong suffix should not cost a pass over the data
    run = load_run(run_dir, card=card, device=device)
    frame, evaluation = run.evaluate(split)
    if predictions:
        write_predictions(frame, predictions, run.provenance(split))
    emit(evaluation.to_text(), evaluation.to_json(), json_file)
