"""Train, evaluate, inspect and ask in one process, and question one demo, for hours: are memory and open files flat?

Prints one row per minute: resident memory and open file descriptors of both processes, then the slope of each.

Example: python scripts/soak.py --minutes 120 > soak.txt
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np

from vqa.cli import cli

GOLDEN = Path(__file__).resolve().parent.parent / "tests" / "golden"
COLUMNS = ("loop MB", "loop files", "demo MB", "demo files")


def vqa(*arguments: object) -> None:
    """Run a command in this process, as a notebook would, with its output thrown away."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        cli.main([str(argument) for argument in arguments], standalone_mode=False)


@contextmanager
def demo(run: Path) -> Iterator[tuple[int, str]]:
    """Serve a run for the time of the block; the value is the process id and the address."""
    command = [sys.executable, "-m", "vqa.cli", "demo", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout
        yield process.pid, process.stdout.readline().split()[-1]
        process.terminate()


def measured(process: int) -> tuple[float, float]:
    """Return the resident memory of a process, in MB, and the number of its open files."""
    pages = int(Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6, len(os.listdir(f"/proc/{process}/fd"))


def one_round(folder: Path, address: str, image: Path) -> None:
    """Do once what a user does in a day."""
    run, table, question = folder / "run", folder / "test.csv", "what color is the shape?"
    vqa("train", GOLDEN / "card.toml", "--run", run, "--epochs", 2, "--overwrite")
    vqa("evaluate", run, "--predictions", table)
    vqa("inspect", table, "--html", folder / "page.html")
    vqa("ask", run, image, question)
    for _ in range(20):
        files = {"image": ("x.png", image.read_bytes())}
        httpx.post(f"{address}ask", files=files, data={"question": question}, timeout=600).raise_for_status()


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--minutes", type=float, default=120)
parser.add_argument("--share", type=float, default=1.0, help="of the time, the rest is pauses")
options = parser.parse_args()
image, start = GOLDEN / "images" / "test0.png", time.monotonic()
samples: list[tuple[float, ...]] = []
with tempfile.TemporaryDirectory() as temporary, demo(GOLDEN / "run") as (process, address):
    print(f"{'minutes':>8}{'rounds':>8}" + "".join(f"{name:>12}" for name in COLUMNS))
    while (begun := time.monotonic()) < start + 60 * options.minutes:
        one_round(Path(temporary), address, image)
        samples.append(((begun - start) / 3600, *measured(os.getpid()), *measured(process)))
        if len(samples) == 1 or int(samples[-1][0] * 60) > int(samples[-2][0] * 60):
            row = "".join(f"{value:12.1f}" for value in samples[-1][1:])
            print(f"{samples[-1][0] * 60:8.1f}{len(samples):8}{row}", flush=True)
        time.sleep((time.monotonic() - begun) * (1 / options.share - 1))
# The first quarter warms the libraries up: caches fill, memory is kept for reuse.
hours, *columns = np.array(samples[len(samples) // 4 :]).T
for name, values in zip(COLUMNS, columns):
    print(f"{name}: {np.polyfit(hours, values, 1)[0]:+.2f} per hour over the last three quarters")
