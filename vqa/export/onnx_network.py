"""A network that onnxruntime computes: the same inputs and logits as the Gluon network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from vqa.errors import DataError, InstallationError
from vqa.nn.spec import NetworkSpec

INPUTS = ("images", "image_index", "tokens", "lengths", "question_index")
# Photographs or videos that the graph itself makes features of, uint8; beside those in `images`.
PIXELS = "pixels"
# onnxruntime's levels: 4 is what ends the process; errors reach the user as exceptions, once.
FATAL_ONLY = 4

Floats = npt.NDArray[np.float32]


def _onnxruntime() -> Any:
    """Return the module onnxruntime, or say in one line what to install."""
    try:
        import onnxruntime
    except ImportError as error:
        raise InstallationError(f"onnxruntime cannot be imported ({error}): pip install 'vqa[onnx]'") from error
    return onnxruntime


def runtime_version() -> str:
    """Return the version of onnxruntime."""
    return str(_onnxruntime().__version__)


class OnnxNetwork:
    """A network in an ONNX file.

    Attributes
    ----------
    metadata : the texts that the file holds

    Parameters
    ----------
    model : the bytes of the file
    path : where they came from, for messages
    threads : threads of one computation; None for the cores that this process may use

    Raises
    ------
    DataError
        The file is no ONNX file, is damaged, or has other inputs and outputs than `vqa export` gives them.
    InstallationError
        onnxruntime is not installed.
    """

    def __init__(self, model: bytes, path: Path, *, threads: int | None = None) -> None:
        onnxruntime = _onnxruntime()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or _usable_cores()
        options.inter_op_num_threads = 1
        options.log_severity_level = FATAL_ONLY
        try:
            # As bytes, so that the file cannot name others beside it; without a second try, which it would print.
            self._session = onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"], enable_fallback=False
            )
            self.metadata: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
            self._inputs = {value.name: value for value in self._session.get_inputs()}
            self._outputs = {value.name: value for value in self._session.get_outputs()}
        except Exception as error:  # onnxruntime's errors have no common base of their own
            raise DataError(f"{path}: not an ONNX model that onnxruntime can use: {_one_line(error)}") from None
        self.path = path
        if not {*INPUTS} <= set(self._inputs) or "logits" not in self._outputs:
            raise DataError(
                f"{path}: expected the inputs {', '.join(INPUTS)} and the output logits, as `vqa export` writes them, "
                f"got {', '.join(self._inputs)} and {', '.join(self._outputs)}"
            )

    def check(self, spec: NetworkSpec) -> None:
        """Check that the graph is the one that a spec describes.

        Raises
        ------
        DataError
            Its images or answers have other sizes.
        """
        num_answers = self._outputs["logits"].shape[-1]
        images = self._inputs["images"].shape[1:]
        fits = len(images) == len(spec.image_shape) and all(
            isinstance(size, str) or size == expected for size, expected in zip(images, spec.image_shape)
        )
        if num_answers != spec.num_answers or not fits:
            raise DataError(
                f"{self.path}: its graph takes images of shape {images} and gives {num_answers} answers, its metadata "
                f"say {list(spec.image_shape)} and {spec.num_answers}"
            )

    @property
    def has_attention(self) -> bool:
        """Whether the network attends to regions."""
        return "attention" in self._outputs

    def __call__(self, *inputs: npt.NDArray[Any]) -> Floats:
        """Return logits float32 (N, C) of images, image_index, tokens, lengths and question_index."""
        return self._run("logits", inputs)

    def attention(self, *inputs: npt.NDArray[Any]) -> Floats:
        """Return the weight of each region for each question in each hop, float32 (hops, N, R)."""
        # "attention_1", ..., then "attention": the last hop has the name that the only one has.
        hops = [name for name in self._outputs if name.startswith("attention_")]
        return np.stack([self._run(name, inputs) for name in (*hops, "attention")])

    def encode(self, pixels: npt.NDArray[np.uint8]) -> Floats:
        """Return the features float32 (1, ...) of one photograph uint8 (1, 3, S, S), or of one video (F, 3, S, S).

        Only for a file whose graph holds an image encoder.
        """
        no_images = [size if isinstance(size, int) else 0 for size in self._inputs["images"].shape]
        one = np.zeros(1, dtype=np.int32)
        nothing = (np.zeros(no_images, dtype=np.float32), one, one[np.newaxis], one + 1, one)
        return self._run("features", nothing, pixels.reshape(1, *self._inputs[PIXELS].shape[1:]))

    def _run(
        self, output: str, inputs: tuple[npt.NDArray[Any], ...], pixels: npt.NDArray[np.uint8] | None = None
    ) -> Floats:
        feeds = dict(zip(INPUTS, inputs))
        if PIXELS in self._inputs:
            feeds[PIXELS] = np.zeros((0, *self._inputs[PIXELS].shape[1:]), np.uint8) if pixels is None else pixels
        try:
            return np.asarray(self._session.run([output], feeds)[0])
        except Exception as error:  # onnxruntime's errors have no common base of their own
            raise DataError(f"{self.path}: its graph cannot be computed: {_one_line(error)}") from None


def _usable_cores() -> int:
    """Return the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
