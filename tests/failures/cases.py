"""The commands that write files, each with what was there before and how it is repeated after a failure."""

from __future__ import annotations

import json
import os
import shutil
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from matplotlib.figure import Figure
from small_training_data import write_card

import vqa.training.loop
from vqa.cli import main
from vqa.inspection import plots

GOLDEN = Path(__file__).resolve().parent.parent / "golden"
NETWORK = ("--model", "question-only", "--option", "embedding_size=8", "--option", "hidden_size=16")
EPOCHS = ("--epochs", "1", "--batch-size", "64")
TWO_EPOCHS = ("--epochs", "2", "--batch-size", "64")
ENCODER = ("--weights", "random", "--encoder", "squeezenet1.1", "--size", "32", "--batch-size", "2")


@dataclass(frozen=True)
class Case:
    """A command whose every call on files may fail.

    Attributes
    ----------
    arguments : of the command; {here} stands for the folder that is watched, {given} for the one it reads from
    before : a folder in `given` whose content is in `here` at first
    again : from `here` to the arguments that a user would repeat the command with after it failed
    cache : the folder of decoded images
    """

    arguments: tuple[str, ...]
    before: str = ""
    again: Callable[[Path, tuple[str, ...]], tuple[str, ...]] = lambda here, arguments: arguments
    cache: str = "{given}/cache"
    is_training: bool = False


def _resumed(here: Path, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Resume where there is a run of these options, or one that was committed, else repeat the command."""
    run = here / "run" / "run.json"
    wanted = int(arguments[arguments.index("--seed") + 1])
    base = tuple(argument for argument in arguments if argument not in ("--resume", "--overwrite"))
    is_there = run.is_file() and json.loads(run.read_text(encoding="utf-8"))["seed"] == wanted
    return (*base, "--resume") if is_there or run.with_name("commit.json").exists() else arguments


def _resumed_seeds(here: Path, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Resume what is there of the runs."""
    return (*arguments, "--resume") if (here / "run").exists() else arguments


def _extracted(here: Path, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """Repeat an extraction; one that is complete is made anew."""
    return (*arguments, "--overwrite") if Path(arguments[2].format(given="", here=here)).exists() else arguments


def _train(*more: str, epochs: tuple[str, ...] = EPOCHS, seed: str = "1", before: str = "") -> Case:
    arguments = ("train", CARD, "--run", "{here}/run", *NETWORK, *epochs, "--seed", seed, *more)
    return Case(arguments, before, _resumed, is_training=True)


RUN, TABLE, OTHER_TABLE, CARD = "{given}/run", "{given}/table.csv", "{given}/other.csv", "{given}/card.toml"
JSON = ("--json", "{here}/result.json")
CASES = {
    "train": _train(),
    "train --resume": _train("--resume", epochs=TWO_EPOCHS, before="stopped"),
    "train --overwrite": _train("--overwrite", seed="2", before="trained"),
    "train --save-every": _train("--save-every", "2", "--batch-size", "16"),
    "train --parts": _train("--parts", "2"),
    "train --word-vectors": _train("--word-vectors", "{given}/vectors.txt"),
    "train --seeds": Case(
        ("train", CARD, "--run", "{here}/run", *NETWORK, *EPOCHS, "--seeds", "2"),
        again=_resumed_seeds,
        is_training=True,
    ),
    "evaluate --predictions": Case(
        ("evaluate", RUN, "--predictions", "{here}/table.csv", "--json", "{here}/report.json")
    ),
    "evaluate, .parquet over an old one": Case(
        ("evaluate", RUN, "--predictions", "{here}/old.parquet"), before="evaluated"
    ),
    "extract": Case(
        ("extract", "{given}/pictures", "{here}/sub/features.npy", *ENCODER), again=_extracted),
    "extract --overwrite": Case(
        ("extract", "{given}/pictures", "{here}/features.npy", *ENCODER, "--seed", "2", "--overwrite"),
        before="extracted",
    ),
    "score": Case(
        ("score", TABLE, "--data", CARD, "--json", "{here}/score.json", "--html", "{here}/score.html")
    ),
    "score --per-question": Case(("score", TABLE, "--data", CARD, "--per-question", "{here}/scores.parquet")),
    "score, Parquet parts": Case(("score", "{given}/parts", "--data", CARD, "--scratch", "{here}", *JSON)),
    "compare": Case(("compare", TABLE, OTHER_TABLE, "--html", "{here}/page.html", *JSON)),
    "compare, three systems": Case(
        ("compare", TABLE, OTHER_TABLE, "{given}/third.csv", "--html", "{here}/page.html", *JSON)
    ),
    "inspect --html": Case(("inspect", TABLE, "--html", "{here}/page.html")),
    "inspect --output": Case(("inspect", TABLE, "--wrong", "--output", "{here}/wrong.csv")),
    "export .onnx": Case(("export", RUN, "{here}/model.onnx", "--overwrite")),
    "export --format safetensors": Case(("export", RUN, "{here}/model", "--format", "safetensors", "--overwrite")),
    "convert": Case(("convert", f"{RUN}/best.params", "{here}/best.safetensors")),
    "convert, to .params": Case(("convert", "{given}/best.safetensors", "{here}/best.params")),
    "audit --json": Case(("audit", CARD, *JSON)),
    "ask --json": Case(("ask", f"{GOLDEN}/run", f"{GOLDEN}/images/test0.png", "what is it", *JSON)),
    "doctor --json": Case(("doctor", RUN, *JSON)),
    "verify --json": Case(("verify", "{given}/model.onnx", *JSON)),
    "plan --json": Case(("plan", TABLE, OTHER_TABLE, "--difference", "0.01", *JSON)),
    "check-table --json": Case(("check-table", "--n", "30", "50.00", *JSON)),
    "pixel cache": Case(("evaluate", f"{GOLDEN}/run", "--json", "{here}/report.json"), cache="{here}/cache"),
}  # fmt: skip


def run_command(arguments: tuple[str, ...], cache: str) -> Callable[[], None]:
    """Return a function that runs a command in its process, as a shell would, at a time that stands still."""

    def run() -> None:
        os.environ["VQA_CACHE"] = cache
        vqa.training.loop.time = types.SimpleNamespace(monotonic=lambda: 0.0)  # history.csv holds seconds
        plots.learning_curves = plots.reliability_diagram = lambda _: Figure()
        Figure.savefig = _quick_figure
        main(list(arguments))

    return run


def _quick_figure(figure: Figure, file: IO[bytes], **_: object) -> None:
    """Write what takes Matplotlib a second to draw: these files are about how they are written, not what they show."""
    for part in (b"a figure of ", str(figure.get_size_inches()).encode()):
        file.write(part)
        file.flush()


def prepare(given: Path, run: Callable[..., object]) -> None:
    """Fill the folder that the commands read from.

    Parameters
    ----------
    run : runs a command; with a folder as `stopped`, until its third save of a run in that folder
    """
    write_card(given, 64)
    vectors = "".join(f"{word} {' '.join('12345678')}\n" for word in ("what", "is", "the", "cat"))
    (given / "vectors.txt").write_text(vectors)
    (given / "pictures").mkdir()
    for number in range(3):
        shutil.copy(GOLDEN / "images" / f"test{number}.png", given / "pictures")
    card, old = str(given / "card.toml"), [given / name for name in ("trained", "stopped", "evaluated", "extracted")]
    train = ("train", card, *NETWORK, *TWO_EPOCHS, "--run")
    run(*train, str(given / "run"))
    shutil.copytree(given / "run", old[0] / "run")
    run(*train, str(old[1] / "run"), stopped=old[1])
    run(*train, str(given / "other"), "--seed", "2")
    run("evaluate", str(given / "run"), "--predictions", str(given / "table.csv"))
    run("evaluate", str(given / "run"), "--predictions", str(given / "parts" / "test.parquet"))
    run("evaluate", str(given / "other"), "--predictions", str(given / "other.csv"))
    shutil.copy(given / "table.csv", given / "third.csv")
    run("export", str(given / "run"), str(given / "model.onnx"))
    run("convert", str(given / "run" / "best.params"), str(given / "best.safetensors"))
    run("evaluate", str(given / "run"), "--predictions", str(old[2] / "old.parquet"), "--split", "train")
    run("extract", str(given / "pictures"), str(old[3] / "features.npy"), *ENCODER)
    run("evaluate", str(GOLDEN / "run"))
