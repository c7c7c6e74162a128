"""How the readers that need more than a path are called with one."""

from __future__ import annotations

import json
from pathlib import Path
from unittest import mock

import binary_seeds

from vqa.data import pixel_cache
from vqa.data.cards import DatasetCard, SplitFiles, load_card
from vqa.data.image_files import ImageFolder
from vqa.data.readers import easy_vqa as easy_vqa_reader
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.export.description import read_description
from vqa.export.golden import decode_golden
from vqa.features.files import FeatureStore
from vqa.features.writing import FeatureWriter
from vqa.scoring.gqa import read_gqa_choices, read_gqa_questions, score_gqa
from vqa.scoring.official_files import read_official
from vqa.scoring.parquet_parts import predictions_source, questions_source
from vqa.scoring.parts_report import score_parts

_EASY_VQA = DatasetCard(Path("card.toml"), "x", "easy-vqa", None, {"train": None}, None)  # type: ignore[dict-item]
_ONE_IMAGE = QuestionTable(["1"], ["a.png"], ["what"], [("a",)], source="x")


def card(path: Path) -> None:
    card = load_card(path)
    for split in card.splits:
        read_split(card, split, max_bad=1.0)


def easy_vqa(path: Path) -> None:
    with mock.patch.object(easy_vqa_reader, "package_folder", return_value=path.parent.parent):
        read_split(_EASY_VQA, "train", max_bad=1.0)


def set_aside(path: Path) -> None:
    files = SplitFiles(questions=path.with_name("questions.json"), annotations=path)
    read_split(DatasetCard(path, "x", "vqa-json", None, {"train": files}, None), "train", max_bad=1.0)


def golden(path: Path) -> None:
    decode_golden(path.read_bytes().decode("latin-1"))


def metadata(path: Path) -> None:
    try:
        metadata = json.loads(path.read_bytes().decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return  # the texts are damaged, not the JSON around them
    if isinstance(metadata, dict) and all(isinstance(value, str) for value in metadata.values()):
        read_description(metadata, path)


def onnx(path: Path) -> None:
    from vqa.export.model import load_model

    load_model(path, threads=1).check_golden()


def features(path: Path) -> None:
    store = FeatureStore(path.with_name("features.npy"), "features")
    store.read(store.image_ids)


def unfinished(path: Path) -> None:
    target = path.with_name("new.npy")
    path.with_name("new.npy.part").write_bytes(binary_seeds.npy())
    with FeatureWriter(target, (4,), "float32", {"encoder": {"name": "x"}}):
        pass


def gqa(path: Path) -> None:
    questions = read_gqa_questions(path.with_name("questions.json"))
    choices = read_gqa_choices(path.with_name("choices.json"))
    score_gqa(questions, list(questions), ["yes"] * len(questions), choices=choices)


def video(path: Path) -> None:
    from vqa.data.video import read_frames

    read_frames(path, 2, (4, 4))


def word_vectors(path: Path) -> None:
    binary_seeds.fill_from(path)


def history(path: Path) -> None:
    from vqa.training.checkpoint import read_history

    read_history(path)


def parts(path: Path) -> None:
    answers, questions = (str(path.with_name(f"{name}.parquet")) for name in ("predictions", "questions"))
    score_parts(predictions_source([answers]), questions_source([questions]), ["any-of"], scratch=path.parent)


def cached(path: Path) -> None:
    """Read what a cache holds as if the images were those that it is of."""
    images = ImageFolder(path.parent / "images")
    with mock.patch.multiple(
        pixel_cache,
        cache_folder=lambda: path.parent,
        _content_key=lambda *_: "key",
        _decode_in_threads=lambda *_: iter([binary_seeds.pixels()]),
    ):
        pixels = pixel_cache.cached_pixels(["a.png"], images, None, _ONE_IMAGE)
        pixels[[0]]


def cached_faults(path: Path) -> None:
    path.with_name("key.npy").unlink(missing_ok=True)
    cached(path)


def official(path: Path) -> None:
    read_official(path.with_name("questions.json"), path.with_name("annotations.json"))
