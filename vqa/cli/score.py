"""``vqa score``: score a results file in the official VQA format."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import emit, json_option, seed_option

FILE = click.Path(path_type=Path)


@click.command()
@click.option("--questions", "-q", required=True, type=FILE, help="Official questions file, .json or .json.gz.")
@click.option("--annotations", "-a", required=True, type=FILE, help="Official annotations file, .json or .json.gz.")
@click.option("--results", "-r", required=True, type=FILE, help="JSON list of {question_id, answer}, .gz read as well.")
@click.option(
    "--rule",
    type=click.Choice(["vqa-official", "vqa-lenient", "any-of"]),
    default="vqa-official",
    show_default=True,
    help="vqa-lenient normalises always and keeps articles-only answers; any-of compares answers as written.",
)
@click.option("--partial", is_flag=True, help="Score the questions that have a result, and say so.")
@click.option("--explain", "explained", metavar="QID", help="Show how the score of this one question comes about.")
@click.option("--per-question", type=FILE, help="Write {question_id: score in percent} as JSON to this file.")
@json_option
@seed_option
def command(
    questions: Path,
    annotations: Path,
    results: Path,
    rule: str,
    partial: bool,
    explained: str | None,
    per_question: Path | None,
    json_file: str | None,
    seed: int,
) -> None:
    """Score a results file against the human answers, as the official VQA evaluator does.

    Percentages with 95 % intervals (bootstrap over images) over all questions and by answer and question type.

    \b
    Example, from a fresh clone:
      vqa score --questions tests/scoring/files/questions.json --annotations tests/scoring/files/annotations.json \\
          --results tests/scoring/files/results.json --explain 3
    """
    import json

    from vqa.errors import DataError
    from vqa.files import replacing
    from vqa.scoring.explanation import explain
    from vqa.scoring.official_files import read_official, read_results
    from vqa.scoring.results import match_results, score_results

    official = read_official(questions, annotations)
    ids, answers = read_results(results)
    chosen, predictions = match_results(official, ids, answers, partial=partial, where=str(results))
    if explained is not None:
        if explained not in chosen.question_id:
            raise DataError(
                f"{results}: no result for a question {explained!r} (ids look like {', '.join(chosen.question_id[:3])})"
            )
        row = chosen.question_id.index(explained)
        explanation = explain(explained, chosen.question[row], predictions[row], chosen.answers[row], rule=rule)
        emit(explanation.to_text(), explanation.to_json(), json_file)
        return
    score = score_results(chosen, predictions, rule=rule, seed=seed)
    left_out = len(official.question_id) - len(predictions)
    if partial:
        score = score.with_note(f"--partial: {len(predictions):,} questions scored, {left_out:,} without a result")
    if per_question:
        with replacing(per_question) as file:
            json.dump(score.per_question(), file, indent=0)
            file.write("\n")
    emit(score.to_text(), score.to_json(), json_file)
