"""Write simulated predictions, and the questions that they answer, as Parquet parts of any size.

python scripts/synthetic_parts.py parts --questions 1000000 --parts 4
vqa score parts/predictions --data parts/questions
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vqa.benchmark.parts import write_parts


def main() -> None:
    """Read the options and write all parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--questions", type=int, default=1_000_000)
    parser.add_argument("--parts", type=int, default=4, help="number of files")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    write_parts(given.folder, given.questions, given.parts, given.seed)


if __name__ == "__main__":
    main()
