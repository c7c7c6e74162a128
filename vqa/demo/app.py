"""The demo's web application: the page, its assets, example images, and the endpoint that answers questions."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import resources
from typing import IO

from PIL import Image
from python_multipart.exceptions import FormParserError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from vqa.demo.same_origin import SameOriginMiddleware
from vqa.demo.uploads import FORMATS, MAX_BYTES, decode_upload
from vqa.demo.worker import BusyError, Worker
from vqa.errors import VqaError
from vqa.inspection.page import asset, embed_json, environment

log = logging.getLogger(__name__)

# The file, the question and the form around them.
MAX_BODY = MAX_BYTES + 1_000_000
# Seconds in which a form must have arrived: long enough for a large photograph over a slow connection.
FORM_TIMEOUT = 120
# Uploads that are decoded at the same time; a large photograph takes some 200 MB of memory while it is decoded.
DECODED_AT_ONCE = 2
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _own(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


STYLE = asset("page.css") + _own("demo.css")
SCRIPT = asset("dom.js") + _own("demo.js")


@dataclass(frozen=True)
class Example:
    """An image of the data set and questions that were asked about it.

    Attributes
    ----------
    data, media_type : the image file as a browser shows it
    questions : some questions about the image
    """

    data: bytes
    media_type: str
    questions: tuple[str, ...]


class _TooLargeError(Exception):
    """The request is larger than allowed."""


def create_app(
    worker: Worker,
    title: str,
    *,
    with_image: bool = True,
    examples: Sequence[Example] = (),
    questions: Sequence[str] = (),
    hosts: Sequence[str] = (),
) -> Starlette:
    """Return the application.

    Parameters
    ----------
    worker : a started worker, which answers the questions
    title : heading of the page
    with_image : whether the network looks at images
    examples : images to choose from
    questions : of the data set, to be suggested before an image is chosen
    hosts : names under which the page may be called; empty for any IP address and the names of this machine
    """
    html = _page_html(title, with_image, examples, questions)
    decoders = ThreadPoolExecutor(DECODED_AT_ONCE, thread_name_prefix="decoder")

    async def page(request: Request) -> Response:
        return Response(html, media_type="text/html", headers=_HEADERS)

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers=_HEADERS)

    async def script(request: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript", headers=_HEADERS)

    async def example(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(examples):
            raise HTTPException(404)
        return Response(examples[number].data, media_type=examples[number].media_type, headers=_HEADERS)

    async def answer(request: Request) -> Response:
        received = 0

        async def receive() -> Message:
            nonlocal received
            message = await request.receive()
            received += len(message.get("body", b""))
            if received > MAX_BODY:
                raise MultiPartException("too large")  # the parser closes its files on this exception
            return message

        announced = request.headers.get("content-length", "0")
        if announced.isdigit() and int(announced) > MAX_BODY:
            raise _TooLargeError
        form = Request(request.scope, receive).form(max_files=1, max_fields=4)
        try:
            fields = await asyncio.wait_for(form, FORM_TIMEOUT)
        except HTTPException:
            if received > MAX_BODY:
                raise _TooLargeError from None
            raise
        try:
            question, upload = fields.get("question", ""), fields.get("image")
            picture = None
            if with_image:
                file = upload.file if isinstance(upload, UploadFile) else io.BytesIO()
                picture = await asyncio.get_running_loop().run_in_executor(decoders, _decoded, file)
        finally:
            await fields.close()
        result = worker.ask(picture, question if isinstance(question, str) else "")
        return JSONResponse(await asyncio.wrap_future(result), headers=_HEADERS)

    async def ask(request: Request) -> Response:
        try:
            return await answer(request)
        except BusyError as error:
            return _message(str(error), 503)
        except _TooLargeError:
            return _message(f"the file is too large; at most {MAX_BYTES / 1e6:.0f} MB are accepted", 413)
        except VqaError as error:
            return _message(str(error), 422)
        except asyncio.TimeoutError:
            return _message(f"the form did not arrive within {FORM_TIMEOUT} seconds", 408)
        except (HTTPException, FormParserError) as error:
            return _message(f"the form could not be read: {getattr(error, 'detail', error)}", 400)
        except Exception:
            log.exception("answering a question failed")
            return _message("the demo failed to answer; the terminal in which it runs shows why", 500)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/style.css", style),
            Route("/script.js", script),
            Route("/examples/{number:int}", example),
            Route("/ask", ask, methods=["POST"]),
        ],
        middleware=[Middleware(SameOriginMiddleware, hosts=tuple(hosts))],
    )


def _page_html(title: str, with_image: bool, examples: Sequence[Example], questions: Sequence[str]) -> str:
    settings = {
        "withImage": with_image,
        "maxBytes": MAX_BYTES,
        "examples": [list(example.questions) for example in examples],
        "questions": list(questions),
    }
    return (
        environment()
        .from_string(_own("demo.html"))
        .render(
            title=title,
            with_image=with_image,
            num_examples=len(examples),
            placeholder=questions[0] if questions else "a question about the image",
            settings=embed_json(settings),
            types=",".join(f"image/{name.lower()}" for name in FORMATS),
        )
        .encode("utf-8", "backslashreplace")
        .decode("utf-8")
    )


def _decoded(file: IO[bytes]) -> Image.Image:
    # Read here, in the decoder's thread: until then, a large upload waits on the disk instead of in memory.
    return decode_upload(file.read())


def _message(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status_code=status, headers=_HEADERS)
