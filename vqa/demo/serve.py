"""Start the demo: listen, load the run, collect examples, serve."""

from __future__ import annotations

import io
import logging
import shlex
import socket
from collections.abc import Callable
from pathlib import Path

import uvicorn

from vqa.data.cards import load_card
from vqa.data.originals import open_originals
from vqa.data.readers import read_split
from vqa.data.table import QuestionTable
from vqa.demo.app import Example, create_app
from vqa.demo.looking import LookingModel
from vqa.demo.same_origin import LOOPBACK, is_loopback
from vqa.demo.uploads import decode_upload
from vqa.demo.worker import Worker
from vqa.errors import ConfigError, ImageError, VqaError
from vqa.evaluation.trained_model import TrainedModel
from vqa.export.opening import open_trained

NUM_EXAMPLES = 12
QUESTIONS_PER_EXAMPLE = 5
# Files that a browser shows as they are, if they are not larger than this.
BROWSER_FORMATS = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}
LARGEST_EXAMPLE = 2_000_000
# Connections at the same time; further ones get an error at once.
CONNECTIONS = 100

log = logging.getLogger(__name__)


def serve(
    run_dir: Path,
    *,
    card: Path | None,
    host: str,
    port: int,
    device: str,
    announce: Callable[[str], None],
    engine: str | None = None,
) -> None:
    """Serve the demo of a run until interrupted.

    Parameters
    ----------
    run_dir : the run folder, or a file that `vqa export` wrote
    card : card of the data set, if not the one that the run recorded
    host, port : where to listen; port 0 takes a free one
    announce : called with the address once the demo is ready
    engine : "mxnet" or "onnx"; by default mxnet for a run folder and onnx for a file

    Raises
    ------
    VqaError
        The run cannot be used.
    OSError
        The address is in use or does not belong to this machine.
    """

    def load() -> LookingModel:
        return LookingModel(open_trained(run_dir, card=card, device=device, engine=engine))

    if not is_loopback(host):
        log.warning("listening on %s: anyone who can reach this machine can use the demo", host)
    with _listen(host, port) as listener:
        worker = Worker(load)
        run: TrainedModel = worker.start().model
        with_image = run.spec.image_kind != "none"
        if run.spec.image_kind == "frames":
            command = f"vqa ask {shlex.quote(str(run_dir))} VIDEO QUESTION"
            raise ConfigError(f"{run_dir} looks at videos, and the demo takes images; use `{command}`")
        examples, questions = examples_of(run, with_image)
        app = create_app(
            worker,
            str(run_dir),
            with_image=with_image,
            examples=examples,
            questions=questions,
            hosts=[host, *LOOPBACK] if is_loopback(host) else (),
        )
        announce(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/")
        config = uvicorn.Config(
            app,
            log_level="warning",
            lifespan="off",
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=1,
            server_header=False,
        )
        uvicorn.Server(config).run(sockets=[listener])


def examples_of(run: TrainedModel, with_image: bool) -> tuple[list[Example], list[str]]:
    """Return some original images of the run's data set with their questions, and some questions of the data set.

    What the data set lacks is left out, with a warning.
    """
    try:
        card = load_card(run.card)
        split = "test" if "test" in card.splits else list(card.splits)[-1]
        table = read_split(card, split, max_bad=1.0)
    except VqaError as error:
        log.warning("no example images and questions: %s", error)
        return [], []
    questions = list(dict.fromkeys(table.question))[:QUESTIONS_PER_EXAMPLE]
    originals = open_originals(card) if with_image else None
    if with_image and originals is None:
        log.warning("no example images: %s does not name them; add originals to [images]", card.path)
    if originals is None:
        return [], questions
    examples: list[Example] = []
    for image_id in dict.fromkeys(table.image_id):
        if len(examples) == NUM_EXAMPLES:
            break
        try:
            examples.append(_example(originals.find(image_id), image_id, table))
        except (ImageError, OSError) as error:
            log.warning("an example image is left out: %s", error)
            break  # where one is missing, thousands may be
    return examples, questions


def _example(path: Path, image_id: str, table: QuestionTable) -> Example:
    """Return an image file as a browser shows it; a large or unusual one as a smaller PNG."""
    data, media_type = path.read_bytes(), BROWSER_FORMATS.get(path.suffix.lower())
    if media_type is None or len(data) > LARGEST_EXAMPLE:
        encoded = io.BytesIO()
        decode_upload(data).save(encoded, "PNG")
        data, media_type = encoded.getvalue(), "image/png"
    questions = dict.fromkeys(table.question[table.image_id == image_id])
    return Example(data, media_type, tuple(questions)[:QUESTIONS_PER_EXAMPLE])


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens: a port in use is an error before anything is loaded, and no early call is lost."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(CONNECTIONS)
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"{error.strerror}; choose another with --port or --host", f"{host}:{port}"
        ) from error
    return listener
