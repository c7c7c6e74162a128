"""What ``vqa score`` does with predictions in Parquet parts."""

from __future__ import annotations

import tempfile
from pathlib import Path

from vqa.cli._options import emit


def score_parquet_parts(
    predictions: tuple[Path, ...],
    data: Path,
    *,
    split: str,
    names: tuple[str, ...],
    partial: bool,
    workers: int | None,
    scheduler: str | None,
    scratch: Path | None,
    json_file: str | None,
) -> None:
    """Score predictions in Parquet files against a card, or against Parquet files of questions."""
    from vqa.errors import ConfigError
    from vqa.scoring.parquet_parts import is_parquet, parquet_files, predictions_source, questions_source
    from vqa.scoring.parts_report import DEFAULT_PROTOCOLS, score_parts
    from vqa.scoring.protocols import PROTOCOLS

    unfit = [name for name in names if PROTOCOLS[name].needs_options]
    if unfit:
        raise ConfigError(f"protocol {unfit[0]!r} needs the options of each question, which Parquet parts do not have")
    answers = predictions_source(parquet_files(predictions))
    with tempfile.TemporaryDirectory(prefix="vqa-questions-", dir=scratch) as folder:
        normalized = False
        if is_parquet(data):
            files = parquet_files([data])
        else:
            from vqa.evaluation.question_parts import write_questions

            files = [str(Path(folder) / "questions.parquet")]
            normalized = write_questions(data, split, files[0])
        report = score_parts(
            answers,
            questions_source(files),
            names or DEFAULT_PROTOCOLS,
            normalized=normalized,
            partial=partial,
            workers=workers,
            scheduler=scheduler,
            scratch=scratch,
        )
    emit(report.to_text(), report.to_json(), json_file)
