"""Small valid files of text, one per format."""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent
GOLDEN, OFFICIAL = TESTS / "golden", TESTS / "scoring" / "files"

TABLE = b'question_id,image_id,question,answer_1,answer_2\n1,a,what is it,dog,"a, b"\n2,b,who,he,she\n'
TABLE_CARD = b"""name = "x"
format = "csv"
annotators = 3
answers = "normalized"
[csv]
separator = ","
quote = '"'
escape = "^"
encoding = "cp1252"
[columns]
question = "question"
question_id = "question_id"
answers = ["answer_1"]
answer_separator = ";"
[splits.train]
file = "train.csv"
where = { image_id = ["a", "b"] }
image_name = "{image_id:0>12}.jpg"
"""
OPTIONS = b"id,question,A,B,C,right\n1,what is it,dog,cat,cow,B\n2,who,he,she,,A\n3,which,x,y,z,C\n"
OPTION_COLUMNS = (
    '[columns]\nquestion_id = "id"\noptions = ["A", "B", "C"]\ncorrect_option = "right"\nfirst_option = 1\n'
)
AOKVQA = json.dumps(
    [
        {
            "question_id": f"2{number}MexPb", "image_id": 20 + number, "question": "what is it",
            "choices": ["a", "b", "c"], "correct_choice_idx": number, "direct_answers": ["a", "b", "b"],
        }
        for number in range(3)
    ]
).encode()  # fmt: skip
AOKVQA_COLUMNS = '[columns]\noptions = "choices"\ncorrect_option = "correct_choice_idx"\nfirst_option = 0\n'
ZJB = b"ZJL1,what is it,dog,cat,cow,what color,red,blue,green" + b",q,a,b,c" * 3 + b"\n"
DAQUAR = b"what is on the desk in the image3 ?\nbook, scissor\nhow many chairs are in image12 ?\n4\n"
_RECORDS = [
    {
        "question_id": 1,
        "image_id": "a.jpg",
        "question": "what is it",
        "answers": [{"answer": "dog"}, {"answer": "cat"}],
    },
    {"question_id": 2, "image_id": "b.jpg", "question": "who", "answers": ["he", "she"], "answer_type": "other"},
]
RECORDS = json.dumps({"data": _RECORDS}).encode()
RECORD_LINES = "\n".join(map(json.dumps, _RECORDS)).encode()
ANSWERS = json.dumps(
    [{"question_id": 1, "answer": "a", "probability": 0.5}, {"question_id": 2, "answer": "b"}]
).encode()
ANSWER_TABLE = b'question_id,prediction,probability,question\n1,"a, or\nb",0.5,what\n2,c,,who\n'
LMMS_EVAL = b"\n".join(
    json.dumps(
        {
            "doc_id": number, "input": f"<image>what is it {number}", "filtered_resps": ["a"], "target": "a",
            "doc": {"question_id": number}, "submission": {"question_id": number, "answer": "a"},
        }
    ).encode()
    for number in range(2)
)  # fmt: skip
FEATURES_SETTINGS = json.dumps(
    {"encoder": {"name": "gray", "size": 32}, "frames": None, "shape": [4], "dtype": "float32"}
).encode()
UNFINISHED = b'{"encoder": {"name": "x"}, "shape": [4], "dtype": "float32"}\na\nb\n'
_ORIGIN = {"run": "runs/x", "card": "card.toml", "split": "test", "data_hash": "0", "seed": 1}
PROVENANCE = json.dumps({**_ORIGIN, "sha256": hashlib.sha256(b"x").hexdigest()}).encode()


def golden_files() -> dict[str, bytes]:
    """Return what is beside the golden card, with few questions."""
    files = {name: b"".join((GOLDEN / name).read_bytes().splitlines(True)[:3]) for name in ("train.csv", "test.csv")}
    return {**files, "images/a.png": b""}


def annotations() -> bytes:
    """Return official annotations with few answers."""
    content = json.loads((OFFICIAL / "annotations.json").read_bytes())
    for annotation in content["annotations"]:
        del annotation["answers"][2:]
    return json.dumps(content).encode()


def first_keys(data: bytes) -> bytes:
    """Return a JSON object with its first three members alone."""
    return json.dumps(dict(itertools.islice(json.loads(data).items(), 3))).encode()


def predictions() -> bytes:
    """Return a predictions table of two rows as JSON lines."""
    return b"".join((GOLDEN / "predictions.jsonl").read_bytes().splitlines(True)[:2])


def predictions_csv() -> bytes:
    """Return a predictions table of two rows as CSV."""
    rows = [json.loads(line) for line in predictions().splitlines()]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()})
    return text.getvalue().encode()
