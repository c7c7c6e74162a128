"""Show what training by workers under MPI promises: equal parameters, runs that survive a kill, exact sums, speed."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from vqa.errors import VqaError


def main() -> None:
    """Show one of the promises."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("hashes", "kills", "sums", "speed"))
    parser.add_argument("--presets", nargs="*", default=[], help="for hashes; default: all")
    parser.add_argument("--number", type=int, help="of kills (20) or of sums (10,000)")
    chosen = parser.parse_args()
    from vqa.benchmark import workers

    with tempfile.TemporaryDirectory() as folder:
        if chosen.what == "hashes":
            workers.print_hashes(Path(folder), chosen.presets)
        elif chosen.what == "kills":
            workers.print_kills(Path(folder), chosen.number or 20)
        elif chosen.what == "speed":
            workers.print_speed(Path(folder))
        else:
            for num_workers in (2, 3, 4):
                sums = ("vqa.benchmark.message", "--sums", chosen.number or 10_000)
                subprocess.run(workers.command(num_workers, *sums), check=True)


if __name__ == "__main__":
    try:
        main()
    except VqaError as error:
        sys.exit(str(error))
