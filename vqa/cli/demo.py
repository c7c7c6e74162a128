"""``vqa demo``: ask a run in the browser."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import device_option, engine_option


@click.command()
@click.argument("run_dir", metavar="RUN-or-FILE.onnx", type=click.Path(path_type=Path))
@click.option("--card", type=click.Path(path_type=Path), help="Card of the data set; by default the recorded one.")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Address to listen on; only this machine by default."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True, help="0 chooses a free port.")
@engine_option
@device_option
def command(run_dir: Path, card: Path | None, host: str, port: int, engine: str | None, device: str) -> None:
    """Serve a web page: choose or upload an image, type a question, see the top answers.

    Nothing leaves this machine and the page loads nothing from elsewhere. Ctrl-C ends the demo.
    Needs the extra "demo": pip install 'vqa[demo]'.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa demo runs/easy
    """
    from vqa.errors import InstallationError

    try:
        from vqa.demo.serve import serve
    except ImportError as error:
        raise InstallationError(f"the demo needs {error.name}: pip install 'vqa[demo]'") from error

    def announce(url: str) -> None:
        click.echo(f"{run_dir} answers on {url}")

    serve(run_dir, card=card, host=host, port=port, engine=engine, device=device, announce=announce)
