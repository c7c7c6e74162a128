"""What ``vqa score`` does in each of its forms, apart from its options."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vqa.cli._options import emit
from vqa.collector import collector_paused

if TYPE_CHECKING:
    from vqa.evaluation.system_predictions import SystemPredictions
    from vqa.scoring.answer_sets import AnswerSets
    from vqa.scoring.intervals import Clusters


@collector_paused()
def score_with_card(card: Path, predictions: Path, split: str, partial: bool, seed: int, **options: Any) -> None:
    """Score a file of answers against a split of a card: the full report."""
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
        options["names"], options["all_protocols"], system.predictions, system.scores.answers, system.clusters(),
        list(system.questions.question_id), list(system.questions.answer_type),
    )  # fmt: skip
    text += by_protocol[0]
    report.update(by_protocol[1])
    if options["against"]:
        from vqa.scoring.compare import compare

        other = read_system_predictions(options["against"], card, split=split, partial=partial)
        comparison = compare(system.prediction_set(), other.prediction_set(), seed=seed, margin=options["margin"])
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
    clusters: Clusters,
    question_ids: list[str],
    answer_types: list[str],
) -> tuple[str, dict[str, Any]]:
    """Return the scores under the named protocols, or all, and where the first two differ, as text and JSON."""
    from dataclasses import asdict

    from vqa.scoring.multiple_choice import option_reading
    from vqa.scoring.protocol_table import difference, render_difference, render_scores, score_by_protocols
    from vqa.scoring.protocols import PROTOCOLS, answerability, protocol_named

    chosen = [protocol_named(name) for name in names]
    if not chosen and not all_protocols:
        return "", {}
    scores = score_by_protocols(predictions, answers, clusters, PROTOCOLS.values() if all_protocols else chosen)
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
    if any(score.protocol == "multiple-choice" and score.score for score in scores):
        reading = option_reading(predictions, answers)
        text += f"\n\n{reading.to_text()}"
        report["option_reading"] = asdict(reading)
    return text, report


@collector_paused()
def score_official_files(questions: Path, annotations: Path, results: Path, partial: bool, **options: Any) -> None:
    """Score the three files of the official evaluation as it does."""
    import json

    from vqa.files import replacing
    from vqa.scoring.answer_sets import AnswerSets
    from vqa.scoring.explanation import explain
    from vqa.scoring.intervals import Clusters, cluster_names
    from vqa.scoring.official_files import read_official
    from vqa.scoring.official_results import read_results
    from vqa.scoring.results import match_results, score_results

    official = read_official(questions, annotations)
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
            Clusters(cluster_names(chosen.question_id, chosen.image_id)),
            chosen.question_id, chosen.answer_type,
        )  # fmt: skip
    emit(score.to_text() + text, {**score.to_json(), **more}, json_file)


def score_gqa_file(
    predictions: Path, questions: Path, choices: Path | None, partial: bool, json_file: str | None
) -> None:
    """Score a file of answers by the files of GQA's own evaluation."""
    from dataclasses import asdict

    from vqa.errors import DataError
    from vqa.scoring.gqa import read_gqa_choices, read_gqa_questions, score_gqa
    from vqa.scoring.prediction_formats import read_system_answers

    read = read_system_answers(predictions)
    if read.question_ids is None:
        raise DataError(f"{predictions}: expected the id of a question in each record, got {read.form} without ids")
    scores = score_gqa(
        read_gqa_questions(questions),
        read.question_ids,
        read.answers,
        choices=None if choices is None else read_gqa_choices(choices),
        partial=partial,
        where=read.path,
    )
    emit(scores.to_text(), asdict(scores), json_file)
