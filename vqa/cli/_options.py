"""Options that several subcommands share, each with one spelling and one help text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

json_option = click.option(
    "--json", "json_file", metavar="FILE", help="Write the result as JSON to FILE; - prints it instead of the text."
)
seed_option = click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True)
margin_option = click.option(
    "--margin",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    metavar="X",
    help="Say whether one is no worse than the other by more than X, such as 0.01.",
)
engine_option = click.option(
    "--engine",
    type=click.Choice(["mxnet", "onnx"]),
    default=None,
    help="What computes the network.  [default: mxnet for a run, onnx for an exported file]",
)
# What an error names where stdout cannot be written, for example to a file on a full disk.
STDOUT = "standard output"
workers_option = click.option(
    "--workers", type=click.IntRange(1), help="Share the work out to so many processes of this machine (Dask)."
)
scheduler_option = click.option(
    "--scheduler", metavar="ADDRESS", help="Share the work out to a running Dask cluster, such as tcp://10.0.0.1:8786."
)
device_option = click.option("--device", metavar="cpu|gpu:0", default="cpu", show_default=True)


def emit(text: str, result: Any, json_file: str | None) -> None:
    """Print `text`, and write `result` as JSON where asked; with ``--json -`` stdout holds the JSON alone."""
    from vqa.display import visible_lines
    from vqa.files import replacing

    if json_file == "-":
        _echo(json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False))
        return
    # Text of a data file must not steer the terminal.
    _echo(visible_lines(text))
    if json_file:
        with replacing(Path(json_file)) as file:
            json.dump(result, file, indent=2, ensure_ascii=False, allow_nan=False)
            file.write("\n")


def _echo(text: str) -> None:
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, STDOUT) from error
