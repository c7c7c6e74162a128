"""The questions of a card's split as a Parquet file, for predictions in Parquet parts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from vqa.data.cards import load_card
from vqa.data.readers import read_split
from vqa.files import replacing


def write_questions(card: str | Path, split: str, path: str | Path) -> bool:
    """Write ids, images, answer types and answers as written; return whether answers are compared normalized.

    Raises
    ------
    ConfigError
        The card is wrong or has no such split.
    DataError
        The data cannot be read.
    """
    table = read_split(load_card(card, images=False), split)
    columns = {
        "question_id": pa.array(table.question_id, pa.string()),
        "image_id": pa.array(table.image_id, pa.string()),
        "answer_type": pa.array(table.answer_type, pa.string()),
        "answers": pa.array(list(map(list, table.raw_answers)), pa.list_(pa.string())),
    }
    with replacing(Path(path), "wb") as file:
        pq.write_table(pa.table(columns), file)
    return table.normalized
