"""Measure speed and memory, side by side with what a user would pick instead; ratios count, not absolute times.

Needs the extra "bench" for PyTorch. Let the machine do nothing else meanwhile; all benchmarks take about twenty
minutes on two cores. Examples:

    python scripts/benchmark.py --json benchmark.json
    python scripts/benchmark.py scoring torch
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vqa.benchmark.figures import machine, table
from vqa.benchmark.suite import BENCHMARKS, run_all, to_json
from vqa.errors import VqaError, did_you_mean
from vqa.files import replacing


def parsed_arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="the same as NAME; repeatable")
    parser.add_argument("--json", metavar="FILE", help="write every figure to FILE; - prints JSON instead of the table")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that everything runs, measures nothing")
    arguments = parser.parse_args()
    arguments.names += arguments.only
    for name in arguments.names:
        if name not in BENCHMARKS:
            parser.error(f"unknown benchmark {name!r}{did_you_mean(name, BENCHMARKS)}")
    return arguments


def main() -> None:
    """Run the benchmarks and print their table."""
    arguments = parsed_arguments()
    names = arguments.names or list(BENCHMARKS)
    results, seconds = {}, {}
    for name, result, took in run_all(names, quick=arguments.quick):
        results[name], seconds[name] = result, took
        print(f"{name}: {took:.0f} s", file=sys.stderr)
    content = to_json(results, seconds)
    if arguments.json == "-":
        json.dump(content, sys.stdout, indent=2, allow_nan=False)
        return
    if arguments.json:
        with replacing(Path(arguments.json)) as file:
            json.dump(content, file, indent=2, allow_nan=False)
    here = machine()
    print(f"{here['processor']}, {here['cores']} cores, {here['system']}; {content['date']}; {content['command']}\n")
    print(table(results))


if __name__ == "__main__":
    try:
        main()
    except VqaError as error:
        sys.exit(f"benchmark: {error}")
