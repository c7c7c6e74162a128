"""``vqa export``: a run as one file that answers without MXNet, or as a folder for PyTorch."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import emit, json_option


@click.command()
@click.argument("run_dir", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("target", metavar="FILE.onnx-or-FOLDER", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "file_format",
    type=click.Choice(["onnx", "safetensors"]),
    default="onnx",
    show_default=True,
    help="safetensors writes a folder with weights, settings, words and a readable PyTorch module.",
)
@click.option("--card", "--data", "card", type=click.Path(path_type=Path), help="Where the run's data set is now.")
@click.option("--license", "license_text", default="", metavar="TEXT", help="What the file says of its licence.")
@click.option("--overwrite", is_flag=True, help="Replace what is there.")
@json_option
def command(
    run_dir: Path,
    target: Path,
    file_format: str,
    card: Path | None,
    license_text: str,
    overwrite: bool,
    json_file: str | None,
) -> None:
    """Write a run as one ONNX file: network, words, answers, how images are made, and golden inputs and outputs.

    The file answers wherever onnxruntime runs, without MXNet: vqa ask, evaluate, inspect and demo take it where they
    take a run. A run on features gets its image encoder into the file as well, so that the file answers about a
    photograph. Nothing is written unless onnxruntime gives the golden answers; a difference of logits beyond 1e-5 of
    the largest is said.
    Needs the extra "onnx": pip install 'vqa[onnx]'.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa export runs/easy easy.onnx
      vqa export runs/easy easy-torch --format safetensors
    """
    from vqa.errors import ConfigError

    if not overwrite and (any(target.iterdir()) if target.is_dir() else target.exists()):
        raise ConfigError(f"{target} is there already; replace it with --overwrite, or name another")
    if file_format == "safetensors":
        from vqa.export.torch_module import export_torch

        sizes = export_torch(run_dir, target, card=card, license=license_text)
        lines = [f"{target / name}: {size / 1e6:,.2f} MB" for name, size in sizes.items()]
        emit("\n".join(lines), {"folder": str(target), "bytes": sizes}, json_file)
        return
    if target.suffix != ".onnx":
        raise ConfigError(f"expected a file named .onnx, got {target}; for a folder add --format safetensors")
    _export_onnx(run_dir, target, card, license_text, json_file)


def _export_onnx(run_dir: Path, target: Path, card: Path | None, license_text: str, json_file: str | None) -> None:
    from vqa.errors import InstallationError

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
