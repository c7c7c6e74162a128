"""Give every reader of files damaged ones, for minutes; anything but one line, and too much memory or time, is a find.

An input may take 10 seconds and ten times its size plus 200 MB of memory; a crash of the process is a find as well.
Finds go to the folder --finds; those worth keeping belong to tests/fuzz/corpus. The exit code is 1 if there are any.

Example: python scripts/fuzz.py --minutes 30
"""

from __future__ import annotations

import argparse
import importlib
import sys
from contextlib import ExitStack
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--minutes", type=float, default=30.0, help="for all readers together")
parser.add_argument("--inputs", type=int, default=0, help="the most for one reader; 0 is no limit")
parser.add_argument("--reader", action="append", help="only this one; repeatable")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--finds", type=Path, default=Path("build/finds"))
how = parser.add_mutually_exclusive_group()
how.add_argument("--guided", action="store_true", help="by coverage: needs pip install atheris")
how.add_argument("--growing", action="store_true", help="files of 400 kB, whose time must not grow with the square")
parser.add_argument("--corpus", type=Path, default=Path("build/corpus"), help="files that --guided keeps")
options = parser.parse_args()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "fuzz"))
with ExitStack() as stack:
    if options.guided:
        # The branches of what is imported from here on are counted.
        stack.enter_context(importlib.import_module("atheris").instrument_imports(include=["vqa"]))
    running = importlib.import_module("running")
    loop = running.at_random
    if options.guided:
        loop = importlib.import_module("guiding").guided(options.corpus)
    elif options.growing:
        loop = importlib.import_module("growing").by_copies
    names = options.reader or list(running.READERS)
    seconds = 60 * options.minutes / len(names)
    num_finds = 0
    for name in names:
        found = running.run(name, seconds, options.inputs, options.seed, options.finds, loop)
        print(f"{name:<28}{found.count:>12,} inputs{found.finds:>4} finds{found.growth:>8.1f} MB more", flush=True)
        num_finds += found.finds
sys.exit(min(num_finds, 1))
