"""Small valid files of binary formats, and what their readers need; the slow ones are made once."""

from __future__ import annotations

import base64
import functools
import gzip
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from formats import SAFETENSORS
from mutations import Format
from PIL import Image
from seeds import GOLDEN, predictions

from vqa.data.vocab import Vocabulary
from vqa.evaluation.prediction_files import read_jsonl, write_parquet
from vqa.export.description import Description, Preprocessing, Provenance
from vqa.export.golden import encode_golden, golden_inputs
from vqa.export.safetensors_file import open_safetensors, pack
from vqa.nn.spec import NetworkSpec
from vqa.params_file import write_params

BASE64 = Format(
    lambda data: SAFETENSORS.unpack(base64.b64decode(data)), lambda parts: base64.b64encode(SAFETENSORS.pack(parts))
)
_VOCABULARY = Vocabulary(["what", "is"], ["a", "b"])
_SPEC = NetworkSpec("question-only", 4, 2, 1, "none", (1,), {"embedding_size": 2, "hidden_size": 2})


def gzipped(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def _npy(array: npt.NDArray[Any]) -> bytes:
    data = io.BytesIO()
    np.save(data, array)
    return data.getvalue()


def npy() -> bytes:
    return _npy(np.arange(8, dtype=np.float32).reshape(2, 4))


def pixels() -> npt.NDArray[np.uint8]:
    return np.arange(48, dtype=np.uint8).reshape(3, 4, 4)


def cached_pixels() -> bytes:
    return _npy(pixels()[np.newaxis])


def safetensors() -> bytes:
    return pack({"a": np.ones((2, 3), np.float32), "b": np.ones(2, np.float16)}, {"k": "v"})


def params() -> bytes:
    """Return two arrays as MXNet saves them."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "x.safetensors", Path(folder) / "x.params"
        source.write_bytes(safetensors())
        write_params(open_safetensors(source), target)
        return target.read_bytes()


def metadata() -> bytes:
    """Return the texts that an exported file has among its metadata, as a JSON object."""
    description = Description(
        network=_SPEC,
        loss="softmax",
        activation="softmax",
        preprocessing=Preprocessing(images="none"),
        provenance=Provenance(best_epoch=1, seed=1),
        license="",
    )
    return json.dumps(description.to_metadata(_VOCABULARY.to_json())).encode()


METADATA = Format(
    lambda data: {name: text.encode("utf-8", "surrogatepass") for name, text in json.loads(data).items()},
    lambda parts: json.dumps({name: text.decode("utf-8", "surrogateescape") for name, text in parts.items()}).encode(),
)


def golden() -> bytes:
    logits = np.zeros((6, _SPEC.num_answers), np.float32)
    return encode_golden(golden_inputs(_SPEC), logits).encode("ascii")


# What torch.save (PyTorch 2.13, _use_new_zipfile_serialization=False) writes of two tensors of 2 x 3 and 3 x 2.
TORCH_ARCHIVE = base64.b64decode(
    "gAKKCmz8nEb5IGqoUBkugAJN6QMugAJ9cQAoWBAAAABwcm90b2NvbF92ZXJzaW9ucQFN6QNYDQAAAGxpdHRsZV9lbmRpYW5xAohY"
    "CgAAAHR5cGVfc2l6ZXNxA31xBChYBQAAAHNob3J0cQVLAlgDAAAAaW50cQZLBFgEAAAAbG9uZ3EHSwR1dS6AAmNjb2xsZWN0aW9u"
    "cwpPcmRlcmVkRGljdApxAClScQEoWAEAAABhcQJjdG9yY2guX3V0aWxzCl9yZWJ1aWxkX3RlbnNvcl92MgpxAygoWAcAAABzdG9y"
    "YWdlcQRjdG9yY2gKRmxvYXRTdG9yYWdlCnEFWA4AAAA5MzkyNzMzNjQxMjUyOHEGWAMAAABjcHVxB0sGTnRxCFFLAEsCSwOGcQlL"
    "A0sBhnEKiWgAKVJxC3RxDFJxDVgBAAAAYnEOaAMoKGgEaAVYDgAAADkzOTI3MzM2NDAxODA4cQ9oB0sGTnRxEFFLAEsDSwKGcRFL"
    "AUsDhnESiWgAKVJxE3RxFFJxFXUugAJdcQAoWA4AAAA5MzkyNzMzNjQwMTgwOHEBWA4AAAA5MzkyNzMzNjQxMjUyOHECZS4GAAAA"
    "AAAAAAAAAAAAAIA/AAAAQAAAQEAAAIBAAACgQAYAAAAAAAAAAAAAAAAAgD8AAABAAABAQAAAgEAAAKBA"
)


def image(kind: str) -> bytes:
    data = io.BytesIO()
    drawn = np.random.default_rng(0).integers(0, 256, (12, 10, 3), dtype=np.uint8)
    Image.fromarray(drawn).save(data, kind)
    return data.getvalue()


@functools.cache
def video(container: str) -> bytes:
    """Return a video of four small frames."""
    import av

    data = io.BytesIO()
    with av.open(data, "w", format=container) as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "yuv420p"
        for grey in (0, 80, 160, 240):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), grey, np.uint8), format="rgb24")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return data.getvalue()


@functools.cache
def excel() -> bytes:
    """Return the answers of two questions as VLMEvalKit writes them."""
    import openpyxl

    book = openpyxl.Workbook()
    for row in (["index", "question", "answer", "prediction"], [3, "what", "a", "b"], [4, "who", "c", "d"]):
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def _parquet(columns: dict[str, list[Any]]) -> bytes:
    data = io.BytesIO()
    pq.write_table(pa.table(columns), data)
    return data.getvalue()


def answers_parquet() -> bytes:
    return _parquet({"question_id": ["1", "2"], "prediction": ["a", None], "probability": [0.5, 1.0]})


def questions_parquet() -> bytes:
    return _parquet({"question_id": ["1", "2"], "image_id": ["x", "y"], "answers": [["a", "b"], ["c"]]})


def predictions_parquet() -> bytes:
    data = io.BytesIO()
    write_parquet(read_jsonl(io.BytesIO(predictions())), data)
    return data.getvalue()


@functools.cache
def onnx_file() -> bytes:
    """Return the golden run as an exported file."""
    from vqa.export.exporting import export_run

    with tempfile.TemporaryDirectory() as folder:
        return export_run(GOLDEN / "interrupted", Path(folder) / "x.onnx", card=GOLDEN / "card.toml").data


@functools.cache
def _network() -> Any:
    from vqa.nn.network import build_from_spec

    return build_from_spec(_SPEC)


def fill_from(path: Path) -> None:
    """Read word vectors into a network."""
    from vqa.nn.word_vectors import load_word_vectors

    load_word_vectors(_network(), _VOCABULARY, path)
