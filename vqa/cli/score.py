"""``vqa score``: score the answers of any system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vqa.cli._options import emit, json_option, seed_option

if TYPE_CHECKING:
    from vqa.evaluation.system_predictions import SystemPredictions
    from vqa.scoring.answer_sets import AnswerSets
    from vqa.scoring.intervals import ClusterBootstrap

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
@click.argument("predictions", required=False, type=FILE)
@click.option("--data", "card", type=FILE, metavar="CARD", help="Card of the data set that PREDICTIONS answers.")
@click.option("--split", default="test", show_default=True, help="Split of the card that PREDICTIONS answers.")
@click.option("--questions", "-q", type=FILE, help="Official questions file, .json or .json.gz.")
@click.option("--annotations", "-a", type=FILE, help="Official annotations file, .json or .json.gz.")
@click.option("--results", "-r", type=FILE, help="JSON list of {question_id, answer}, .gz read as well.")
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
@click.option(
    "--per-question",
    type=FILE,
    metavar="FILE",
    help="Write what each question scores: .csv, .jsonl or .parquet with --data, JSON {id: percent} otherwise.",
)
@click.option("--html", type=FILE, metavar="FILE", help="Write report and questions as one HTML page (with --data).")
@json_option
@seed_option
def command(
    card: Path | None, questions: Path | None, annotations: Path | None, results: Path | None, **options: Any
) -> None:
    """Score a file of answers from any system: a full report, without MXNet.

    PREDICTIONS is recognised by its content: results in the official JSON, CSV, JSON lines or Parquet with
    question_id and answer or prediction (and probability), LLaVA, GQA, lmms-eval samples, VLMEvalKit tables.

    \b
    Example, from a fresh clone:
      vqa score tests/scoring/files/results.json --data tests/scoring/files/card.toml
      vqa score --questions tests/scoring/files/questions.json --annotations tests/scoring/files/annotations.json \\
          --results tests/scoring/files/results.json --explain 3
    """
    given = {"--questions": questions, "--annotations": annotations, "--results": results}
    if options["predictions"] and card and not any(given.values()):
        _score_with_card(card, **options)
    elif questions and annotations and results and not (options["predictions"] or card):
        _score_official_files(questions, annotations, results, **options)
    else:
        missing = ", ".join(name for name, value in given.items() if not value)
        raise click.UsageError(
            "give PREDICTIONS and --data CARD, or --questions, --annotations and --results"
            + (f" (missing: {missing})" if any(given.values()) and missing else "")
        )


def _score_with_card(card: Path, predictions: Path, split: str, partial: bool, seed: int, **options: Any) -> None:
    from vqa.evaluation.prediction_files import write_predictions
    from vqa.evaluation.system_predictions import read_system_predictions
    from vqa.scoring.calibration import ANOTHER_ANNOTATOR, IN_ANSWER_SET

    event = ANOTHER_ANNOTATOR if options["event"] == "another-annotator" else IN_ANSWER_SET
    system = read_system_predictions(predictions, card, split=split, partial=partial)
    if options["per_question"]:
        write_predictions(system.frame(), options["per_question"], system.provenance())
    if options["html"]:
        from vqa.inspection.gallery import write_gallery
        from vqa.inspection.source import Source

        source = Source(str(predictions), system.frame(), dict(system.provenance()), card=card)
        write_gallery(options["html"], source)
    if options["explained"] is not None:
        _explain(system, options["explained"], _first(options["names"], "any-of"), options["json_file"])
        return
    evaluation = system.report(seed=seed, event=event)
    text = f"{evaluation.to_text()}\n{system.remarks()}\n\n{system.checks()}"
    report = {**evaluation.to_json(), "predictions": system.to_json()}
    by_protocol = _by_protocol(
        options["names"], options["all_protocols"], system.predictions, system.scores.answers, system.bootstrap(seed),
        list(system.questions.question_id), list(system.questions.answer_type),
    )  # fmt: skip
    text += by_protocol[0]
    report.update(by_protocol[1])
    if options["against"]:
        from vqa.scoring.compare import compare

        other = read_system_predictions(options["against"], card, split=split, partial=partial)
        comparison = compare(system.prediction_set(), other.prediction_set(), seed=seed)
        text += f"\n\n{comparison.to_text()}"
        report["comparison"] = comparison.to_json()
    emit(text, report, options["json_file"])


def _explain(system: SystemPredictions, question_id: str, rule: str, json_file: str | None) -> None:
    from vqa.scoring.explanation import explain

    row = _row_of(question_id, list(system.questions.question_id), system.read.path)
    question, answers = system.questions.question[row], system.questions.raw_answers[row]
    explanation = explain(question_id, question, system.predictions[row], answers, rule=rule)
    emit(explanation.to_text(), explanation.to_json(), json_file)


def _row_of(question_id: str, ids: list[str], file: str) -> int:
    from vqa.errors import DataError

    if question_id not in ids:
        raise DataError(f"{file}: no result for a question {question_id!r} (ids look like {', '.join(ids[:3])})")
    return ids.index(question_id)


def _first(names: tuple[str, ...], default: str) -> str:
    return names[0] if names else default


def _by_protocol(
    names: tuple[str, ...],
    all_protocols: bool,
    predictions: list[str],
    answers: AnswerSets,
    bootstrap: ClusterBootstrap,
    question_ids: list[str],
    answer_types: list[str],
) -> tuple[str, dict[str, Any]]:
    """Return the scores under the named protocols, or all, and where the first two differ, as text and JSON."""
    from dataclasses import asdict

    from vqa.scoring.protocol_table import difference, render_difference, render_scores, score_by_protocols
    from vqa.scoring.protocols import PROTOCOLS, answerability, protocol_named

    chosen = [protocol_named(name) for name in names]
    if not chosen and not all_protocols:
        return "", {}
    scores = score_by_protocols(predictions, answers, bootstrap, PROTOCOLS.values() if all_protocols else chosen)
    text = f"\n\n{render_scores(scores)}"
    report: dict[str, Any] = {"protocols": [asdict(score) for score in scores]}
    if len(chosen) > 1:
        found = difference(chosen[0], chosen[1], predictions, answers, question_ids)
        text += f"\n\n{render_difference(found)}"
        report["protocol_difference"] = asdict(found)
    if any(score.protocol == "vizwiz" for score in scores) and "unanswerable" in answer_types:
        found_answerability = answerability(predictions, answer_types)
        text += f"\n\n{found_answerability.to_text()}"
        report["answerability"] = asdict(found_answerability)
    return text, report


def _score_official_files(questions: Path, annotations: Path, results: Path, partial: bool, **options: Any) -> None:
    import gc
    import json
    from concurrent.futures import ThreadPoolExecutor

    from vqa.scoring.official_files import read_official
    from vqa.scoring.official_results import read_results

    # Millions of small records are made, none of them in a circle: looking for circles among them finds nothing.
    gc.set_threshold(100_000)
    with ThreadPoolExecutor(max_workers=1) as pool:
        # Files are unpacked without the interpreter lock: meanwhile NumPy is imported.
        reading = pool.submit(read_official, questions, annotations)
        from vqa.files import replacing
        from vqa.scoring.answer_sets import AnswerSets
        from vqa.scoring.explanation import explain
        from vqa.scoring.intervals import ClusterBootstrap, cluster_names
        from vqa.scoring.results import match_results, score_results
    official = reading.result()
    ids, answers = read_results(results)
    chosen, predictions = match_results(official, ids, answers, partial=partial, where=str(results))
    rule, explained, json_file = _first(options["names"], "vqa-official"), options["explained"], options["json_file"]
    if explained is not None:
        row = _row_of(explained, chosen.question_id, str(results))
        explanation = explain(explained, chosen.question[row], predictions[row], chosen.answers[row], rule=rule)
        emit(explanation.to_text(), explanation.to_json(), json_file)
        return
    score = score_results(chosen, predictions, rule=rule, seed=options["seed"])
    left_out = len(official.question_id) - len(predictions)
    if partial:
        score = score.with_note(f"--partial: {len(predictions):,} questions scored, {left_out:,} without a result")
    if options["per_question"]:
        with replacing(options["per_question"]) as file:
            json.dump(score.per_question(), file, indent=0)
            file.write("\n")
    text: str = ""
    more: dict[str, Any] = {}
    if options["all_protocols"] or len(options["names"]) > 1:
        text, more = _by_protocol(
            options["names"], options["all_protocols"], predictions,
            AnswerSets(chosen.answers, distinct_records=chosen.with_answer_ids),
            ClusterBootstrap(cluster_names(chosen.question_id, chosen.image_id), seed=options["seed"]),
            chosen.question_id, chosen.answer_type,
        )  # fmt: skip
    emit(score.to_text() + text, {**score.to_json(), **more}, json_file)
