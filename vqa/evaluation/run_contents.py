"""What a run folder holds besides its parameters, read and checked without MXNet."""

from __future__ import annotations

import math
import shlex
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from vqa.data.vocab import Vocabulary
from vqa.errors import RunError
from vqa.files import find_recorded
from vqa.nn.spec import MAX_IMAGE_SIZE, NetworkSpec
from vqa.training.run_records import check_hash, read_record


class RunContents(NamedTuple):
    """Content of run.json (with its card where that is today), what the network was built from, words and answers."""

    record: dict[str, Any]
    spec: NetworkSpec
    vocabulary: Vocabulary


def read_run(folder: Path) -> RunContents:
    """Read a run folder with a finished epoch, every file checked against its hash.

    Raises
    ------
    RunError
        The folder is missing, damaged, of another format version, or holds no finished epoch.
    """
    record = read_record(folder, "run.json")
    record["card"] = str(find_recorded(record, "card", folder))
    if not record["best_epoch"]:
        resume = shlex.join(["vqa", "train", record["card"], "--run", str(folder), "--resume"])
        raise RunError(f"{folder} holds no finished epoch yet; resume it with `{resume}`")
    for name, digest in record["sha256"].items():
        check_hash(folder / name, digest)
    try:
        spec = msgspec.convert(record["network"], NetworkSpec)
    except (msgspec.ValidationError, ValueError) as error:  # a text may be half a surrogate pair
        raise RunError(f"{folder / 'run.json'} is damaged ({type(error).__name__}: {error}); train again") from error
    if min(spec.image_shape, default=0) < 1 or math.prod(spec.image_shape) > MAX_IMAGE_SIZE:
        raise RunError(f"{folder / 'run.json'} is damaged (images of shape {list(spec.image_shape)}); train again")
    vocabulary = Vocabulary.from_json((folder / "vocab.json").read_text(encoding="utf-8"))
    if (vocabulary.num_words, vocabulary.num_answers) != (spec.num_words, spec.num_answers):
        raise RunError(
            f"{folder} does not fit together: vocab.json holds {vocabulary.num_words} words and "
            f"{vocabulary.num_answers} answers, the network was trained with {spec.num_words} and {spec.num_answers}"
        )
    return RunContents(record, spec, vocabulary)
