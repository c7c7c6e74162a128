"""Charts as inline SVG of an HTML page, coloured by the page's style so that they follow dark mode."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from vqa.scoring.calibration import ReliabilityBin
from vqa.scoring.formatting import format_rate

_WIDTH, _HEIGHT = 460, 230
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 12, 10, 34


class Series(NamedTuple):
    """A line of a chart: (x, y) points, without those that are NaN; `style` is "a", "b" or "c"."""

    name: str
    style: str
    points: Sequence[tuple[float, float]]
    dashed: bool = False


class Frame(NamedTuple):
    """The data range that a chart shows."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def x(self, value: float) -> float:
        """Return the horizontal coordinate of a value."""
        span = (self.x_high - self.x_low) or 1.0
        return round(_LEFT + (value - self.x_low) / span * (_WIDTH - _LEFT - _RIGHT), 2)

    def y(self, value: float) -> float:
        """Return the vertical coordinate of a value."""
        span = (self.y_high - self.y_low) or 1.0
        return round(_HEIGHT - _BOTTOM - (value - self.y_low) / span * (_HEIGHT - _TOP - _BOTTOM), 2)


def bar(
    value: float | None,
    style: str = "own",
    low: float | None = None,
    high: float | None = None,
    ceiling: float | None = None,
) -> Markup:
    """Return a horizontal bar from 0 to 1, with the interval as a whisker and the ceiling as a tick."""
    if value is None or math.isnan(value):
        return Markup("")
    parts = [
        Markup('<rect class="track-back" y="2" width="100%" height="8" rx="4"/>'),
        Markup('<rect class="fill-{}" y="2" width="{}%" height="8" rx="4"/>').format(style, _percent(value)),
    ]
    if low is not None and high is not None:
        line = '<line class="whisker" x1="{}%" x2="{}%" y1="6" y2="6"/>'
        parts.append(Markup(line).format(_percent(low), _percent(high)))
    if ceiling is not None and not math.isnan(ceiling):
        parts.append(Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="0" y2="12"/>').format(_percent(ceiling)))
    return Markup('<svg role="img" aria-label="{}">{}</svg>').format(format_rate(value), Markup("").join(parts))


def _percent(value: float) -> float:
    return round(100 * min(max(value, 0.0), 1.0), 2)


def line_chart(
    series: Sequence[Series], x_label: str, lowest: float | None = None, highest: float | None = None
) -> Markup:
    """Return a line chart with a grid, or an empty text if no series has a point.

    Parameters
    ----------
    x_label : under the horizontal axis, whose values are whole numbers
    lowest, highest : limits of the axis, such as 0 and 1 for accuracies
    """
    series = [line._replace(points=[point for point in line.points if math.isfinite(point[1])]) for line in series]
    points = [point for line in series for point in line.points]
    if not points:
        return Markup("")
    ticks = _ticks(min(y for _, y in points), max(y for _, y in points), lowest, highest)
    frame = Frame(min(x for x, _ in points), max(x for x, _ in points), ticks[0], ticks[-1])
    parts = [_grid(frame, ticks)]
    parts += [_x_tick(frame, x, f"{x:.0f}") for x in _whole_ticks(frame.x_low, frame.x_high)]
    parts.append(_x_title(x_label))
    parts += [_line(frame, line) for line in series if line.points]
    return _svg(parts, f"{' and '.join(line.name for line in series)} by {x_label}")


def legend(series: Sequence[Series]) -> Markup:
    """Return the legend of a chart: each name with a sample of its line."""
    pieces = [
        Markup(
            '<span class="chart"><svg aria-hidden="true"><path class="line {}{}" d="M1 5H21"/></svg>{}</span>'
        ).format(line.style, " dashed" if line.dashed else "", line.name)
        for line in series
    ]
    return Markup('<div class="legend">{}</div>').format(Markup("").join(pieces))


def reliability_chart(bins: Sequence[ReliabilityBin]) -> Markup:
    """Return the chart of accuracy by confidence; a perfectly calibrated network lies on the diagonal."""
    frame = Frame(0.0, 1.0, 0.0, 1.0)
    parts = [_grid(frame, [0.0, 0.25, 0.5, 0.75, 1.0])]
    parts += [_x_tick(frame, x, f"{x:g}") for x in (0.0, 0.25, 0.5, 0.75, 1.0)]
    diagonal = '<path class="ideal" d="M{} {}L{} {}"/>'
    parts.append(Markup(diagonal).format(frame.x(0), frame.y(0), frame.x(1), frame.y(1)))
    largest = max((group.n for group in bins), default=1)
    dots = [
        (group.confidence, group.accuracy, group.n)
        for group in bins
        if group.confidence is not None and group.accuracy is not None
    ]
    parts.append(_line(frame, Series("accuracy", "a", [(x, y) for x, y, _ in dots]), dots=False))
    for confidence, accuracy, count in dots:
        title = f"{count:,} questions: confidence {format_rate(confidence)}, accuracy {format_rate(accuracy)}"
        radius = round(3 + 9 * math.sqrt(count / largest), 2)
        circle = '<circle class="dot a" cx="{}" cy="{}" r="{}" fill-opacity="0.75"><title>{}</title></circle>'
        parts.append(Markup(circle).format(frame.x(confidence), frame.y(accuracy), radius, title))
    parts.append(_x_title("confidence"))
    return _svg(parts, "accuracy by confidence")


def _svg(parts: Sequence[Markup], label: str) -> Markup:
    head = '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>'
    return Markup(head).format(_WIDTH, _HEIGHT, label, Markup("").join(parts))


def _grid(frame: Frame, ticks: Sequence[float]) -> Markup:
    digits = max(0, -math.floor(math.log10(ticks[1] - ticks[0]) + 1e-9)) if len(ticks) > 1 else 2
    if len(ticks) > 1 and round(ticks[1] - ticks[0], digits) != round(ticks[1] - ticks[0], 10):
        digits += 1
    parts = [
        Markup('<path class="grid" d="M{} {y}H{}"/><text x="{}" y="{}" text-anchor="end">{}</text>').format(
            _LEFT, _WIDTH - _RIGHT, _LEFT - 7, frame.y(tick) + 4, f"{tick:.{digits}f}", y=frame.y(tick)
        )
        for tick in ticks
    ]
    return Markup("").join(parts)


def _x_tick(frame: Frame, value: float, label: str) -> Markup:
    text = '<text x="{}" y="{}" text-anchor="middle">{}</text>'
    return Markup(text).format(frame.x(value), _HEIGHT - _BOTTOM + 17, label)


def _x_title(label: str) -> Markup:
    text = '<text x="{}" y="{}" text-anchor="end">{}</text>'
    return Markup(text).format(_WIDTH - _RIGHT, _HEIGHT - 2, escape(label))


def _line(frame: Frame, line: Series, dots: bool = True) -> Markup:
    places = [(frame.x(x), frame.y(y)) for x, y in line.points]
    path = "M" + "L".join(f"{x} {y}" for x, y in places)
    parts = [
        Markup('<path class="line {}{}" d="{}"/>').format(line.style, " dashed" if line.dashed else "", path)
        if len(places) > 1
        else Markup("")
    ]
    if dots and not line.dashed:
        circle = '<circle class="dot {}" cx="{}" cy="{}" r="3.5"><title>{} {}: {}</title></circle>'
        parts += [
            Markup(circle).format(line.style, place[0], place[1], line.name, f"{x:g}", f"{y:.4f}")
            for place, (x, y) in zip(places, line.points)
        ]
    return Markup("").join(parts)


def _ticks(low: float, high: float, lowest: float | None, highest: float | None) -> list[float]:
    """Return about five round numbers that enclose `low` and `high`, within the limits of the axis."""
    span = max(high - low, 0.02 * max(abs(high), 1e-3))
    magnitude = 10.0 ** math.floor(math.log10(span / 4))
    step = next(magnitude * factor for factor in (1, 2, 2.5, 5, 10) if span / (magnitude * factor) <= 5)
    first = math.floor(low / step + 1e-9)
    last = math.ceil(high / step - 1e-9)
    ticks = [number * step for number in range(first, max(last, first + 1) + 1)]
    if lowest is not None and ticks[0] < lowest:
        ticks = ticks[1:] if len(ticks) > 2 else [lowest, *ticks[1:]]
    if highest is not None and ticks[-1] > highest + 1e-9:
        ticks = [tick for tick in ticks if tick <= highest]
    return ticks if len(ticks) > 1 else [ticks[0] - step, ticks[0]]


def _whole_ticks(low: float, high: float) -> list[int]:
    step = max(1, math.ceil((high - low) / 8))
    return list(range(math.ceil(low), math.floor(high) + 1, step))
