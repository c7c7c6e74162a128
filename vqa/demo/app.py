"""The demo's web application: the page, its assets, example images, and the endpoint that answers questions."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import jinja2
from PIL import Image
from python_multipart.exceptions import FormParserError
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Message

from vqa.demo.uploads import FORMATS, MAX_BYTES
from vqa.demo.worker import BusyError, Worker
from vqa.errors import VqaError
from vqa.inspection.page import asset, embed_json

log = logging.getLogger(__name__)

# The file, the question and the form around them.
MAX_BODY = MAX_BYTES + 1_000_000
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


def _own(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


STYLE = asset("page.css") + _own("demo.css")
SCRIPT = asset("dom.js") + _own("demo.js")


@dataclass(frozen=True)
class Example:
    """An image of the data set and questions that were asked about it."""

    image: Image.Image
    questions: tuple[str, ...]


class _TooLargeError(Exception):
    """The request is larger than allowed."""


def create_app(
    worker: Worker,
    title: str,
    *,
    with_image: bool = True,
    examples: Sequence[Example] = (),
    allowed_hosts: Sequence[str] = ("*",),
) -> Starlette:
    """Return the application.

    Parameters
    ----------
    worker : a started worker, which answers the questions
    title : heading of the page
    with_image : whether the network looks at images
    examples : images to choose from
    allowed_hosts : names under which the page may be called; others are refused, so that no foreign web page can
        reach it under a name of its own
    """
    pictures = [_png(example.image) for example in examples]
    html = _page_html(title, with_image, [example.questions for example in examples])

    async def page(request: Request) -> Response:
        return Response(html, media_type="text/html", headers=_HEADERS)

    async def style(request: Request) -> Response:
        return Response(STYLE, media_type="text/css", headers=_HEADERS)

    async def script(request: Request) -> Response:
        return Response(SCRIPT, media_type="text/javascript", headers=_HEADERS)

    async def example(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(pictures):
            raise HTTPException(404)
        return Response(pictures[number], media_type="image/png", headers=_HEADERS)

    async def ask(request: Request) -> Response:
        try:
            image, question = await _read_form(request)
            answer = await asyncio.wrap_future(worker.ask(image if with_image else None, question))
        except BusyError as error:
            return _message(str(error), 503)
        except _TooLargeError:
            return _message(f"the file is too large; at most {MAX_BYTES / 1e6:.0f} MB are accepted", 413)
        except VqaError as error:
            return _message(str(error), 422)
        except (HTTPException, FormParserError) as error:
            return _message(f"the form could not be read: {getattr(error, 'detail', error)}", 400)
        except Exception:
            log.exception("answering a question failed")
            return _message("the demo failed to answer; the terminal in which it runs shows why", 500)
        return JSONResponse(answer, headers=_HEADERS)

    return Starlette(
        routes=[
            Route("/", page),
            Route("/style.css", style),
            Route("/script.js", script),
            Route("/examples/{number:int}.png", example),
            Route("/ask", ask, methods=["POST"]),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(allowed_hosts))],
    )


def _page_html(title: str, with_image: bool, questions: Sequence[Sequence[str]]) -> str:
    """Return the page.

    Parameters
    ----------
    title : the run
    with_image : whether the network looks at images
    questions : some for every example image
    """
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    settings = {"withImage": with_image, "maxBytes": MAX_BYTES, "examples": [list(texts) for texts in questions]}
    return environment.from_string(_own("demo.html")).render(
        title=title,
        with_image=with_image,
        num_examples=len(questions),
        settings=embed_json(settings),
        types=",".join(f"image/{name.lower()}" for name in FORMATS),
    )


async def _read_form(request: Request) -> tuple[bytes, str]:
    """Return the uploaded file and the question of a form, reading no more bytes than allowed."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BODY:
        raise _TooLargeError
    received = 0

    async def receive() -> Message:
        nonlocal received
        message = await request.receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY:
            raise MultiPartException("too large")  # the parser closes its files on this exception
        return message

    try:
        async with Request(request.scope, receive).form(max_files=1, max_fields=4) as form:
            image, question = form.get("image"), form.get("question", "")
            data = await image.read() if isinstance(image, UploadFile) else b""
            return data, question if isinstance(question, str) else ""
    except HTTPException:
        if received > MAX_BODY:
            raise _TooLargeError from None
        raise


def _message(text: str, status: int) -> Response:
    return JSONResponse({"error": text}, status_code=status, headers=_HEADERS)


def _png(image: Image.Image) -> bytes:
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()
