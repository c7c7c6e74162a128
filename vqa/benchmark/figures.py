"""Figures: what was measured, what it was compared with, what it should reach; as a table and as JSON."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

from vqa._mxnet_import import usable_cores
from vqa.benchmark.worker import ENVIRONMENT, Timing

# What decides how fast the libraries are, beside the machine.
VARIABLES = ("OMP_NUM_THREADS", "OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "MKL_NUM_THREADS", "MXNET_ENGINE_TYPE")
GIGA = 1e9
PACKAGES = ("vqa", "mxnet", "numpy", "pandas", "torch")


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Attributes
    ----------
    name : what was measured
    value : of this package, in `unit`
    other : the same of what it is compared with, which `against` names; None where there is nothing
    ratio : how the two compare, where they do; in turns, so not exactly the quotient of `value` and `other`
    at_least, at_most : what is to be reached, by the ratio where there is one, else by the value; None: as found
    flops_per_second : floating-point operations of this package's matrix products per second, where they were counted
    """

    name: str
    value: float
    unit: str
    against: str = ""
    other: float | None = None
    ratio: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    flops_per_second: float | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None where there is none."""
        measured = self.value if self.ratio is None else self.ratio
        if self.at_least is not None:
            return measured >= self.at_least
        return None if self.at_most is None else measured <= self.at_most

    def to_json(self) -> dict[str, Any]:
        """Return the attributes and `reached` as plain values; a value that was never reached is null."""
        return {**asdict(self), "value": self.value if math.isfinite(self.value) else None, "reached": self.reached}

    def cells(self, matrix_speed: float | None = None, *, busy: bool = False) -> tuple[str, ...]:
        """Return what was measured, value, other value, ratio, goal and limit as the table shows them.

        Parameters
        ----------
        matrix_speed : floating-point operations per second of the machine's matrix product
        busy : whether other programs used the machine, so that nothing can be called reached

        >>> Figure("training", 4.0, "questions/s", "PyTorch", 2.0, 2.03, 1.5, flops_per_second=30e9).cells(120e9)
        ('training', '4.00 questions/s', '2.00 (PyTorch)', '2.03', '>= 1.5: reached', '0.25 of 120 GFLOP/s')
        """
        other = "" if self.other is None else f"{rounded(self.other)} ({self.against})"
        goal = "as found"
        if self.reached is not None:
            sign, bound = (">=", self.at_least) if self.at_least is not None else ("<=", self.at_most)
            verdict = "machine busy" if busy else "reached" if self.reached else "MISSED"
            goal = f"{sign} {bound:g}: {verdict}"
        ratio = "" if self.ratio is None else rounded(self.ratio)
        limit = ""
        if self.flops_per_second is not None and matrix_speed is not None:
            limit = f"{self.flops_per_second / matrix_speed:.2f} of {matrix_speed / GIGA:.0f} GFLOP/s"
        return self.name, f"{rounded(self.value)} {self.unit}".strip(), other, ratio, goal, limit


class Result(NamedTuple):
    """The figures of one benchmark, and plain values that say how they came about."""

    figures: list[Figure]
    details: dict[str, Any]


def rounded(value: float) -> str:
    """Return a number with three digits or whole where it has more, and a fraction with four.

    >>> rounded(0.999912), rounded(1.2345), rounded(12345.6), rounded(1.2e-7)
    ('0.9999', '1.23', '12,346', '1.2e-07')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if abs(value) >= 1:
        return f"{value:.{2 if abs(value) < 10 else 1}f}"
    return f"{value:.4f}" if abs(value) >= 0.001 or not value else f"{value:.1e}"


def speed(
    name: str,
    timings: Mapping[str, Timing],
    ours: str,
    theirs: str,
    *,
    at_least: float | None = None,
) -> Figure:
    """Return the questions per second of one alternative against those of another."""
    mine, other = timings[ours], timings[theirs]
    rate, other_rate = (timing.facts["questions"] / timing.median for timing in (mine, other))
    per_step = mine.facts["questions"] / other.facts["questions"]
    ratio = mine.times_faster_than(other) * per_step
    flops = mine.facts["flops"] / mine.median if "flops" in mine.facts else None
    return Figure(name, rate, "questions/s", theirs, other_rate, ratio, at_least=at_least, flops_per_second=flops)


def timings_json(timings: Mapping[str, Timing]) -> dict[str, Any]:
    """Return every repetition of every alternative, in seconds per step, with the facts of its job."""
    return {name: {"seconds_a_step": timing.seconds, **timing.facts} for name, timing in timings.items()}


def table(results: Mapping[str, Result], matrix_speed: float | None = None, *, busy: bool = False) -> str:
    """Return the table of all results in Markdown, its columns lined up; the other arguments as in `Figure.cells`."""
    rows: list[tuple[str, ...]] = [("benchmark", "measured", "here", "against", "ratio", "to reach", "limit")]
    for benchmark, result in results.items():
        rows += [(benchmark, *figure.cells(matrix_speed, busy=busy)) for figure in result.figures]
    widths = [max(map(len, column)) for column in zip(*rows)]
    rule = ["-" * width for width in widths]
    return "\n".join(_line(row, widths) for row in (rows[0], rule, *rows[1:]))


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return f"| {' | '.join(cell.ljust(width) for cell, width in zip(cells, widths))} |"


def machine() -> dict[str, Any]:
    """Return the processor, the cores that may be used, the system, versions and the variables that decide speed."""
    return {
        "processor": _processor(),
        "cores": usable_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in PACKAGES},
        "variables": {name: ENVIRONMENT[name] for name in VARIABLES if name in ENVIRONMENT},
    }


def _processor() -> str:
    """Return the model of the processor, as far as the system tells."""
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
