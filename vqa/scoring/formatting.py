"""How reports print numbers: a rate below 1 is never printed as 1."""

from __future__ import annotations

import math
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

NOT_AVAILABLE = "n/a"


def _format(value: float | None, whole: int, digits: int) -> str:
    """Return `value` with `digits` decimals, cut off instead of rounded where rounding would reach `whole`."""
    if value is None or math.isnan(value):
        return NOT_AVAILABLE
    exact = Decimal(value)
    step = Decimal(1).scaleb(-digits)
    rounded = exact.quantize(step, ROUND_HALF_UP)
    if exact < whole <= rounded:
        rounded = exact.quantize(step, ROUND_DOWN)
    return str(rounded)


def format_rate(value: float | None, digits: int = 4) -> str:
    """Return a rate in [0, 1] as text; below 1 it never reads 1, and where there is none it reads "n/a".

    >>> format_rate(0.9999999), format_rate(1.0), format_rate(0.5), format_rate(None)
    ('0.9999', '1.0000', '0.5000', 'n/a')
    """
    return _format(value, 1, digits)


def format_percent(value: float | None, digits: int = 2) -> str:
    """Return a percentage in [0, 100] as text without its sign; below 100 it never reads 100.

    >>> format_percent(99.99999), format_percent(100.0), format_percent(20.845)
    ('99.99', '100.00', '20.84')
    """
    return _format(value, 100, digits)


def format_interval(low: float, high: float) -> str:
    """Return an interval of rates in [0, 1] as text.

    >>> format_interval(0.25, 0.9999999)
    '[0.2500, 0.9999]'
    """
    return f"[{format_rate(low)}, {format_rate(high)}]"


def round_percent(percent: float) -> float:
    """Return a percentage rounded to two decimals as Python 2 rounds: exact halves away from zero.

    The official evaluator ran under Python 2; Python 3 rounds exact halves to even (5.625 to 5.62, not 5.63).

    >>> round_percent(5.625), round_percent(200 / 3)
    (5.63, 66.67)
    """
    return float(Decimal(percent).quantize(Decimal("0.01"), ROUND_HALF_UP))


def format_count(count: int) -> str:
    """Return a count with separators between the thousands.

    >>> format_count(443757)
    '443,757'
    """
    return f"{count:,}"
