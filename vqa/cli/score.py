"""``vqa score``: score the answers of any system."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vqa.cli._options import json_option, margin_option, scheduler_option, seed_option, workers_option

FILE = click.Path(path_type=Path)


def _known(context: click.Context, parameter: click.Parameter, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of protocols, underscores as hyphens; a wrong one is wrong usage."""
    if not names:
        return names
    from vqa.errors import ConfigError
    from vqa.scoring.protocols import protocol_named

    try:
        return tuple(protocol_named(name).name for name in names)
    except ConfigError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("predictions", nargs=-1, type=FILE)
@click.option(
    "--data",
    "card",
    type=FILE,
    metavar="CARD",
    help="Card of the data set that PREDICTIONS answers; for Parquet parts also a Parquet file, or a folder of such.",
)
@click.option("--split", default="test", show_default=True, help="Split of the card that PREDICTIONS answers.")
@click.option("--questions", "-q", type=FILE, help="Official questions file, .json or .json.gz.")
@click.option("--annotations", "-a", type=FILE, help="Official annotations file, .json or .json.gz.")
@click.option("--results", "-r", type=FILE, help="JSON list of {question_id, answer}, .gz read as well.")
@click.option("--gqa-questions", type=FILE, help="GQA's own questions file: prints the scores of its evaluation.")
@click.option("--gqa-choices", type=FILE, help="GQA's choices file, for validity and plausibility.")
@click.option(
    "--protocol",
    "--rule",
    "names",
    metavar="NAME",
    multiple=True,
    callback=_known,
    help="Scoring rule [default: vqa-official with the official files, else any-of]; twice shows where two differ.",
)
@click.option("--all-protocols", is_flag=True, help="One line per protocol that these questions can be scored by.")
@click.option(
    "--event",
    type=click.Choice(["another-annotator", "in-answer-set"]),
    default="in-answer-set",
    show_default=True,
    help="What the file's probabilities are probabilities of.",
)
@click.option("--partial", is_flag=True, help="Score the questions that have an answer, and say so.")
@click.option("--explain", "explained", metavar="QID", help="Show how the score of this one question comes about.")
@click.option(
    "--against", type=FILE, metavar="OTHER", help="Compare with the answers in this file, question by question."
)
@margin_option
@click.option(
    "--per-question",
    type=FILE,
    metavar="FILE",
    help="Write what each question scores: .csv, .jsonl or .parquet with --data, JSON {id: percent} otherwise.",
)
@click.option("--html", type=FILE, metavar="FILE", help="Write report and questions as one HTML page (with --data).")
@workers_option
@scheduler_option
@click.option(
    "--scratch", type=FILE, metavar="FOLDER", help="Parquet parts: for intermediate files; all workers must see it."
)
@json_option
@seed_option
def command(
    card: Path | None, questions: Path | None, annotations: Path | None, results: Path | None, **options: Any
) -> None:
    """Score a file of answers from any system: a full report, without MXNet.

    PREDICTIONS is recognised by its content: results in the official JSON, CSV, JSON lines or Parquet with
    question_id and answer or prediction (and probability), LLaVA, GQA, lmms-eval samples, VLMEvalKit tables.

    Several files, or a folder, are Parquet parts: any number of predictions, in bounded memory.

    \b
    Example, from a fresh clone:
      vqa score tests/scoring/files/results.json --data tests/scoring/files/card.toml
      vqa score --questions tests/scoring/files/questions.json --annotations tests/scoring/files/annotations.json \\
          --results tests/scoring/files/results.json --explain 3
    """
    from vqa.cli._scoring import score_gqa_file, score_official_files, score_with_card

    if options["margin"] and not options["against"]:
        raise click.UsageError("--margin belongs to a comparison: give --against OTHER as well")
    given = {"--questions": questions, "--annotations": annotations, "--results": results}
    predictions = options.pop("predictions")
    if _in_parts(predictions, card, options):
        from vqa.cli._scoring_parts import score_parquet_parts

        if card is None or any(given.values()):
            raise click.UsageError("give Parquet parts and --data CARD, or --data with Parquet files of questions")
        names = ("split", "names", "partial", "workers", "scheduler", "scratch", "json_file")
        score_parquet_parts(predictions, card, **_only(options, "Parquet parts", *names))
        return
    options.pop("workers"), options.pop("scheduler")
    if options.pop("scratch"):
        raise click.UsageError("--scratch is for Parquet parts")
    gqa_questions, gqa_choices = options.pop("gqa_questions"), options.pop("gqa_choices")
    if gqa_choices and not gqa_questions:
        raise click.UsageError("--gqa-choices needs --gqa-questions")
    if gqa_questions and predictions and not (card or any(given.values())):
        taken = _only(options, "--gqa-questions", "partial", "json_file")
        score_gqa_file(predictions[0], gqa_questions, gqa_choices, **taken)
    elif predictions and card and not any(given.values()):
        score_with_card(card, predictions[0], **options)
    elif questions and annotations and results and not (predictions or card):
        score_official_files(questions, annotations, results, **options)
    else:
        missing = ", ".join(name for name, value in given.items() if not value)
        raise click.UsageError(
            "give PREDICTIONS and --data CARD, or --questions, --annotations and --results"
            + (f" (missing: {missing})" if any(given.values()) and missing else "")
        )


def _in_parts(predictions: tuple[Path, ...], data: Path | None, options: dict[str, Any]) -> bool:
    """Return whether the predictions are Parquet parts, which are scored in one pass instead of in memory."""
    if len(predictions) > 1 or options["workers"] or options["scheduler"] or any(map(Path.is_dir, predictions)):
        return True
    return data is not None and (data.is_dir() or data.suffix == ".parquet")


def _only(options: dict[str, Any], form: str, *names: str) -> dict[str, Any]:
    """Return the options of these names; another that was given does not go with this form, which is wrong usage."""
    context = click.get_current_context()
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in options and name not in names and source is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{parameter.opts[0]} does not go with {form}")
    return {name: options[name] for name in names}
