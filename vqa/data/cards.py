"""Dataset card: a TOML file that says where a data set's questions, answers and images are."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter
from typing import Any

from vqa.data.columns import Columns, read_columns
from vqa.data.included_cards import find_card
from vqa.data.options import EXACT, NORMALIZED
from vqa.data.toml_values import Table, check_keys, choice, existing, flag, is_whole, read_toml, sub_table, text
from vqa.errors import ConfigError, did_you_mean

CARD_KEYS = ("name", "format", "answers", "annotators", "wups", "columns", "csv", "daquar", "splits", "images")
# By format: the keys that a split must have, and those that it may have.
SPLIT_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "easy-vqa": ((), ()),
    "csv": (("file",), ("where", "image_name")),
    "json": (("file",), ("where", "image_name")),
    "jsonl": (("file",), ("where", "image_name")),
    "zjb": (("file",), ()),
    "daquar": (("file",), ()),
    "vqa-json": (("questions", "annotations"), ("image_name",)),
}
FORMATS_WITH_COLUMNS = ("csv", "json", "jsonl")
DAQUAR_KEYS = ("single_word_answers", "answer_sets")
CSV_KEYS = ("separator", "quote", "escape", "encoding")
IMAGE_KEYS: dict[str, tuple[str, ...]] = {
    "pixels": ("kind", "path", "size", "follow_symlinks"),
    "features": ("kind", "path", "originals", "follow_symlinks"),
    "regions": ("kind", "path", "originals", "follow_symlinks"),
    "frames": ("kind", "path", "frames", "size", "originals", "follow_symlinks"),
}
MAX_ANNOTATORS = 10
PADDING = re.compile(r"(.?[<>^])?0?\d{0,3}s?")
EASY_VQA_SPLITS = ("train", "test")


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split; the format decides which of them are set.

    Attributes
    ----------
    file : questions and answers together (all formats but vqa-json)
    questions, annotations : the two official files (vqa-json)
    image_name : pattern of the image names, such as ``"train2014/COCO_train2014_{image_id:0>12}.jpg"``
    where : values of some columns; the split takes the records that have one of them in each
    """

    file: Path | None = None
    questions: Path | None = None
    annotations: Path | None = None
    image_name: str = "{image_id}"
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class CsvDialect:
    """How a CSV file is written.

    Attributes
    ----------
    separator : one character; None: found, among comma, semicolon, tab and vertical bar
    quote : one character; "" where the file has no quotes
    escape : one character that takes the meaning from the next one; None where there is none
    encoding : of the text
    """

    separator: str | None = None
    quote: str = '"'
    escape: str | None = None
    encoding: str = "utf-8"


@dataclass(frozen=True)
class DaquarOptions:
    """What is taken of DAQUAR's answers, some of which are lists such as "book, scissor".

    Attributes
    ----------
    single_word_answers : leave out the questions whose answers are lists
    answer_sets : make each part of a list an answer of its own
    """

    single_word_answers: bool = False
    answer_sets: bool = False


@dataclass(frozen=True)
class ImageCard:
    """Where the images are.

    Attributes
    ----------
    kind : "pixels", "features", "regions" or "frames"
    path : folder of image or video files, or a features file; None for the images of an installed package
    size : height and width in pixels to which images are scaled; None: all images must have the same size
    frames : number of frames taken from each video of a folder; None for the default
    originals : folder of the photographs or videos that the features were extracted from; None where it is not named
    follow_symlinks : whether symbolic links may lead out of the folders
    """

    kind: str
    path: Path | None
    size: tuple[int, int] | None = None
    frames: int | None = None
    originals: Path | None = None
    follow_symlinks: bool = False


@dataclass(frozen=True)
class DatasetCard:
    """A checked dataset card; every file that it names existed when the card was read.

    Attributes
    ----------
    path : the card itself
    format : "easy-vqa", "csv", "json", "jsonl", "zjb", "daquar" or "vqa-json"
    annotators : number of simulated annotators, or None for the answers as published
    splits : files by the split's name
    images : None where the data set is question-only
    answers : how answers are compared and trained, "exact" (as written) or "normalized"; None where the card does
        not say it, which means exact
    wups : whether reports have WUPS
    columns : which column, or key, holds what (csv, json, jsonl)
    csv : how the file is written (csv)
    daquar : what is taken of the answers (daquar)
    """

    path: Path
    name: str
    format: str
    annotators: int | None
    splits: dict[str, SplitFiles]
    images: ImageCard | None
    answers: str | None = None
    wups: bool = False
    columns: Columns = field(default_factory=Columns)
    csv: CsvDialect = field(default_factory=CsvDialect)
    daquar: DaquarOptions = field(default_factory=DaquarOptions)


def load_card(path: str | Path, *, images: bool = True) -> DatasetCard:
    """Read and check a dataset card, by its file or by the name of an included one; paths are relative to the card.

    Parameters
    ----------
    images : without them the card is read as one without images, whether those are there or not

    Raises
    ------
    ConfigError
        The card is missing or not TOML, a key is unknown or missing, a value has the wrong type, or a file that
        the card names is missing.
    """
    path = find_card(path)
    if path.is_dir() or path.suffix != ".toml":
        raise ConfigError(f"expected a dataset card, a .toml file such as data/easy_vqa.toml, got {path}")
    content = read_toml(path)
    check_keys(content, CARD_KEYS, str(path))
    name = text(content, "name", str(path))
    data_format = choice(content, "format", SPLIT_KEYS, str(path))
    splits = content.get("splits")
    if not isinstance(splits, dict) or not splits:
        raise ConfigError(f"{path}: expected at least one split, such as [splits.train]")
    return DatasetCard(
        path=path,
        name=name,
        format=data_format,
        annotators=_annotators(content, path),
        splits={split: _split_files(value, split, data_format, path) for split, value in splits.items()},
        images=_image_card(content["images"], data_format, path) if images and "images" in content else None,
        answers=choice(content, "answers", (EXACT, NORMALIZED), str(path)) if "answers" in content else None,
        wups=flag(content, "wups", str(path)),
        columns=read_columns(
            _section(content, "columns", FORMATS_WITH_COLUMNS, data_format, path), f"{path}: [columns]"
        ),
        csv=_csv_dialect(_section(content, "csv", ("csv",), data_format, path), f"{path}: [csv]"),
        daquar=_daquar_options(_section(content, "daquar", ("daquar",), data_format, path), f"{path}: [daquar]"),
    )


def _annotators(content: dict[str, Any], path: Path) -> int | None:
    value = content.get("annotators")
    if value is not None and not (is_whole(value, least=2) and value <= MAX_ANNOTATORS):
        raise ConfigError(f"{path}: annotators must be a whole number from 2 to {MAX_ANNOTATORS}, got {value!r}")
    return value


def _section(content: Table, key: str, formats: tuple[str, ...], data_format: str, path: Path) -> Table:
    """Return a section that only some formats have; empty where the card does not have it."""
    if key not in content:
        return {}
    if data_format not in formats:
        listed = f"format{'s' if len(formats) > 1 else ''} {', '.join(formats)}"
        raise ConfigError(f"{path}: [{key}] is for the {listed}, not {data_format}")
    return sub_table(content, key, path)


def _csv_dialect(table: Table, where: str) -> CsvDialect:
    check_keys(table, CSV_KEYS, where)
    for key in ("separator", "quote", "escape"):
        value = table.get(key, ",")
        if not isinstance(value, str) or (len(value) != 1 and not (key == "quote" and value == "")):
            raise ConfigError(f"{where}: {key} must be one character, got {value!r}")
    if "encoding" in table:
        try:
            "a".encode(text(table, "encoding", where))
        except (LookupError, UnicodeError):
            raise ConfigError(f"{where}: unknown encoding {table['encoding']!r}, expected one such as cp1252") from None
    return CsvDialect(**table)


def _daquar_options(table: Table, where: str) -> DaquarOptions:
    check_keys(table, DAQUAR_KEYS, where)
    return DaquarOptions(*(flag(table, key, where) for key in DAQUAR_KEYS))


def _where(table: Any, where: str) -> dict[str, tuple[str, ...]]:
    if not isinstance(table, dict) or not table:
        raise ConfigError(f'{where}: where must name columns and values, such as {{ split = "train" }}, got {table!r}')
    selected = {}
    for column, value in table.items():
        values = value if isinstance(value, list) else [value]
        if not values or not all(isinstance(item, (str, int, float)) for item in values):
            raise ConfigError(f"{where}: where.{column} must be a text, a number or a list of them, got {value!r}")
        selected[column] = tuple(str(item).lower() if isinstance(item, bool) else str(item) for item in values)
    return selected


def _split_files(table: Any, split: str, data_format: str, path: Path) -> SplitFiles:
    where = f"{path}: [splits.{split}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: splits.{split} must be a table, written as [splits.{split}], got {table!r}")
    if data_format == "easy-vqa" and split not in EASY_VQA_SPLITS:
        raise ConfigError(f"{where}: easy-vqa has no such split{did_you_mean(split, EASY_VQA_SPLITS)}")
    needed, optional = SPLIT_KEYS[data_format]
    check_keys(table, needed + optional, where)
    files: dict[str, Any] = {key: existing(table, key, path, where) for key in needed}
    for key, file in files.items():
        if not file.is_file():  # a device such as /dev/zero has no end
            kind = "folder" if file.is_dir() else "device or pipe"
            raise ConfigError(f"{where}: {key} must be a file, got the {kind} {file}")
    if "image_name" in table:
        files["image_name"] = _image_name(table, where)
    if "where" in table:
        files["where"] = _where(table["where"], where)
    return SplitFiles(**files)


def _image_name(table: dict[str, Any], where: str) -> str:
    pattern = text(table, "image_name", where)
    example = "'COCO_train2014_{image_id:0>12}.jpg'"
    try:
        # An id is padded to a few hundred characters at most, and not by a number in the id itself.
        padded = all(PADDING.fullmatch(spec or "") for _, _, spec, _ in Formatter().parse(pattern))
        varies = padded and pattern.format(image_id="1") != pattern.format(image_id="2")
    except (ValueError, LookupError, AttributeError, TypeError):
        varies = False
    if not varies:
        raise ConfigError(f"{where}: image_name must contain the image's id, as in {example}, got {pattern!r}")
    return pattern


def _image_card(table: Any, data_format: str, path: Path) -> ImageCard:
    where = f"{path}: [images]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: images must be a table, written as [images], got {table!r}")
    if "kind" not in table:
        check_keys(table, IMAGE_KEYS["pixels"], where)  # a misspelt kind is named first
    kind = choice(table, "kind", IMAGE_KEYS, where)
    check_keys(table, IMAGE_KEYS[kind], where)
    packaged = data_format == "easy-vqa" and kind == "pixels"
    folder = None if packaged and "path" not in table else existing(table, "path", path, where)
    if folder and kind == "pixels" and not folder.is_dir():
        raise ConfigError(f"{where}: path must be a folder of images, got the file {folder}")
    frames = table.get("frames")
    if frames is not None and not is_whole(frames, least=1):
        raise ConfigError(f"{where}: frames must be a whole number of at least 1, got {frames!r}")
    originals = existing(table, "originals", path, where) if "originals" in table else None
    if originals and not originals.is_dir():
        raise ConfigError(f"{where}: originals must be a folder of images or videos, got the file {originals}")
    links = flag(table, "follow_symlinks", where)
    return ImageCard(kind, folder, _size(table.get("size"), where), frames, originals, links)


def _size(value: Any, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(is_whole(side, least=1) for side in value):
        raise ConfigError(f"{where}: size must be [height, width] in pixels, such as [64, 64], got {value!r}")
    return value[0], value[1]
