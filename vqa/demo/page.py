"""The demo's page: its markup, style and script."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources

import jinja2

from vqa.demo.uploads import FORMATS, MAX_BYTES
from vqa.inspection.page import asset, embed_json


def _own(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


STYLE = asset("page.css") + _own("demo.css")
SCRIPT = asset("common.js") + _own("demo.js")


def page_html(title: str, with_image: bool, questions: Sequence[Sequence[str]]) -> str:
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
