"""Measure speed and memory side by side with what a user would choose instead: ratios count, not absolute times.

Needs the extra "bench" for PyTorch. Run it on an idle machine: other programs' load is measured, and a table that was
measured beside more than 0.3 of a core says BUSY. All benchmarks take about twelve minutes on two cores. Examples:

    python -m vqa.benchmark --json benchmark.json
    python -m vqa.benchmark scoring torch
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vqa.benchmark.suite import BENCHMARKS, matrix_speed, run_all, to_json, to_text
from vqa.errors import VqaError, did_you_mean
from vqa.files import replacing


def parsed_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--json", metavar="FILE", help="write every figure to FILE; - prints JSON instead of the table")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, measures nothing")
    arguments = parser.parse_args()
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"unknown benchmark {name!r}{did_you_mean(name, BENCHMARKS)}")
    return arguments


def main() -> None:
    """Run the benchmarks and print their table."""
    arguments = parsed_arguments()
    speed = matrix_speed(quick=arguments.quick)
    outcomes = {}
    for name, outcome in run_all(arguments.names or list(BENCHMARKS), quick=arguments.quick):
        outcomes[name] = outcome
        print(f"{name}: {outcome.seconds:.0f} s{', machine busy' if outcome.busy else ''}", file=sys.stderr)
    content = to_json(outcomes, speed)
    if arguments.json == "-":
        json.dump(content, sys.stdout, indent=2, allow_nan=False)
        return
    if arguments.json:
        with replacing(Path(arguments.json)) as file:
            json.dump(content, file, indent=2, allow_nan=False)
    print(to_text(outcomes, speed))


if __name__ == "__main__":
    try:
        main()
    except VqaError as error:
        sys.exit(f"benchmark: {error}")
