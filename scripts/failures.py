"""Let every system call on a file of every command fail in every way, and kill the command there; see what is left.

Prints one row per command: its calls on files, how often it was killed and how often a call failed, how often it then
ended with one line or went on, and how often anything was wrong: a traceback, half a file under a final name, a result
lost, or another result than without the failure once the command was repeated. Linux on x86-64 only. All of it takes
an hour; --every 20 takes a sample.

Example: python scripts/failures.py --case train --every 10
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

COLUMNS = ("calls", "kills", "errors", "one line", "went on", "wrong")


def modules() -> tuple[Any, Any]:
    """Import two modules of tests/failures, after the arguments were read: they import all that the commands do."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    tests = Path(__file__).resolve().parent.parent / "tests"
    sys.path[:0] = [str(tests / "failures"), str(tests / "training")]
    return importlib.import_module("campaign"), importlib.import_module("cases")


def main() -> int:
    """Print one row per command, and what went wrong below it; return 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", metavar="COMMAND", action="append", help="only this command; repeatable")
    parser.add_argument("--every", type=int, default=1, help="only one of so many failures, for a sample")
    parser.add_argument("--kills", action="store_true", help="only kills")
    options = parser.parse_args()
    module, cases = modules()
    print(f"{'command':<36}" + "".join(f"{column:>10}" for column in COLUMNS))
    num_wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        campaign = module.Campaign(Path(temporary) / "campaign")
        for name in options.case or cases.CASES:
            found = campaign.examine(cases.CASES[name], options.every, options.kills)
            kills, lines, silent = (found.results[result] for result in ("killed", "one line", "went on"))
            row = (found.num_calls, kills, sum(found.results.values()) - kills, lines, silent, len(found.faults))
            print(f"{name:<36}" + "".join(f"{value:>10,}" for value in row), flush=True)
            for line in found.faults:
                print(f"    {line}", flush=True)
            num_wrong += len(found.faults)
    return min(num_wrong, 1)


if __name__ == "__main__":
    sys.exit(main())
