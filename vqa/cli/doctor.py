"""``vqa doctor``."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import device_option, emit, json_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.option("--card", type=click.Path(path_type=Path), help="Take the questions from here; default: the run's own.")
@click.option("--split", default="test", show_default=True)
@json_option
@device_option
@click.pass_context
def command(
    context: click.Context, run_dir: Path, card: Path | None, split: str, json_file: str | None, device: str
) -> None:
    """Examine a run's network, loss and evaluation for mistakes that make an accuracy misleading.

    Exit code 1 when an error is found, 0 when there are warnings at the most.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa doctor runs/easy
    """
    from vqa.doctor.runs import examine_run
    from vqa.evaluation.run import load_run

    run = load_run(run_dir, card=card, device=device)
    findings = examine_run(run, split)
    result = {
        "run": str(run_dir),
        "card": str(run.card),
        "split": split,
        "findings": [vars(finding) for finding in findings],
    }
    text = "\n".join(map(str, findings)) or f"{run_dir}: nothing found in its network, its loss and its evaluation"
    emit(text, result, json_file)
    if any(finding.severity == "error" for finding in findings):
        context.exit(1)
