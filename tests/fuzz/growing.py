"""Files grow tenfold by copies of a random piece: the time of a reader must grow with the size, not its square."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from pathlib import Path

from mutations import damaged, mutated
from readers import Reader
from running import One, bounded_complaint

SMALL, LARGE = 40_000, 400_000
# Ten times the size may take ten times as long; the square is a hundred times. What is over soon is not compared.
MOST, SECONDS = 40, 0.3


def by_copies(reader: Reader, seed: int, one: One) -> None:
    """Let files grow by pieces of the valid file, and of damaged ones."""
    numbers = random.Random(seed)
    while True:
        data = numbers.choice((reader.seed, damaged(reader.seed, reader.form, numbers)))
        of_size = _growing(data, numbers)
        if not one(of_size(LARGE), _compared_with(of_size(SMALL))):
            return


def _growing(data: bytes, numbers: random.Random) -> Callable[[int], bytes]:
    """Return what makes a file of a size by copies of a piece; in half of the cases its numbers differ."""
    start = numbers.randint(0, len(data))
    if numbers.random() < 0.5:  # where a line, a member of a list or a cell begins
        start = max(data.rfind(mark, 0, start) for mark in (b"\n", b"{", b"[", b",")) + 1
    end = start + numbers.choice((1, 2, 3, 8, 20, 60, 200))
    piece, distinct = data[start:end], numbers.random() < 0.5
    piece = (mutated(piece, numbers) if numbers.random() < 0.5 else piece) or b"a"

    def of_size(size: int) -> bytes:
        copies = [piece] * (size // len(piece))
        if distinct:
            copies = [re.sub(rb"\d+", b"%d" % number, piece) for number in range(len(copies))]
        return data[:start] + b"".join(copies) + data[end:]

    return of_size


def _compared_with(small: bytes) -> Callable[[Reader, Path], str]:
    def check(reader: Reader, path: Path) -> str:
        large = path.read_bytes()
        found, seconds = _timed(reader, path)
        if found or seconds < SECONDS:
            return found
        path.write_bytes(small)
        found, before = _timed(reader, path)
        path.write_bytes(large)
        again = min(seconds, _timed(reader, path)[1])
        return found or (f"the square: {again:.1f} s, a tenth of it {before:.3f} s" if again > MOST * before else "")

    return check


def _timed(reader: Reader, path: Path) -> tuple[str, float]:
    started = time.process_time()
    found = bounded_complaint(reader, path)
    return found, time.process_time() - started
