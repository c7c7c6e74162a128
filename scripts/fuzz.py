"""Give every reader of files damaged ones, for minutes; anything but one line, and too much memory or time, is a find.

An input may take 10 seconds and ten times its size plus 200 MB of memory. Finds go to the folder --finds; those worth
keeping belong to tests/fuzz/corpus. The exit code is 1 if there are any.

Example: python scripts/fuzz.py --minutes 30
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import resource
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

MEMORY, SECONDS = 200_000_000, 10
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None


def too_slow(number: int, frame: FrameType | None) -> None:
    """Stop a reader that takes too long."""
    raise TimeoutError(f"took more than {SECONDS} s")


def limit_memory() -> None:
    """Let an allocation beyond what an input may take fail."""
    status = Path("/proc/self/statm")
    used = int(status.read_text(encoding="ascii").split()[0]) * resource.getpagesize() if status.is_file() else 0
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY + 10 * 100_000 if used else -1, -1))


def fuzz(module: Any, name: str, seconds: float, most: int, seed: int, finds: Path) -> tuple[int, set[str]]:
    """Return the number of inputs that one reader was given, and the distinct complaints."""
    complaints: set[str] = set()
    end, count = time.monotonic() + seconds, 0
    with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
        reader = module.readers(Path(folder))[name]
        path = Path(folder) / reader.name
        for count, data in enumerate(module.inputs(reader, seed), start=1):
            path.write_bytes(data)
            signal.alarm(SECONDS)
            complaint = module.complaint(reader, path)
            signal.alarm(0)
            if complaint and complaint.split(": ")[0] not in complaints:
                complaints.add(complaint.split(": ")[0])
                finds.mkdir(parents=True, exist_ok=True)
                kept = finds / f"{name.replace(' ', '-').strip('.')}-{hashlib.sha256(data).hexdigest()[:8]}"
                kept.write_bytes(data)
                print(f"  {kept}: {complaint[:200]!r}", flush=True)
            if count == most or (count % 16 == 0 and time.monotonic() > end):
                break
    return count, complaints


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--minutes", type=float, default=30.0, help="for all readers together")
parser.add_argument("--inputs", type=int, default=0, help="the most for one reader; 0 is no limit")
parser.add_argument("--reader", action="append", help="only this one; repeatable")
parser.add_argument("--seed", type=int, default=1)
parser.add_argument("--finds", type=Path, default=Path("build/finds"))
options = parser.parse_args()
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "fuzz"))
module = importlib.import_module("readers")
warnings.simplefilter("ignore")
signal.signal(signal.SIGALRM, too_slow)
with tempfile.TemporaryDirectory() as empty:
    names = options.reader or list(module.readers(Path(empty)))
limit_memory()
num_finds = 0
for name in names:
    share = 60 * options.minutes / len(names)
    count, found = fuzz(module, name, share, options.inputs, options.seed, options.finds)
    print(f"{name:<28}{count:>12,} inputs  {len(found)} finds", flush=True)
    num_finds += len(found)
sys.exit(min(num_finds, 1))
