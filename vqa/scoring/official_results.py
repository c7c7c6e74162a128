"""Results files of the official VQA challenge, as .json or .json.gz.

Source: https://visualqa.org/download.html, "Results Format".
"""

from __future__ import annotations

import msgspec

from vqa.errors import DataError
from vqa.scoring.json_decoding import PathLike, decode, read_bytes, type_name
from vqa.scoring.official_files import IdentifiedRecord, parse_record


class _Result(IdentifiedRecord, gc=False):
    answer: str


_RESULT = msgspec.json.Decoder(_Result)
_LIST = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder()


def read_results(path: PathLike) -> tuple[list[str], list[str]]:
    """Read a results file, a JSON list of {"question_id", "answer"}, into question ids and answers as they stand.

    Raises
    ------
    DataError
        The file is damaged or of another form, or an answer is not a string.
    """
    raw = read_bytes(path)
    try:
        records = decode(raw, _LIST, str(path))
    except DataError:
        content = decode(raw, _ANYTHING, str(path))
        raise DataError(f'{path}: expected a list of {{"question_id", "answer"}}, got {type_name(content)}') from None
    ids, answers = [], []
    for number, text in enumerate(records, start=1):
        try:
            record = parse_record(text, _RESULT)
        except DataError as error:
            raise DataError(f"{path}: record {number}: {error}") from None
        ids.append(str(record.question_id))
        answers.append(record.answer)
    return ids, answers
