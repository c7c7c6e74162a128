"""Dataset card: a TOML file that says where a data set's questions, answers and images are."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vqa.errors import ConfigError, did_you_mean

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CARD_KEYS = ("name", "format", "answers", "annotators", "splits", "images")
EXACT, NORMALIZED = "exact", "normalized"
# By format: the keys that a split must have, and those that it may have.
SPLIT_KEYS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "easy-vqa": ((), ()),
    "csv": (("file",), ()),
    "zjb": (("file",), ()),
    "vqa-json": (("questions", "annotations"), ("image_name",)),
}
IMAGE_KEYS: dict[str, tuple[str, ...]] = {
    "pixels": ("kind", "path", "size", "follow_symlinks"),
    "features": ("kind", "path", "originals", "follow_symlinks"),
    "regions": ("kind", "path", "originals", "follow_symlinks"),
    "frames": ("kind", "path", "frames", "size", "originals", "follow_symlinks"),
}
MAX_ANNOTATORS = 10
EASY_VQA_SPLITS = ("train", "test")


@dataclass(frozen=True)
class SplitFiles:
    """The files of one split; the format decides which of them are set.

    Attributes
    ----------
    file : questions and answers together (csv, zjb)
    questions, annotations : the two official files (vqa-json)
    image_name : pattern of the image names (vqa-json), such as
        ``"train2014/COCO_train2014_{image_id:0>12}.jpg"``
    """

    file: Path | None = None
    questions: Path | None = None
    annotations: Path | None = None
    image_name: str = "{image_id}"


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
    format : "easy-vqa", "csv", "zjb" or "vqa-json"
    annotators : number of simulated annotators, or None for the answers as published
    splits : files by the split's name
    images : None where the data set is question-only
    answers : how answers are compared and trained, "exact" (as written) or "normalized"; None where the card does
        not say it, which means exact
    """

    path: Path
    name: str
    format: str
    annotators: int | None
    splits: dict[str, SplitFiles]
    images: ImageCard | None
    answers: str | None = None


def load_card(path: str | Path, *, images: bool = True) -> DatasetCard:
    """Read and check a dataset card; paths in it are relative to the card.

    Parameters
    ----------
    images : without them the card is read as one without images, whether those are there or not

    Raises
    ------
    ConfigError
        The card is missing or not TOML, a key is unknown or missing, a value has the wrong type, or a file that
        the card names is missing.
    """
    path = Path(path)
    content = _read_toml(path)
    _check_keys(content, CARD_KEYS, str(path))
    name = _text(content, "name", str(path))
    data_format = _choice(content, "format", SPLIT_KEYS, str(path))
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
        answers=_choice(content, "answers", (EXACT, NORMALIZED), str(path)) if "answers" in content else None,
    )


def _read_toml(path: Path) -> dict[str, Any]:
    if path.is_dir() or path.suffix != ".toml":
        raise ConfigError(f"expected a dataset card, a .toml file such as data/easy_vqa.toml, got {path}")
    try:
        with open(path, "rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise ConfigError(f"no such dataset card: {path}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error


def _check_keys(table: dict[str, Any], known: Iterable[str], where: str) -> None:
    known = tuple(known)
    for key in table:
        if key not in known:
            hint = did_you_mean(key, known) if known else "; it takes no keys here"
            raise ConfigError(f"{where}: unknown key {key!r}{hint}")


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if value is None:
        raise ConfigError(f"{where}: the key {key!r} is missing")
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{where}: {key} must be a text that is not empty, got {value!r}")
    return value


def _choice(table: dict[str, Any], key: str, known: Iterable[str], where: str) -> str:
    value = _text(table, key, where)
    if value not in known:
        raise ConfigError(f"{where}: unknown {key} {value!r}{did_you_mean(value, known)}")
    return value


def _whole(value: Any, least: int) -> bool:
    # bool is a subclass of int in Python, but `annotators = true` is a mistake.
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _annotators(content: dict[str, Any], path: Path) -> int | None:
    value = content.get("annotators")
    if value is not None and not (_whole(value, least=2) and value <= MAX_ANNOTATORS):
        raise ConfigError(f"{path}: annotators must be a whole number from 2 to {MAX_ANNOTATORS}, got {value!r}")
    return value


def _existing(table: dict[str, Any], key: str, path: Path, where: str) -> Path:
    text = _text(table, key, where)
    file = path.parent / text
    if not file.exists():
        raise ConfigError(f"{where}: {key} = {text!r}: no such file or folder: {file}")
    return file


def _split_files(table: Any, split: str, data_format: str, path: Path) -> SplitFiles:
    where = f"{path}: [splits.{split}]"
    if not isinstance(table, dict):
        raise ConfigError(f"{path}: splits.{split} must be a table, written as [splits.{split}], got {table!r}")
    if data_format == "easy-vqa" and split not in EASY_VQA_SPLITS:
        raise ConfigError(f"{where}: easy-vqa has no such split{did_you_mean(split, EASY_VQA_SPLITS)}")
    needed, optional = SPLIT_KEYS[data_format]
    _check_keys(table, needed + optional, where)
    files: dict[str, Any] = {key: _existing(table, key, path, where) for key in needed}
    for key, file in files.items():
        if file.is_dir():
            raise ConfigError(f"{where}: {key} must be a file, got the folder {file}")
    if "image_name" in table:
        files["image_name"] = _image_name(table, where)
    return SplitFiles(**files)


def _image_name(table: dict[str, Any], where: str) -> str:
    pattern = _text(table, "image_name", where)
    example = "'COCO_train2014_{image_id:0>12}.jpg'"
    try:
        varies = pattern.format(image_id="1") != pattern.format(image_id="2")
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
        _check_keys(table, IMAGE_KEYS["pixels"], where)  # a misspelt kind is named first
    kind = _choice(table, "kind", IMAGE_KEYS, where)
    _check_keys(table, IMAGE_KEYS[kind], where)
    packaged = data_format == "easy-vqa" and kind == "pixels"
    folder = None if packaged and "path" not in table else _existing(table, "path", path, where)
    if folder and kind == "pixels" and not folder.is_dir():
        raise ConfigError(f"{where}: path must be a folder of images, got the file {folder}")
    frames = table.get("frames")
    if frames is not None and not _whole(frames, least=1):
        raise ConfigError(f"{where}: frames must be a whole number of at least 1, got {frames!r}")
    originals = _existing(table, "originals", path, where) if "originals" in table else None
    if originals and not originals.is_dir():
        raise ConfigError(f"{where}: originals must be a folder of images or videos, got the file {originals}")
    follow_symlinks = table.get("follow_symlinks", False)
    if not isinstance(follow_symlinks, bool):
        raise ConfigError(f"{where}: follow_symlinks must be true or false, got {follow_symlinks!r}")
    return ImageCard(kind, folder, _size(table.get("size"), where), frames, originals, follow_symlinks)


def _size(value: Any, where: str) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 2 or not all(_whole(side, least=1) for side in value):
        raise ConfigError(f"{where}: size must be [height, width] in pixels, such as [64, 64], got {value!r}")
    return value[0], value[1]
