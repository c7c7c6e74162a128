"""Training by workers under MPI: the same parameters whoever computes them and whoever is killed, and how fast."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from vqa.errors import VqaError
from vqa.nn.presets import PRESETS

# Kinds of image; presets that are not here take features.
KINDS = {
    "question-only": "none", "cnn-gru": "pixels", "mcb-attention": "regions", "lstm-product": "frames",
    "updn": "regions", "san": "regions",
}  # fmt: skip
SMALL = {"pixels": (32, 32), "features": (256,), "regions": (6, 128), "frames": (5, 128), "none": ()}
LARGE = {**SMALL, "features": (2048,), "regions": (36, 2048)}
STEPS_PER_EPOCH = 6  # of 64 of the nine tenths of 400 questions
TIMED = ("cnn-gru", "mlp", "updn")


def write_card(folder: Path, kind: str, num_questions: int, shape: tuple[int, ...]) -> Path:
    """Write a card with random questions about random images, a quarter as many; return its path."""
    random = np.random.default_rng(1)
    folder.mkdir(parents=True, exist_ok=True)
    image_ids = [f"image{number}" for number in range(num_questions // 4)]
    if kind == "pixels":
        for image_id in image_ids:
            Image.fromarray(random.integers(0, 256, (*shape, 3), dtype=np.uint8)).save(folder / f"{image_id}.png")
    elif kind != "none":
        np.save(folder / "images.npy", random.normal(size=(len(image_ids), *shape)).astype(np.float32))
        (folder / "images.ids.txt").write_text("".join(f"{image_id}\n" for image_id in image_ids))
    lines = ["question_id,image_id,question,answer_1,answer_2,answer_3"]
    for number in range(num_questions):
        words = " ".join(f"w{word}" for word in random.integers(0, 40, random.integers(2, 11)))
        image_id = image_ids[int(len(image_ids) * random.random() ** 1.5)]  # some images have many questions
        answers = ",".join(f"a{answer}" for answer in random.integers(0, 20, 3))
        lines.append(f"q{number},{image_id},{words},{answers}")
    (folder / "train.csv").write_text("\n".join(lines) + "\n")
    path = "." if kind == "pixels" else "images.npy"
    images = "" if kind == "none" else f'[images]\nkind = "{kind}"\npath = "{path}"\n'
    card = folder / "card.toml"
    card.write_text(f'name = "{kind}"\nformat = "csv"\n[splits.train]\nfile = "train.csv"\n{images}')
    return card


def command(num_workers: int, *arguments: object) -> list[str]:
    """Return the command of a Python module in some workers; in a process by itself for 0.

    Raises
    ------
    VqaError
        There is no mpiexec.
    """
    started = [sys.executable, "-m", *map(str, arguments)]
    if not num_workers:
        return started
    mpiexec = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if mpiexec is None:
        raise VqaError("expected mpiexec on the path, found none: pip install 'vqa[mpi]'")
    return [mpiexec, "-n", str(num_workers), *started]


def training(num_workers: int, preset: str, card: Path, run: Path, parts: int, *options: object) -> list[str]:
    """Return the command that trains a preset."""
    chosen = ("--model", preset, "--run", run, "--parts", parts, "--batch-size", 64, "--epochs", 2, *options)
    return command(num_workers, "vqa.cli", "train", card, *chosen)


def digest(run: Path) -> str:
    """Return the beginning of the SHA-256 of a run's last parameters."""
    return hashlib.sha256((run / "last.params").read_bytes()).hexdigest()[:16]


def print_hashes(folder: Path, presets: Sequence[str]) -> None:
    """Print the hash of the last parameters of each preset for every number of workers and of parts."""
    for preset in presets or list(PRESETS):
        kind = KINDS.get(preset, "features")
        card = write_card(folder / kind, kind, 400, SMALL[kind])
        for parts in (1, 4):
            found = {}
            for num_workers in (1, 2, 3, 4):
                run = folder / f"{preset}-{num_workers}-{parts}"
                subprocess.run(
                    training(num_workers, preset, card, run, parts, "--overwrite"), check=True, capture_output=True
                )
                found[num_workers] = digest(run)
            same = "equal" if len(set(found.values())) == 1 else f"DIFFERENT {found}"
            print(f"| `{preset}` | {parts} | {found[1]} | {same} |", flush=True)


def print_kills(folder: Path, number: int) -> None:
    """Kill a random rank of training at random moments, resume with another number of workers, compare the results."""
    card = write_card(folder / "features", "features", 400, SMALL["features"])
    subprocess.run(training(0, "mlp", card, folder / "whole", 4, "--overwrite"), check=True, capture_output=True)
    random = np.random.default_rng(7)
    equal = killed = 0
    for trial in range(number):
        run = folder / f"killed-{trial}"
        options = ("--save-every", 2, "--overwrite")
        process = subprocess.Popen(
            training(3, "mlp", card, run, 4, *options), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        moment = random.integers(2 * STEPS_PER_EPOCH)
        while process.poll() is None and steps_saved(run) < moment:
            time.sleep(0.001)
        time.sleep(random.uniform(0, 0.05))
        rank = int(random.integers(3))
        for worker in workers_of(process.pid)[rank : rank + 1]:
            os.kill(worker, signal.SIGKILL)
        started = time.monotonic()
        process.wait()
        seconds = time.monotonic() - started
        stopped = json.loads((run / "loop.json").read_text())
        killed += process.returncode != 0
        resumed = int(random.choice([0, 1, 2, 4]))
        again = training(resumed, "mlp", card, run, 4, "--resume")
        subprocess.run(again, check=True, capture_output=True)
        equal += digest(run) == digest(folder / "whole")
        print(
            f"rank {rank} killed after epoch {stopped['epoch']}, step {stopped['step']}; all ended within "
            f"{seconds:.1f} s; resumed by {resumed or 'no mpiexec, 1'}: {digest(run)}",
            flush=True,
        )
    print(f"{killed} of {number} were ended by the kill; {equal} of {number} end with the same parameters")


def steps_saved(run: Path) -> int:
    """Return how many steps the saved state of a run has behind it; -1 before there is one."""
    try:
        state = json.loads((run / "loop.json").read_text())
    except FileNotFoundError:
        return -1
    return int(state["epoch"] * STEPS_PER_EPOCH + state["step"])


def workers_of(launcher: int) -> list[int]:
    """Return the processes that mpiexec started, by its process id, in the order of their start (Linux)."""
    children = [launcher]
    found = []
    while children:
        parent = children.pop(0)
        below = [int(word) for word in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
        if parent != launcher and not below:
            found.append(parent)
        children += below
    return sorted(found)


def print_speed(folder: Path) -> None:
    """Print the time of a step of one process with two threads, and of two workers of one thread each."""
    for preset in TIMED:
        kind = KINDS.get(preset, "features")
        card = write_card(folder / f"large-{kind}", kind, 1600, LARGE[kind])
        milliseconds = []
        for num_workers, parts, threads in ((0, 1, 2), (2, 2, 1)):
            run = folder / f"speed-{preset}-{num_workers}"
            options = ("--threads", threads, "--overwrite")
            subprocess.run(training(num_workers, preset, card, run, parts, *options), check=True, capture_output=True)
            with open(run / "history.csv", encoding="utf-8") as file:
                seconds = float(list(csv.DictReader(file))[-1]["seconds"])
            milliseconds.append(1000 * seconds / -(-1440 // 64))
        size = sum(array.size for array in _parameters(run))
        sums = subprocess.run(
            command(2, "vqa.benchmark.message", "--sizes", size), check=True, capture_output=True, text=True
        )
        message = float(sums.stdout.split()[-2])
        print(
            f"| `{preset}` | {size / 1e6:.1f} M | {milliseconds[0]:.0f} ms | {milliseconds[1]:.0f} ms | "
            f"{message:.1f} ms, {100 * message / milliseconds[1]:.0f} % |",
            flush=True,
        )


def _parameters(run: Path) -> list[np.ndarray]:
    from vqa._mxnet import mx

    return [array.asnumpy() for array in mx.nd.load(str(run / "last.params")).values()]
