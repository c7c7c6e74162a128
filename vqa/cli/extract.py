"""``vqa extract``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from vqa.cli._options import device_option, emit, json_option, scheduler_option, seed_option, workers_option

FAILED = 1


@click.command()
@click.argument("source", type=click.Path(path_type=Path))
@click.argument("output", type=click.Path(path_type=Path))
@click.option(
    "--encoder",
    metavar="NAME",
    default="efficientnet-lite0",
    show_default=True,
    help="The network: this one, or one of Gluon's model zoo, such as resnet18_v1.",
)
@click.option(
    "--weights",
    metavar="FILE|random",
    help="File of weights; the default is the published weights, installed or downloaded; 'random' is untrained.",
)
@click.option(
    "--grid", is_flag=True, help="One vector per cell of the last convolutional map instead of one per image."
)
@click.option("--frames", type=click.IntRange(1), help="SOURCE has videos: take this many frames of each.")
@click.option(
    "--size",
    "sizes",
    type=click.IntRange(1),
    multiple=True,
    help="Height and width in pixels to scale images to; default: as in training, 224. Twice: features at both sizes, "
    "side by side.",
)
@click.option("--float16", is_flag=True, help="Half the file size, three significant digits.")
@click.option("--follow-symlinks", is_flag=True, help="Symbolic links may lead out of the folder SOURCE.")
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True)
@click.option("--overwrite", is_flag=True, help="Replace OUTPUT, and drop an unfinished extraction with other options.")
@workers_option
@scheduler_option
@seed_option
@device_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    source: Path,
    output: Path,
    encoder: str,
    weights: str | None,
    grid: bool,
    frames: int | None,
    sizes: tuple[int, ...],
    float16: bool,
    follow_symlinks: bool,
    batch_size: int,
    overwrite: bool,
    workers: int | None,
    scheduler: str | None,
    seed: int,
    device: str,
    json_file: str | None,
) -> None:
    """Extract features of the images or videos of SOURCE, a folder or a card, with a pretrained network.

    Writes OUTPUT, an .npy file with one row per image, and the ids of the rows beside it (features.npy,
    features.ids.txt). In a card, the kind of these images is "features", with --grid "regions", with --frames
    "frames". After an interruption, the same command continues where it stopped. The exit code is 1 if some files
    could not be used: they are listed on stderr, and OUTPUT holds the others.

    With --workers or --scheduler the batches are computed by other processes, and the files are the same.

    \b
    Example:
      vqa extract easy_vqa features/easy_vqa.npy --float16
    """
    from vqa._mxnet_import import usable_cores
    from vqa.cluster import dask_cluster
    from vqa.data.image_sources import find_sources
    from vqa.features.encoders import ImageEncoder
    from vqa.features.extraction import extract
    from vqa.features.writing import check_target

    check_target(output, overwrite)
    sources = find_sources(source, frames, follow_symlinks)
    size, more_sizes = (max(sizes), sorted(sizes, reverse=True)[1:]) if sizes else (None, [])
    network = ImageEncoder(
        encoder, weights=weights, grid=grid, size=size, more_sizes=more_sizes, device=device, seed=seed
    )
    try:
        with dask_cluster(workers, scheduler, max(usable_cores() // (workers or 1), 1)) as cluster:
            result = extract(
                sources,
                output,
                network,
                batch_size=batch_size,
                float16=float16,
                overwrite=overwrite,
                cluster=cluster,
            )
    except KeyboardInterrupt:
        raise KeyboardInterrupt("interrupted; the same command continues where it stopped") from None
    for reason in result.failures.values():
        click.echo(f"left out: {reason}", err=True)
    record: dict[str, Any] = {"file": str(output), **result._asdict()}
    text = f"{output}: {result.dtype} {result.shape}, {len(result.failures)} of {len(sources.image_ids)} files left out"
    emit(text, record, json_file)
    if result.failures:
        ctx.exit(FAILED)
