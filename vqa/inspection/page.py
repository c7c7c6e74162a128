"""One self-contained HTML file: templates, safely embedded data, and a policy that forbids everything else."""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from vqa.display import visible
from vqa.files import replacing
from vqa.inspection import charts
from vqa.scoring.formatting import format_count, format_rate

FOLDER = "assets"
# In the order in which they run, as one script.
SCRIPTS = ("dom.js", "question.js", "filters.js", "list.js", "controls.js")

# A script element has no entities; these characters could end the element or open a comment. JavaScript before 2019
# also treated the two separators as line ends.
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def embed_json(value: Any) -> Markup:
    r"""Return `value` as JSON that is safe inside a script element.

    >>> embed_json("</script><!--")
    Markup('"\\u003c/script\\u003e\\u003c!--"')
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escaped in _UNSAFE.items():
        text = text.replace(character, escaped)
    return Markup(text)


def signed_rate(value: float) -> str:
    """Return the difference of two rates with its sign.

    >>> signed_rate(0.25), signed_rate(-0.125), signed_rate(-0.00001)
    ('+0.2500', '−0.1250', '−0.0000')
    """
    return f"{'+' if value >= 0 else '−'}{format_rate(abs(value))}"


def asset(name: str) -> str:
    """Return the text of one of this package's assets."""
    return resources.files(__package__).joinpath(FOLDER, name).read_text(encoding="utf-8")


def content_security_policy(styles: list[str], scripts: list[str], more: str = "") -> str:
    """Return a policy that lets a page use exactly these style sheets and scripts, and images inside the file.

    Nothing is fetched and no other script runs, even if unescaped text had slipped in.
    """
    return (
        f"default-src 'none'; img-src data:; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        f"base-uri 'none'; form-action 'none'{more}"
    )


def _hashes(texts: list[str]) -> str:
    digests = (hashlib.sha256(text.encode("utf-8")).digest() for text in texts)
    return " ".join(f"'sha256-{base64.b64encode(digest).decode('ascii')}'" for digest in digests)


def _finalized(value: Any) -> Any:
    return visible(value) if type(value) is str else value  # Markup is a subclass


@lru_cache(maxsize=1)
def environment() -> jinja2.Environment:
    """Return the environment of the templates: texts are escaped, their invisible characters written out."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(asset),
        autoescape=True,
        finalize=_finalized,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(rate=format_rate, signed_rate=signed_rate, count=format_count, embed=embed_json)
    environment.globals.update(bar=charts.bar)
    return environment


def write_page(path: Path, template: str, **values: Any) -> int:
    """Render a template with the question list's style and script to a file.

    Parameters
    ----------
    template : file of the assets
    values : the names that the template uses

    Returns
    -------
    the size of the file in bytes
    """
    style, script = asset("page.css"), "".join(map(asset, SCRIPTS))
    policy = content_security_policy([style], [script])
    page = environment().get_template(template)
    text = page.render(style=Markup(style), script=Markup(script), policy=policy, **values)
    # Half a surrogate pair, which JSON may hold, becomes its JSON escape.
    data = text.encode("utf-8", "backslashreplace")
    with replacing(path, "wb") as file:
        file.write(data)
    return len(data)
