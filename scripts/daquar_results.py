"""Train the recipes on DAQUAR, the best with five seeds, and print the tables of docs/daquar.md.

Makes the features first where they are missing (scripts/daquar_features.py), trains on all photographs of the training
split, answers that are lists being sets, for a number of epochs that was chosen on held-out photographs, and evaluates
on the test split, on all answers and on those of a single word. Runs that are there already are not trained again.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from daquar_features import folders
from daquar_features import main as make_features

from vqa.cli import cli
from vqa.evaluation.ensemble import predict_together
from vqa.evaluation.run import load_run
from vqa.scoring.report import Evaluation

OPTIONS = ("dropout=0.5", "input_dropout=0.5", "pair_buckets=16384")
RECIPES = {"mlp": ["--model", "mlp", "--epochs", "12", *(part for name in OPTIONS for part in ("--option", name))]}
# Number of seeds by split; one is enough to show what a split does to a number.
SEEDS = {"official": 5, "random": 1}
COLUMNS = (
    *("recipe", "answers", "accuracy", "95 % interval", "blind", "ceiling", "WUPS@0.9", "blind", "WUPS@0.0", "blind"),
    *("parameters", "minutes", "five seeds"),
)


def trained(recipe: str, split: str, seed: int, folder: Path) -> Path:
    """Return the run folder of a recipe, trained now unless it is there from an earlier call."""
    run_dir = folder / "runs" / f"{recipe}-{split}-{seed}"
    if not (run_dir / "learning_curves.png").exists():
        options = [*RECIPES[recipe], "--validation-fraction", "0", "--seed", str(seed), "--overwrite"]
        arguments = ["train", str(folder / f"{split}_sets.toml"), "--run", str(run_dir), *options]
        cli.main(arguments, "vqa", standalone_mode=False)
    return run_dir


def row(name: str, answers: str, report: Evaluation, size: int, minutes: float, seeds: list[float]) -> str:
    """Return one line of the table; rates in percent."""
    found = report.report
    rates, wups, ceiling = found.any_of, found.wups, found.ceilings.vocabulary_any_of
    if not (wups and ceiling):
        raise SystemExit("the table needs WordNet: pip install 'vqa[wups]' and apt-get install wordnet-base")
    blind = max(rate.value for rate in vars(found.baselines).values())
    cells = [rates.value, blind, ceiling.value]
    for threshold in ("0.9", "0.0"):
        cells += [wups[threshold].value, max(rate.value for rate in wups[threshold].baselines.values())]
    value, *others = (f"{100 * cell:.1f}" for cell in cells)
    interval = f"[{100 * rates.low:.1f}, {100 * rates.high:.1f}]"
    spread = f"{100 * np.mean(seeds):.1f} ± {100 * np.std(seeds, ddof=1):.1f}" if len(seeds) > 1 else ""
    return f"| {' | '.join([name, answers, value, interval, *others, f'{size:,}', f'{minutes:.1f}', spread])} |"


def print_table(split: str, folder: Path) -> None:
    """Train and evaluate on a split, and print its table."""
    print(f"\n{split} split\n\n| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}", flush=True)
    for recipe in RECIPES:
        paths = [trained(recipe, split, seed + 1, folder) for seed in range(SEEDS[split])]
        for answers in ("single", "all"):
            runs = [load_run(path, card=folder / f"{split}_{answers}.toml") for path in paths]
            size = sum(math.prod(parameter.shape) for parameter in runs[0].network.collect_params().values())
            minutes = runs[0].history["seconds"].sum() / 60
            accuracies = [float(run.predict("test")["hit"].mean()) for run in runs[1:]]
            report = runs[0].report("test")
            print(
                row(f"`{recipe}`", answers, report, size, minutes, [report.report.any_of.value, *accuracies]),
                flush=True,
            )
            if len(runs) > 1:
                together = runs[0].report("test", predictions=predict_together(runs))
                name, count = f"`{recipe}`, {len(runs)} together", len(runs)
                print(row(name, answers, together, count * size, count * minutes, []), flush=True)


def main(data: Path, folder: Path) -> None:
    """Make features, train, evaluate, print."""
    make_features(data, folder)
    for split in ("official", "random"):
        print_table(split, folder)


if __name__ == "__main__":
    main(*folders(__doc__))
