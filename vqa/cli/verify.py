"""``vqa verify``: does an exported file still answer as its run did."""

from __future__ import annotations

from pathlib import Path

import click

from vqa.cli._options import emit, json_option


@click.command()
@click.argument("model_file", metavar="MODEL.onnx", type=click.Path(path_type=Path))
@click.option(
    "--against", type=click.Path(path_type=Path), metavar="RUN", help="Compare with this run, question by question."
)
@click.option("--split", default="test", show_default=True, help="Split to compare on, with --against.")
@click.option("--card", type=click.Path(path_type=Path), help="Where the data set of the run is now.")
@json_option
def command(model_file: Path, against: Path | None, split: str, card: Path | None, json_file: str | None) -> None:
    """Check that an exported file gives its golden outputs; with --against, that it answers as a run does.

    Exit code 1 if one answer differs, or a logit by more than 1e-5 of the largest. The golden outputs need no MXNet;
    the comparison with a run does.

    \b
    Example, after `vqa export runs/easy easy.onnx`:
      vqa verify easy.onnx --against runs/easy --split test
    """
    from vqa.errors import RunError
    from vqa.export.model import load_model

    model = load_model(model_file, card=card)
    golden = model.check_golden()
    facts = {"file": str(model_file), "golden": golden.to_json()}
    lines = [f"golden outputs of {model.description.provenance.golden_from}: {golden.to_text()}"]
    found = [golden]
    if against:
        from vqa.export.comparison import compare_with_run

        found.append(compare_with_run(model, against, split, card))
        facts["against"] = {"run": str(against), "split": split, **found[-1].to_json()}
        lines.append(f"split {split} of {against}: {found[-1].to_text()}")
    emit("\n".join(lines), facts, json_file)
    if not all(difference.is_none for difference in found):
        raise RunError(f"{model_file} does not answer as the network that it was exported from; export it again")
