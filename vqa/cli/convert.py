"""``vqa convert``: MXNet's parameter files to safetensors files and back."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("target", type=click.Path(path_type=Path))
def command(source: Path, target: Path) -> None:
    """Copy the arrays of a .params file into a .safetensors file, or the other way round.

    Works with any file that Gluon's save_parameters or mx.nd.save wrote, and needs no MXNet. Names, types and every
    byte are kept: a .params file that goes to safetensors and back is the same file. Sparse arrays are refused by name.

    \b
    Example, after `vqa train easy_vqa_3 --run runs/easy`:
      vqa convert runs/easy/best.params easy.safetensors
    """
    from vqa.export.conversion import convert

    tensors = convert(source, target).tensors.values()
    size = sum(tensor.num_bytes for tensor in tensors)
    click.echo(f"{target}: {len(tensors):,} arrays, {size / 1e6:,.2f} MB of numbers")
