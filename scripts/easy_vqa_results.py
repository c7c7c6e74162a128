"""Train presets on frozen image features of easy-VQA and print the results table of docs/results.md.

Makes the features first where they are missing (scripts/easy_vqa_features.py; extra "pretrained"), trains each preset
with its defaults, chooses the epoch on held-out training images, and evaluates on the test split once. About 12 minutes
on two cores.
"""

import math
from pathlib import Path

from easy_vqa_features import folder_argument
from easy_vqa_features import main as make_features

from vqa.cli import cli
from vqa.evaluation.run import Run, load_run
from vqa.scoring.formatting import format_interval, format_rate

# Preset, its features, and options other than the defaults.
TRAININGS = {
    "question-only": ("vector", ["--epochs", "4"]),
    "softmax-regression": ("vector", []),
    "mlp": ("vector", []),
    "mcb": ("vector", []),
    "updn": ("grid", []),
}


def trained(model: str, features: str, options: list[str], folder: Path) -> Run:
    """Return the run of a preset, trained now unless the folder holds it from an earlier call."""
    run_dir = folder / f"run-{model}"
    if not (run_dir / "learning_curves.png").exists():
        card = folder / f"easy_vqa_{features}.toml"
        arguments = ["train", str(card), "--run", str(run_dir), "--model", model, "--overwrite", *options]
        cli.main(arguments, "vqa", standalone_mode=False)
    return load_run(run_dir)


def row(model: str, features: str, run: Run) -> str:
    """Return one line of the table."""
    report = run.report("test").to_json()
    any_of, blind = report["any_of"], report["baselines"]["prior_per_question"]
    size = sum(math.prod(parameter.shape) for parameter in run.network.collect_params().values())
    cells = (
        f"`{model}`",
        features,
        f"{size:,}",
        format_rate(any_of["value"]),
        format_interval(any_of["low"], any_of["high"]),
        format_rate(blind["value"]),
    )
    return f"| {' | '.join(cells)} |"


def main(folder: Path) -> None:
    """Make features, train, evaluate, print."""
    make_features(folder)
    runs = {model: trained(model, features, options, folder) for model, (features, options) in TRAININGS.items()}
    print("| preset | image features | parameters | any-of, test | 95 % interval | blind baseline |")
    print("| --- | --- | --- | --- | --- | --- |")
    for model, (features, _) in TRAININGS.items():
        print(row(model, features, runs[model]))


if __name__ == "__main__":
    main(folder_argument(__doc__))
