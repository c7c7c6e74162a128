"""``vqa evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vqa.cli._options import device_option, emit, engine_option, json_option, scheduler_option, workers_option


@click.command()
@click.argument("run_dir", metavar="RUN-or-FILE.onnx", type=click.Path(path_type=Path))
@click.option(
    "--card",
    "--data",
    "card",
    type=click.Path(path_type=Path),
    help="Evaluate on this data set; default: the run's own.",
)
@click.option("--split", default="test", show_default=True)
@click.option(
    "--predictions", type=click.Path(path_type=Path), help="Write one row per question: .csv, .jsonl or .parquet."
)
@json_option
@engine_option
@workers_option
@scheduler_option
@device_option
def command(
    run_dir: Path,
    card: Path | None,
    split: str,
    predictions: Path | None,
    json_file: str | None,
    engine: str | None,
    workers: int | None,
    scheduler: str | None,
    device: str,
) -> None:
    """Predict every question of a split once, in predict mode, and report the accuracy.

    A file that `vqa export` wrote is evaluated without MXNet; --engine onnx computes a run by onnxruntime as well.
    A folder that `vqa train --seeds` wrote is one system: mean and spread over its seeds.

    With --workers or --scheduler other processes predict, and the predictions are the same.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa evaluate runs/easy --predictions runs/easy/test.csv
    """
    from vqa._mxnet_import import threads_of_operators
    from vqa.cluster import dask_cluster
    from vqa.evaluation.in_pieces import predict_on
    from vqa.evaluation.prediction_files import format_of, write_predictions
    from vqa.export.opening import open_seeds, open_trained

    options: dict[str, Any] = {"card": card, "device": device, "engine": engine}
    runs = open_seeds(run_dir, **options)
    if predictions:
        if runs:
            raise click.UsageError(f"--predictions takes one run, such as {runs[0].path}")
        format_of(predictions)  # a wrong suffix should not cost a pass over the data
    # The last digits of some networks depend on the number of threads: the workers take this process's.
    with dask_cluster(workers, scheduler, threads_of_operators()) as cluster:
        models = runs or [open_trained(run_dir, **options)]
        if cluster is not None:
            for model in models:
                predict_on(cluster, model, open_trained, **options)
        if runs:
            from vqa.evaluation.seed_runs import evaluate_seeds

            system = evaluate_seeds(str(run_dir), runs, split)
            emit(system.to_text(), system.to_json(), json_file)
            return
        frame, evaluation = models[0].evaluate(split)
    if predictions:
        write_predictions(frame, predictions, models[0].provenance(split))
    emit(evaluation.to_text(), evaluation.to_json(), json_file)
