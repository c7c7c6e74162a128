"""Every reader of files by name, with a valid file to start from and what is known of its format."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Union

import binary_seeds
import reading
import seeds
from formats import GZIP, NPY, PARQUET, PNG, PROTOBUF, SAFETENSORS, ZIP
from mutations import TEXT, Format
from seeds import GOLDEN, OFFICIAL

from vqa.data import pixel_cache
from vqa.data.cards import DatasetCard, load_card
from vqa.data.image_files import MAX_PIXELS, decode_image
from vqa.data.readers import read_split
from vqa.data.vocab import Vocabulary
from vqa.demo.uploads import decode_upload
from vqa.evaluation.prediction_files import read_predictions, read_provenance
from vqa.evaluation.run_contents import read_run
from vqa.export.run_description import read_settings
from vqa.export.safetensors_file import open_safetensors
from vqa.features.torch_archive import read_torch_archive
from vqa.params_file import open_params
from vqa.scoring.official_files import read_majority_answers
from vqa.scoring.official_results import read_results
from vqa.scoring.prediction_formats import read_system_answers
from vqa.training.run_config import read_config
from vqa.training.run_folder import recover
from vqa.training.run_records import read_record

CORPUS = Path(__file__).resolve().parent / "corpus"
# Pillow's image of at most four channels, ours, and two that are converted from one to the other.
LARGE_IMAGE = 16 * MAX_PIXELS
Read = Callable[[Path], object]
Seed = Union[bytes, Callable[[], bytes]]


class Reader:
    """A function that reads a file of a name, and a valid file of that name.

    Attributes
    ----------
    name : of the file, in a folder that holds what else is needed
    read : from the path; raises VqaError or OSError where the file is not right
    seed : the valid file
    form : how the file is taken apart
    beside : files that are beside it, by name
    unpacked : bytes that a small valid file may take in memory
    """

    def __init__(
        self,
        name: str,
        read: Read,
        seed: Seed,
        form: Format = TEXT,
        beside: dict[str, Seed] | None = None,
        unpacked: int = 0,
    ) -> None:
        self.name, self.read, self.form, self.beside = name, read, form, beside or {}
        self.unpacked = unpacked
        self._seed = seed

    @property
    def seed(self) -> bytes:
        return _content(self._seed)

    def prepare(self, folder: Path) -> Path:
        """Write what is beside the file, and return where the file goes."""
        for name, content in self.beside.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(_content(content))
        path = folder / self.name
        path.parent.mkdir(exist_ok=True)
        return path


def _content(seed: Seed) -> bytes:
    return seed if isinstance(seed, bytes) else seed()


def _split(name: str, form: str, seed: bytes, more: str = "", container: Format = TEXT) -> Reader:
    """Return the reader of a file of questions; its card is read once for each folder."""
    cards: dict[Path, DatasetCard] = {}
    text = f'name = "x"\nformat = "{form}"\n[splits.train]\nfile = "{name}"\n{more}'

    def read(path: Path) -> None:
        if path.parent not in cards:
            cards[path.parent] = load_card(path.with_name("card.toml"))
        read_split(cards[path.parent], "train", max_bad=1.0)

    return Reader(name, read, seed, container, {"card.toml": text.encode("utf-8")})


_IMAGE = {"images/a.png": (GOLDEN / "images" / "test0.png").read_bytes()}
_NPY_IDS = {"features.ids.txt": b"a\nb\n"}
_QUESTIONS = (OFFICIAL / "questions.json").read_bytes()
_ANNOTATIONS = seeds.annotations()
_GQA = {f"{name}.json": (OFFICIAL / f"gqa_{name}.json").read_bytes() for name in ("questions", "choices")}
_RUN = {name: (GOLDEN / "run" / name).read_bytes() for name in ("vocab.json", "best.params")}

READERS = {
    "card": Reader("card.toml", reading.card, (GOLDEN / "card.toml").read_bytes(), beside=seeds.golden_files()),
    "card of a table": Reader("card.toml", reading.card, seeds.TABLE_CARD, beside={"train.csv": seeds.TABLE}),
    "csv questions": _split("train.csv", "csv", seeds.TABLE),
    "csv questions .gz": _split("train.csv", "csv", binary_seeds.gzipped(seeds.TABLE), container=GZIP),
    "csv with options": _split("train.csv", "csv", seeds.OPTIONS, seeds.OPTION_COLUMNS),
    "zjb questions": _split("train.txt", "zjb", seeds.ZJB),
    "json questions": _split("train.json", "json", seeds.RECORDS),
    "jsonl questions": _split("train.jsonl", "jsonl", seeds.RECORD_LINES),
    "A-OKVQA questions": _split("train.json", "json", seeds.AOKVQA, seeds.AOKVQA_COLUMNS),
    "DAQUAR questions": _split("train.txt", "daquar", seeds.DAQUAR, "[daquar]\nanswer_sets = true\n"),
    "easy-VQA questions": Reader(
        "train/questions.json", reading.easy_vqa, b'[["what is it?", "circle", 0], ["a?", "b", 1]]'
    ),
    "official questions": Reader(
        "questions.json", reading.official, _QUESTIONS, beside={"annotations.json": _ANNOTATIONS}
    ),
    "official questions .gz": Reader(
        "questions.json", reading.official, binary_seeds.gzipped(_QUESTIONS), GZIP, {"annotations.json": _ANNOTATIONS}
    ),
    "official annotations": Reader(
        "annotations.json", reading.official, _ANNOTATIONS, beside={"questions.json": _QUESTIONS}
    ),
    "official records set aside": Reader(
        "annotations.json", reading.set_aside, _ANNOTATIONS, beside={"questions.json": _QUESTIONS}
    ),
    "official majority answers": Reader("annotations.json", read_majority_answers, _ANNOTATIONS),
    "official results": Reader("results.json", read_results, (OFFICIAL / "results.json").read_bytes()),
    "GQA questions": Reader("questions.json", reading.gqa, seeds.first_keys(_GQA["questions.json"]), beside=_GQA),
    "GQA choices": Reader("choices.json", reading.gqa, seeds.first_keys(_GQA["choices.json"]), beside=_GQA),
    "answers .json": Reader("system.json", read_system_answers, seeds.ANSWERS),
    "answers .csv": Reader("system.csv", read_system_answers, seeds.ANSWER_TABLE),
    "answers of lmms-eval": Reader("system.jsonl", read_system_answers, seeds.LMMS_EVAL),
    "answers of VLMEvalKit": Reader("system.xlsx", read_system_answers, binary_seeds.excel, ZIP),
    "answers .parquet": Reader("system.parquet", read_system_answers, binary_seeds.answers_parquet, PARQUET),
    "predictions .jsonl": Reader("table.jsonl", read_predictions, seeds.predictions()),
    "predictions .csv": Reader("table.csv", read_predictions, seeds.predictions_csv()),
    "predictions .parquet": Reader("table.parquet", read_predictions, binary_seeds.predictions_parquet, PARQUET),
    "parts, predictions": Reader(
        "predictions.parquet",
        reading.parts,
        binary_seeds.answers_parquet,
        PARQUET,
        {"questions.parquet": binary_seeds.questions_parquet},
    ),
    "parts, questions": Reader(
        "questions.parquet",
        reading.parts,
        binary_seeds.questions_parquet,
        PARQUET,
        {"predictions.parquet": binary_seeds.answers_parquet},
    ),
    "provenance": Reader(
        "table.csv.meta.json",
        lambda path: read_provenance(path.with_name("table.csv")),
        seeds.PROVENANCE,
        beside={"table.csv": b"x"},
    ),
    "run.json": Reader(
        "run.json", lambda path: read_run(path.parent), (GOLDEN / "run" / "run.json").read_bytes(), beside=_RUN
    ),
    "loop.json": Reader(
        "loop.json",
        lambda path: read_record(path.parent, "loop.json"),
        (GOLDEN / "interrupted" / "loop.json").read_bytes(),
    ),
    "commit.json": Reader(
        "commit.json",
        lambda path: recover(path.parent),
        b'{"written": ["run.json"], "removed": ["loop.json"]}',
    ),
    "config.json": Reader("config.json", read_config, (GOLDEN / "run" / "config.json").read_bytes()),
    "vocab.json": Reader(
        "vocab.json",
        lambda path: Vocabulary.from_json(path.read_bytes().decode("utf-8", "replace")),
        _RUN["vocab.json"],
    ),
    "history.csv": Reader("history.csv", reading.history, (GOLDEN / "interrupted" / "history.csv").read_bytes()),
    ".params": Reader("x.params", open_params, binary_seeds.params),
    "safetensors": Reader("x.safetensors", open_safetensors, binary_seeds.safetensors(), SAFETENSORS),
    "torch archive": Reader("x.pth", read_torch_archive, binary_seeds.TORCH_ARCHIVE),
    "ONNX metadata": Reader("metadata.json", reading.metadata, binary_seeds.metadata, binary_seeds.METADATA),
    "ONNX file": Reader("model.onnx", reading.onnx, binary_seeds.onnx_file, PROTOBUF),
    "golden outputs": Reader("golden.txt", reading.golden, binary_seeds.golden, binary_seeds.BASE64),
    "features": Reader("features.npy", reading.features, binary_seeds.npy(), NPY, _NPY_IDS),
    "features ids": Reader(
        "features.ids.txt", reading.features, b"a\nb\n", beside={"features.npy": binary_seeds.npy()}
    ),
    "features settings": Reader(
        "features.json", lambda path: read_settings(path.with_name("features.npy")), seeds.FEATURES_SETTINGS
    ),
    "features unfinished": Reader("new.npy.progress", reading.unfinished, seeds.UNFINISHED),
    "pixel cache": Reader("key.npy", reading.cached, binary_seeds.cached_pixels(), NPY, _IMAGE),
    "pixel cache faults": Reader(
        pixel_cache._faults_file(Path("key.npy")).name, reading.cached_faults, b"{}", beside=_IMAGE
    ),
    "word vectors": Reader("vectors.txt", reading.word_vectors, b"what 0.1 0.2\nis 1 2\nit -1e-3 4\n"),
    "video .mp4": Reader("x.mp4", reading.video, partial(binary_seeds.video, "mp4")),
    "video .mkv": Reader("x.mkv", reading.video, partial(binary_seeds.video, "matroska")),
    "video .avi": Reader("x.avi", reading.video, partial(binary_seeds.video, "avi")),
    "image .png": Reader("x.png", decode_image, _IMAGE["images/a.png"], PNG, unpacked=LARGE_IMAGE),
    **{
        f"image {suffix}": Reader(f"x{suffix}", decode_image, partial(binary_seeds.image, kind), unpacked=LARGE_IMAGE)
        for suffix, kind in ((".jpg", "JPEG"), (".gif", "GIF"), (".tif", "TIFF"), (".webp", "WEBP"), (".bmp", "BMP"))
    },
    "upload": Reader("x.png", lambda path: decode_upload(path.read_bytes()), _IMAGE["images/a.png"], PNG),
}


def corpus(name: str) -> Sequence[Path]:
    """Return the files that a reader once tripped over."""
    folder = CORPUS / folder_name(name)
    return sorted(folder.iterdir()) if folder.is_dir() else []


def folder_name(name: str) -> str:
    """Return the name of a reader as the name of a folder."""
    return name.replace(",", "").replace(" ", "-").strip(".")
