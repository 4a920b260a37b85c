"""Plots as markup: distributions, curves, bars and timelines, in colours that the style sheet decides."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from jaxtyping import Float

WIDTH, HEIGHT = 760, 240  # of a plot, in its own units
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 20, 40  # margins around what is drawn
STYLES = 7  # colours of the style sheet: s0 to s6
BINS = 60
TIMELINE_COLUMNS = 1000
MAX_CURVE_POINTS = 2000


@dataclass(frozen=True)
class _Axes:
    """The drawn part of a plot, from 0 or a lower end to an upper end along x and y."""

    x: tuple[float, float]
    y: tuple[float, float]

    def at(self, x: float, y: float) -> tuple[float, float]:
        (left, right), (low, high) = self.x, self.y
        across, upward = (x - left) / (right - left), (y - low) / (high - low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - upward * (HEIGHT - TOP - BOTTOM)

    def frame(self, x_name: str, y_name: str) -> str:
        """Grid, numbers and names of both axes."""
        parts = []
        for value in ticks(*self.y, 5):
            _, y = self.at(self.x[0], value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
            parts.append(f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:g}</text>')
        for value in ticks(*self.x, 10):
            x, _ = self.at(value, self.y[0])
            parts.append(f'<text x="{x:.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<text x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_name)}</text>')
        parts.append(f'<text x="2" y="12">{escape(y_name)}</text>')
        return "".join(parts)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Shares of values from 0 to ``limit``, the last bin with all beyond; ``marks`` are lines at values of note."""

    series: Mapping[str, Float[np.ndarray, " _"]]  # finite values >= 0, by name
    x_name: str
    limit: float
    marks: Mapping[str, float]  # by name
    y_name: str = "% of the points"

    def html(self) -> str:
        edges = np.linspace(0, self.limit, BINS + 1)
        shares = {
            name: np.histogram(np.minimum(values, self.limit), edges)[0] * 100 / max(len(values), 1)
            for name, values in self.series.items()
        }
        axes = _Axes((0.0, self.limit), (0.0, max(1.0, *(float(share.max()) for share in shares.values())) * 1.05))
        base = HEIGHT - BOTTOM
        parts = [axes.frame(self.x_name, self.y_name)]
        for number, share in enumerate(shares.values()):
            corners = (axes.at(x, y) for x, y in zip(np.repeat(edges, 2)[1:-1], np.repeat(share, 2), strict=True))
            outline = "L".join(f"{x:.1f} {y:.1f}" for x, y in corners)
            parts.append(f'<path class="area s{number % STYLES}" d="M{LEFT} {base}L{outline}V{base}Z"/>')
        for name, value in self.marks.items():
            if value <= self.limit:
                x, _ = axes.at(value, 0.0)
                parts.append(f'<path class="mark" d="M{x:.1f} {TOP}V{base}"/>')
                parts.append(f'<text class="mark-name" x="{x + 4:.1f}" y="{TOP + 10}">{escape(name)}</text>')
        return _plot(tuple(self.series), parts)


@dataclass(frozen=True, eq=False)
class Curves:
    """Values over a common axis; NaN interrupts a curve."""

    x: Float[np.ndarray, " n"]
    series: Mapping[str, Float[np.ndarray, " n"]]
    x_name: str
    y_name: str

    def html(self) -> str:
        known = np.concatenate([values[np.isfinite(values)] for values in self.series.values()])
        if not len(known):
            return f'<p class="note">{escape(self.y_name)}: no values.</p>'
        low, high = min(0.0, float(known.min())), float(known.max())
        left, right = float(self.x.min()), float(self.x.max())
        axes = _Axes((left, right if right > left else left + 1), (low, (high if high > low else low + 1) * 1.05))
        parts = [axes.frame(self.x_name, self.y_name)]
        for number, values in enumerate(self.series.values()):
            parts.append(f'<path class="curve s{number % STYLES}" d="{self._path(axes, values)}"/>')
        return _plot(tuple(self.series), parts)

    def _path(self, axes: _Axes, values: Float[np.ndarray, " n"]) -> str:
        commands, drawing = [], False
        every = -(-len(self.x) // MAX_CURVE_POINTS)
        for x, y in zip(self.x[::every], values[::every], strict=True):
            if math.isfinite(y):
                across, down = axes.at(float(x), float(y))
                # A point between two gaps would be invisible without a line of its own.
                commands.append(f"{'L' if drawing else 'M'}{across:.1f} {down:.1f}" + ("" if drawing else "h.5"))
            drawing = math.isfinite(y)
        return "".join(commands)


@dataclass(frozen=True)
class Bars:
    """Amounts beside each other, each with its text."""

    values: Mapping[str, tuple[float, str]]

    def html(self) -> str:
        most = max((value for value, _ in self.values.values()), default=0) or 1
        rows = (
            (name, f'<rect class="s0" width="{100 * value / most:.2f}" height="1"/>', text)
            for name, (value, text) in self.values.items()
        )
        return _strips(100, rows)


@dataclass(frozen=True)
class Timeline:
    """What became of each of a row of things, one line a state."""

    states: Sequence[str]

    def html(self) -> str:
        names = {state: self.states.count(state) for state in dict.fromkeys(self.states)}
        columns = min(len(self.states), TIMELINE_COLUMNS)
        rows = []
        for number, (name, count) in enumerate(sorted(names.items(), key=lambda item: -item[1])):
            at = {place * columns // len(self.states) for place, state in enumerate(self.states) if state == name}
            path = "".join(f"M{start} 0h{length}v1h-{length}z" for start, length in _runs(sorted(at)))
            share = f"{count:,} ({100 * count / len(self.states):.0f} %)"
            rows.append((name, f'<path class="s{number % STYLES}" d="{path}"/>', share))
        return _strips(max(columns, 1), rows)


def ticks(low: float, high: float, at_most: int) -> list[float]:
    """Round numbers between two, steps of 1, 2 or 5 times a power of ten."""
    rough = (high - low) / at_most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First number and length of each row of consecutive ones."""
    start = 0
    for place in range(1, len(numbers) + 1):
        if place == len(numbers) or numbers[place] != numbers[place - 1] + 1:
            yield numbers[start], place - start
            start = place


def _plot(names: Sequence[str], parts: Sequence[str]) -> str:
    keys = "".join(
        f'<span><svg viewBox="0 0 1 1" aria-hidden="true"><rect class="s{number % STYLES}" width="1" height="1"/></svg>'
        f"{escape(name)}</span>"
        for number, name in enumerate(names)
    )
    drawn = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(", ".join(names))}">{"".join(parts)}'
    return f'<div class="keys">{keys}</div><div class="plot">{drawn}</svg></div>'


def _strips(width: int, rows: Iterator[tuple[str, str, str]] | Sequence[tuple[str, str, str]]) -> str:
    """Lines of a name, a strip of drawing and a text."""
    lines = (
        f'<div class="strip"><span>{escape(name)}</span>'
        f'<svg viewBox="0 0 {width} 1" preserveAspectRatio="none" aria-hidden="true">{drawn}</svg>'
        f"<span>{escape(text)}</span></div>"
        for name, drawn, text in rows
    )
    return f'<div class="strips">{"".join(lines)}</div>'
