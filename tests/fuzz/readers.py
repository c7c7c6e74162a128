"""Every reader of files, with a valid file to start from; what may be raised, and what an input may cost."""

from __future__ import annotations

import collections
import csv
import io
import json
import pickle
import random
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from vqa.data.cards import load_card
from vqa.data.image_files import decode_image
from vqa.data.readers import read_split
from vqa.data.vocab import Vocabulary
from vqa.errors import VqaError
from vqa.evaluation.prediction_files import read_predictions, read_provenance
from vqa.evaluation.run_contents import read_run
from vqa.export.description import read_description
from vqa.export.safetensors_file import open_safetensors, pack
from vqa.features.files import FeatureStore, ids_file
from vqa.features.torch_archive import read_torch_archive
from vqa.files import sha256_of_file
from vqa.params_file import open_params
from vqa.scoring.official_files import read_official
from vqa.scoring.official_results import read_results
from vqa.scoring.prediction_formats import read_system_answers
from vqa.training.run_config import read_config
from vqa.training.run_folder import recover
from vqa.training.run_records import read_record

TESTS = Path(__file__).resolve().parent.parent
GOLDEN, OFFICIAL, CORPUS = TESTS / "golden", TESTS / "scoring" / "files", TESTS / "fuzz" / "corpus"
# What readers have tripped over before: numbers at the edges of types, empty and odd texts, brackets, other alphabets.
TOKENS = (
    b"0", b"-1", b"1e999", b"-0.0", b"NaN", b"Infinity", b"null", b"true", b"9223372036854775808", b"4294967296",
    b'"', b"\\", b"\\u0000", b"\\ud800", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\r", b"\n", b",", b"[", b"]", b"{", b"}",
    b"[" * 2000, b"../", b"/dev/zero", b"=cmd", "\u202e".encode(), "é".encode(), b" " * 500, b'"a":1,', b"[]", b'""',
    b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x00\x00\x00\x80",
)  # fmt: skip


class Reader(NamedTuple):
    """A function that reads a file of a name, and a valid file of that name.

    Attributes
    ----------
    name : of the file, in a folder that holds what else is needed
    read : from the path; raises VqaError or OSError where the file is not right
    seed : the valid file
    """

    name: str
    read: Callable[[Path], object]
    seed: bytes


def _card(path: Path) -> None:
    card = load_card(path)
    for split in card.splits:
        read_split(card, split, max_bad=1.0)


def _split_of(form: str, more: str = "") -> Callable[[Path], None]:
    def read(path: Path) -> None:
        card = path.parent / f"{form}-card.toml"
        if not card.exists():
            card.write_text(f'name = "x"\nformat = "{form}"\n{more}[splits.train]\nfile = "{path.name}"\n')
        read_split(load_card(card), "train", max_bad=1.0)

    return read


def _provenance(path: Path) -> None:
    table = path.with_name("table.csv")
    if not table.exists():
        table.write_text("x")
    read_provenance(table)


def _run_json(path: Path) -> None:
    if not (path.parent / "vocab.json").exists():
        for name in ("vocab.json", "best.params"):
            shutil.copy(GOLDEN / "run" / name, path.parent / name)
    read_run(path.parent)


def _features(path: Path) -> None:
    if not ids_file(path).exists():
        ids_file(path).write_text("a\nb\n")
    store = FeatureStore(path, "features")
    store.read(store.image_ids)


def _commit(path: Path) -> None:
    recover(path.parent)


def _seed_of_npy() -> bytes:
    data = io.BytesIO()
    np.save(data, np.arange(8, dtype=np.float32).reshape(2, 4))
    return data.getvalue()


def _questions(path: Path) -> None:
    read_official(path, OFFICIAL / "annotations.json")


def _annotations(path: Path) -> None:
    read_official(OFFICIAL / "questions.json", path)


def _metadata(path: Path) -> None:
    try:
        metadata = json.loads(path.read_bytes().decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return  # the texts are fuzzed, not the JSON around them
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        read_description(metadata, path)


def readers(folder: Path) -> dict[str, Reader]:
    """Return all readers by name.

    Parameters
    ----------
    folder : for files that seeds are made of
    """
    provenance = {"run": "runs/x", "card": "card.toml", "split": "test", "data_hash": "0", "seed": 1}
    (folder / "table.csv").write_text("x")
    provenance["sha256"] = sha256_of_file(folder / "table.csv")
    zjb = b"ZJL1,what is it,dog,cat,cow,what color,red,blue,green" + b",q,a,b,c" * 3 + b"\n"
    table = b'question_id,image_id,question,answer_1,answer_2\n1,a,what is it,dog,"a, b"\n2,b,who,he,she\n'
    system = json.dumps([{"question_id": 1, "answer": "a", "probability": 0.5}, {"question_id": 2, "answer": "b"}])
    return {
        "card": Reader("card.toml", _card, (GOLDEN / "card.toml").read_bytes()),
        "csv questions": Reader("train.csv", _split_of("csv"), table),
        "zjb questions": Reader("train.txt", _split_of("zjb"), zjb),
        "official questions": Reader("questions.json", _questions, (OFFICIAL / "questions.json").read_bytes()),
        "official annotations": Reader("annotations.json", _annotations, (OFFICIAL / "annotations.json").read_bytes()),
        "official results": Reader("results.json", read_results, (OFFICIAL / "results.json").read_bytes()),
        "results of other systems": Reader("system.json", read_system_answers, system.encode()),
        "predictions .jsonl": Reader("table.jsonl", read_predictions, (GOLDEN / "predictions.jsonl").read_bytes()),
        "predictions .csv": Reader("table.csv", read_predictions, _golden_csv()),
        "provenance": Reader("table.csv.meta.json", _provenance, json.dumps(provenance).encode()),
        "run.json": Reader("run.json", _run_json, (GOLDEN / "run" / "run.json").read_bytes()),
        "loop.json": Reader(
            "loop.json",
            lambda path: read_record(path.parent, "loop.json"),
            (GOLDEN / "interrupted" / "loop.json").read_bytes(),
        ),
        "commit.json": Reader("commit.json", _commit, b'{"written": ["run.json"], "removed": ["loop.json"]}'),
        "config.json": Reader("config.json", read_config, (GOLDEN / "run" / "config.json").read_bytes()),
        "vocab.json": Reader(
            "vocab.json",
            lambda path: Vocabulary.from_json(path.read_bytes().decode("utf-8", "replace")),
            (GOLDEN / "run" / "vocab.json").read_bytes(),
        ),
        ".params": Reader("x.params", open_params, (GOLDEN / "run" / "best.params").read_bytes()[-3000:]),
        "safetensors": Reader("x.safetensors", open_safetensors, pack({"a": np.ones((2, 3), np.float32)}, {"k": "v"})),
        "ONNX metadata": Reader("metadata.json", _metadata, b'{"vqa": "{}", "vqa.vocabulary": "{}"}'),
        "features": Reader("features.npy", _features, _seed_of_npy()),
        "torch archive": Reader("x.pth", read_torch_archive, _torch_archive()),
        "image": Reader("x.png", decode_image, (GOLDEN / "images" / "test0.png").read_bytes()),
    }


def _golden_csv() -> bytes:
    rows = [json.loads(line) for line in (GOLDEN / "predictions.jsonl").read_text(encoding="utf-8").splitlines()[:3]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: json.dumps(value) if isinstance(value, list) else value for name, value in row.items()})
    return text.getvalue().encode()


def _torch_archive() -> bytes:
    """Return the beginning of PyTorch's old format: a magic number, the protocol, and sizes of number types."""
    sizes = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    parts = [0x1950A86A20F9469CFC6C, 1001, sizes, collections.OrderedDict(), []]
    return b"".join(pickle.dumps(part, protocol=2) for part in parts)


def mutated(data: bytes, numbers: random.Random) -> bytes:
    """Return a file with one to eight changes: bits, tokens, pieces that go, come twice or change places, an end."""
    for _ in range(numbers.randint(1, 8)):
        place = numbers.randint(0, len(data))
        end = min(len(data), place + numbers.choice((1, 2, 4, 8, 40)))
        how = numbers.randrange(7)
        if how == 0 and place < len(data):
            data = data[:place] + bytes([data[place] ^ 1 << numbers.randrange(8)]) + data[place + 1 :]
        elif how == 1:
            data = data[:place] + numbers.choice(TOKENS) + data[place:]
        elif how == 2:
            data = data[:place] + numbers.choice(TOKENS) + data[end:]
        elif how == 3:
            data = data[:place] + data[end:]
        elif how == 4:
            data = data[:end] + data[place:end] * numbers.choice((1, 1, 50)) + data[end:]
        elif how == 5:
            other = numbers.randint(0, len(data))
            data = data[:other] + data[place:end] + data[other:]
        elif numbers.random() < 0.3:
            data = data[:place]
    return data[:100_000]


def complaint(reader: Reader, path: Path) -> str:
    """Read a file; return what is wrong with how that ends, or nothing."""
    try:
        reader.read(path)
    except (VqaError, OSError) as error:
        return f"more than one line: {error}" if "\n" in str(error) else ""
    except Exception as error:
        inside = [frame for frame in traceback.extract_tb(error.__traceback__) if "/vqa/" in frame.filename]
        place = f"{Path(inside[-1].filename).name}:{inside[-1].lineno}" if inside else ""
        return f"{type(error).__name__} at {place}: {error}"
    return ""


def corpus(name: str) -> Sequence[Path]:
    """Return the files that a reader once tripped over."""
    folder = CORPUS / name.replace(" ", "-").strip(".")
    return sorted(folder.iterdir()) if folder.is_dir() else []


def inputs(reader: Reader, seed: int) -> Iterator[bytes]:
    """Yield mutated files without end; a file that is valid after its mutation may be mutated further."""
    numbers = random.Random(seed)
    pool = [reader.seed]
    while True:
        data = mutated(numbers.choice(pool), numbers)
        if numbers.random() < 0.01:
            pool = [*pool[-50:], data]
        yield data
