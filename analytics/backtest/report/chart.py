"""Series over time in, a chart as HTML and SVG out, which fits any width and either theme.

Lines are drawn in a box of 1,000 by 100 that is stretched; words stand beside it in HTML, so that
they keep their size. Of many values the least and the greatest of each column are drawn.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from math import floor, isfinite, log10

import msgspec
import numpy as np
from numpy.typing import NDArray

from analytics.indicators.history import Series
from market.intervals import SECOND_NS

WIDTH, HEIGHT = 1_000.0, 100.0
COLUMNS = 700
TOLD = 400
"""Points that are told where one points at the chart."""

DRAWN_ALONE = 400
"""Marks that have a triangle each; more are strokes at the edge."""

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
LINES = 4


class Line(msgspec.Struct, frozen=True):
    """One series; ``colour`` is a variable of the page, such as ``up``."""

    name: str
    values: Series
    colour: str
    is_area: bool = False


class Mark(msgspec.Struct, frozen=True):
    """Something that happened at a time and a value; upwards: a purchase."""

    at_ns: int
    value: float
    is_up: bool


def chart(
    title: str,
    at_ns: NDArray[np.int64],
    lines: Sequence[Line],
    marks: Sequence[Mark] = (),
    *,
    form: str = ",.2f",
) -> str:
    """Draw series over one another.

    Args:
        title: Said above.
        at_ns: Rising; a time each value.
        lines: What is drawn, the first on top.
        marks: What is drawn on it.
        form: How values are written, as in f-strings.

    """
    low, high = _bounds(lines)
    box = _Box(int(at_ns[0]), max(int(at_ns[-1]), int(at_ns[0]) + 1), low, high)
    drawn = "".join(_drawn(line, at_ns, box) for line in reversed(lines))
    levels = list(_levels(low, high))
    grid = "".join(f'<path class="grid" d="M0 {box.y(v):.2f}H{WIDTH:.0f}"/>' for v in levels)
    named = "".join(
        f'<span class="key"><i style="background:var(--{line.colour})"></i>'
        f"{escape(line.name)}</span>"
        for line in lines
    )
    values = "".join(f'<span style="top:{box.y(v):.2f}%">{format(v, form)}</span>' for v in levels)
    return (
        f'<figure class="chart"><figcaption><b>{escape(title)}</b>{named}'
        f'<output></output></figcaption><div class="plot">'
        f'<svg viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}" preserveAspectRatio="none" role="img" '
        f'aria-label="{escape(title)}">{grid}{drawn}{_marked(marks, box)}'
        f'<path class="at" d=""/></svg><div class="values">{values}</div></div>'
        f'<div class="times">{_times(box)}</div>'
        f'<script type="application/json">{_told(at_ns, lines, box, form)}</script></figure>'
    )


class _Box(msgspec.Struct, frozen=True):
    start_ns: int
    end_ns: int
    low: float
    high: float

    def x(self, at_ns: int) -> float:
        return WIDTH * (at_ns - self.start_ns) / (self.end_ns - self.start_ns)

    def y(self, value: float) -> float:
        return HEIGHT * (self.high - value) / (self.high - self.low)


def _bounds(lines: Iterable[Line]) -> tuple[float, float]:
    low = min(float(np.min(line.values)) for line in lines)
    high = max(float(np.max(line.values)) for line in lines)
    room = 0.03 * (high - low) or 0.01 * abs(high) or 1.0
    return low - room, high + room


def _levels(low: float, high: float) -> Iterator[float]:
    """Yield some round values between two."""
    rough = (high - low) / LINES
    size = 10.0 ** floor(log10(rough))
    step = next((s * size for s in STEPS if s * size >= rough), 10.0 * size)
    if not (isfinite(step) and step > 0.0):
        return
    number = floor(low / step) + 1
    while number * step < high:
        yield number * step
        number += 1


def _drawn(line: Line, at_ns: NDArray[np.int64], box: _Box) -> str:
    places = _least_and_greatest(line.values)
    points = " ".join(
        f"{box.x(at):.2f} {box.y(value):.2f}"
        for at, value in zip(at_ns[places].tolist(), line.values[places].tolist(), strict=True)
    )
    if line.is_area:
        edge = min(max(box.y(0.0), 0.0), HEIGHT)
        shape = f"M0 {edge:.2f}L{points}L{WIDTH:.0f} {edge:.2f}Z"
        return f'<path class="area" style="fill:var(--{line.colour})" d="{shape}"/>'
    return f'<path class="line" style="stroke:var(--{line.colour})" d="M{points}"/>'


def _least_and_greatest(values: Series) -> NDArray[np.int64]:
    """Return the places of the values that show in a chart of `COLUMNS` columns."""
    size = len(values)
    if size <= 2 * COLUMNS:
        return np.arange(size)
    edges = np.linspace(0, size, COLUMNS + 1).astype(np.int64)
    found = {0, size - 1}
    for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[start:end]
        found |= {start + int(np.argmin(part)), start + int(np.argmax(part))}
    return np.array(sorted(found))


def _marked(marks: Sequence[Mark], box: _Box) -> str:
    alone = len(marks) <= DRAWN_ALONE
    shapes: dict[bool, list[str]] = {True: [], False: []}
    for mark in marks:
        x = box.x(mark.at_ns)
        if alone:
            y, tip = box.y(mark.value), (2.6 if mark.is_up else -2.6)
            shapes[mark.is_up].append(f"M{x:.2f} {y:.2f}l-4 {2 * tip:.1f}h8z")
        else:
            shapes[mark.is_up].append(
                f"M{x:.2f} {HEIGHT:.0f}v-3" if mark.is_up else f"M{x:.2f} 0v3"
            )
    kind = "mark" if alone else "stroke"
    return "".join(
        f'<path class="{kind} {"up" if is_up else "down"}" d="{"".join(found)}"/>'
        for is_up, found in shapes.items()
    )


def _times(box: _Box) -> str:
    seconds = (box.end_ns - box.start_ns) // SECOND_NS
    form = "%Y-%m-%d" if seconds > 4 * 86_400 else "%m-%d %H:%M"
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    moments = [box.start_ns + int(share * (box.end_ns - box.start_ns)) for share in shares]
    return "".join(
        f"<span>{datetime.fromtimestamp(at // SECOND_NS, UTC).strftime(form)}</span>"
        for at in moments
    )


def _told(at_ns: NDArray[np.int64], lines: Sequence[Line], box: _Box, form: str) -> str:
    """Return what is told where one points, as JSON: places from 0 to 1, times, texts."""
    places = np.unique(np.linspace(0, len(at_ns) - 1, min(TOLD, len(at_ns))).astype(np.int64))
    rows = [
        [
            round(box.x(at) / WIDTH, 4),
            f"{datetime.fromtimestamp(at // SECOND_NS, UTC):%Y-%m-%d %H:%M}",
            *(format(float(line.values[place]), form) for line in lines),
        ]
        for place, at in zip(places.tolist(), at_ns[places].tolist(), strict=True)
    ]
    return msgspec.json.encode(rows).decode().replace("<", "\\u003c")
