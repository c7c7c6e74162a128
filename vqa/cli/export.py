"""``vqa export``: a run as one file that answers without MXNet."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import json_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--card", type=click.Path(path_type=Path), help="Where the data set of the run is now.")
@click.option("--license", "license_text", default="", metavar="TEXT", help="What the file says of its licence.")
@click.option("--overwrite", is_flag=True, help="Replace a file that is there.")
@json_option
def command(
    run_dir: Path, target: Path, card: Path | None, license_text: str, overwrite: bool, json_file: str | None
) -> None:
    """Write a run as one ONNX file: network, words, answers, how images are made, and golden inputs and outputs.

    The file answers wherever onnxruntime runs, without MXNet: vqa ask, evaluate, inspect and demo take it where they
    take a run. A run on features gets its image encoder into the file as well, so that the file answers about a
    photograph. Nothing is written unless onnxruntime gives the golden outputs within 1e-5 of the largest logit.
    Needs the extra "onnx": pip install 'vqa[onnx]'.

    \b
    Example, after `vqa train data/easy_vqa_3.toml --run runs/easy`:
      vqa export runs/easy easy.onnx
      vqa ask easy.onnx photo.png "what color is the shape?"
    """
    from vqa.cli._options import emit
    from vqa.errors import ConfigError, InstallationError

    if target.suffix != ".onnx":
        raise ConfigError(f"expected a file named .onnx to export to, got {target}")
    if target.exists() and not overwrite:
        raise ConfigError(f"{target} is there already; replace it with --overwrite, or name another file")
    try:
        from vqa.export.exporting import export_run
    except ImportError as error:
        raise InstallationError(f"export needs {error.name}: pip install 'vqa[onnx]'") from error
    exported = export_run(run_dir, target, card=card, license=license_text)
    description = exported.model.description
    facts = {
        "file": str(target),
        "bytes": len(exported.data),
        "photographs": description.network.image_kind in ("none", "pixels") or description.preprocessing.photographs,
        "golden_from": description.provenance.golden_from,
        "golden": exported.difference.to_json(),
    }
    text = (
        f"{target}: {len(exported.data) / 1e6:.2f} MB, preset {description.network.preset}\n"
        f"golden outputs of {description.provenance.golden_from}: {exported.difference.to_text()}"
    )
    emit(text, facts, json_file)
