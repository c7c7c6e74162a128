"""Start the demo: listen, load the run, collect examples, serve."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import uvicorn
from PIL import Image

from vqa.demo.app import Example, create_app
from vqa.demo.worker import Worker
from vqa.errors import VqaError

if TYPE_CHECKING:
    from vqa.evaluation.run import Run

NUM_EXAMPLES = 12
QUESTIONS_PER_EXAMPLE = 5

log = logging.getLogger(__name__)


def serve(run_dir: Path, *, host: str, port: int, device: str, announce: Callable[[str], None]) -> None:
    """Serve the demo of a run until interrupted.

    Parameters
    ----------
    run_dir : the run folder
    host, port : where to listen; port 0 takes a free one
    announce : called with the address once the demo is ready

    Raises
    ------
    VqaError
        The run cannot be used.
    OSError
        The address is in use or does not belong to this machine.
    """

    def load() -> Run:
        from vqa.evaluation.run import load_run

        return load_run(run_dir, device=device)

    if not _is_loopback(host):
        log.warning("listening on %s: anyone who can reach this machine can use the demo", host)
    with _listen(host, port) as listener:
        worker = Worker(load)
        run: Run = worker.start()
        with_image = run.network.spec.image_kind != "none"
        app = create_app(
            worker,
            str(run_dir),
            with_image=with_image,
            examples=examples_of(run) if with_image else (),
            allowed_hosts=(host, "localhost") if _is_loopback(host) else ("*",),
        )
        announce(f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}/")
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", timeout_graceful_shutdown=3))
        server.run(sockets=[listener])


def examples_of(run: Run) -> list[Example]:
    """Return some images of the run's data set with their questions; none if it is missing or has no pixels."""
    try:
        dataset = run.dataset
        table = dataset.table("test" if "test" in dataset.splits else dataset.splits[-1])
        images = dataset.images
        if images.kind != "pixels":
            return []
        names = list(dict.fromkeys(table.image_id))[:NUM_EXAMPLES]
        pixels = np.rint((images.read(names) + 1.0) * 127.5).astype(np.uint8).transpose(0, 2, 3, 1)
    except VqaError as error:
        log.warning("no example images: %s", error)
        return []
    questions = [tuple(dict.fromkeys(table.question[table.image_id == name]))[:QUESTIONS_PER_EXAMPLE] for name in names]
    return [Example(Image.fromarray(picture), texts) for picture, texts in zip(pixels, questions)]


def _listen(host: str, port: int) -> socket.socket:
    """Return a bound socket, so that a port in use is an error before anything is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(
            error.errno, f"{error.strerror}; choose another with --port or --host", f"{host}:{port}"
        ) from error
    return listener


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
