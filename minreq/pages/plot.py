"""Draws bar charts and line charts as SVG; pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 960, 460
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 20, 70, 90
#: The approximate number of grid lines.
_LINES = 5
_COLOURS = ("#2a6f97", "#e07a3f", "#6a994e", "#8d6a9f", "#b8a13a", "#9a9a9a")
_TEXT, _FAINT = "#24292f", "#d8dee4"
#: A browser shows the chart on a dark page with these; other viewers read the attributes of the elements.
_STYLE = (
    "<style>@media (prefers-color-scheme: dark) { svg { fill: #e6edf3 } .page { fill: #0d1117 } "
    ".line { stroke: #30363d } .mark { stroke: #e6edf3 } }</style>"
)
#: The width of a character of the legend, about.
_CHARACTER = 6.6
_MB = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A column of stacked parts, in bytes, with a line across it at *mark*."""

    label: str
    parts: tuple[int, ...]
    mark: int | None = None
    #: Drawn pale: it cannot be used.
    pale: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line over all labels, in bytes; ``None`` is a gap."""

    name: str
    values: tuple[int | None, ...]


def render_bars(title: str, legend: Sequence[str], columns: Sequence[Bar], *, mark: str = "") -> str:
    """Return the chart. *legend* names the parts of the columns, *mark* the lines across them."""
    step, top = _scale(max((max(sum(bar.parts), bar.mark or 0) for bar in columns), default=0))
    names = _legend(legend, mark if any(bar.mark is not None for bar in columns) else "")
    return _page(title, (*names, *_grid(top, step), *_columns(columns, top)))


def render_lines(title: str, labels: Sequence[str], lines: Sequence[Line]) -> str:
    """Return the chart of *lines* over *labels*."""
    step, top = _scale(max((value for line in lines for value in line.values if value is not None), default=0))
    drawn = (part for number, line in enumerate(lines) for part in _line(line, number, labels, top))
    return _page(title, (*_legend([line.name for line in lines], ""), *_grid(top, step), *_labels(labels), *drawn))


def _page(title: str, content: Sequence[str]) -> str:
    return "\n".join(
        (
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" '
                f'font-family="system-ui, sans-serif" font-size="12" fill="{_TEXT}">'
            ),
            f"<title>{escape(title)}</title>",
            _STYLE,
            f'<rect class="page" width="{_WIDTH}" height="{_HEIGHT}" fill="#ffffff"/>',
            f'<text x="{_LEFT}" y="20" font-size="16" font-weight="600">{escape(title)}</text>',
            *content,
            "</svg>",
            "",
        )
    )


def _scale(highest: int) -> tuple[int, int]:
    """Return the bytes between two grid lines, and those of the top one."""
    step = _grid_step(highest or 1)
    return step, math.ceil((highest or 1) / step) * step


def _labels(labels: Sequence[str]) -> Iterator[str]:
    for number, label in enumerate(labels):
        yield _label(_x(number, len(labels)), label)


def _label(x: float, label: str) -> str:
    place = f"translate({x + 4:.1f} {_HEIGHT - _BOTTOM + 16}) rotate(-40)"
    return f'<text transform="{place}" text-anchor="end">{escape(label)}</text>'


def _line(line: Line, number: int, labels: Sequence[str], top: int) -> Iterator[str]:
    """Yield a path for each part without a gap, and a point for each value."""
    colour, moves = _COLOURS[number % len(_COLOURS)], []
    for place, value in enumerate(line.values):
        if value is None:
            continue
        is_next = place > 0 and line.values[place - 1] is not None
        moves.append(f"{'L' if is_next else 'M'}{_x(place, len(labels)):.1f} {_y(value, top):.1f}")
    yield f'<path d="{"".join(moves)}" fill="none" stroke="{colour}" stroke-width="2.5"/>'
    for place, (label, value) in enumerate(zip(labels, line.values, strict=True)):
        if value is not None:
            title = f"<title>{escape(line.name)}, {escape(label)}: {value:,} bytes</title>"
            at = f'cx="{_x(place, len(labels)):.1f}" cy="{_y(value, top):.1f}"'
            yield f'<circle {at} r="3.5" fill="{colour}">{title}</circle>'


def _x(number: int, count: int) -> float:
    return _LEFT + (_WIDTH - _LEFT - _RIGHT) * (number + 0.5) / max(count, 1)


def _grid_step(highest: int) -> int:
    """Return a round number of bytes between two grid lines."""
    rough = highest / _LINES
    size = 10 ** math.floor(math.log10(rough)) if rough >= 1 else 1
    return int(next((factor * size for factor in (1, 2, 5) if factor * size >= rough), 10 * size))


def _legend(names: Sequence[str], mark: str) -> Iterator[str]:
    x, y = float(_LEFT), 34
    for name, colour in [*zip(names, _COLOURS, strict=False), *([(mark, "")] if mark else [])]:
        width = 34 + _CHARACTER * len(name)
        if x > _LEFT and x + width > _WIDTH:
            x, y = float(_LEFT), y + 16
        yield (
            f'<rect x="{x:.0f}" y="{y}" width="12" height="12" rx="2" fill="{colour}"/>'
            if colour
            else f'<path class="mark" d="M{x - 2:.0f} {y + 6}h14" stroke="{_TEXT}" stroke-width="2"/>'
        )
        yield f'<text x="{x + 17:.0f}" y="{y + 10}">{escape(name)}</text>'
        x += width


def _grid(top: int, step: int) -> Iterator[str]:
    for value in range(0, top + 1, step):
        y = _y(value, top)
        yield f'<path class="line" d="M{_LEFT} {y:.1f}H{_WIDTH - _RIGHT}" stroke="{_FAINT}"/>'
        yield f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{value / _MB:g} MB</text>'


def _columns(columns: Sequence[Bar], top: int) -> Iterator[str]:
    width = min((_WIDTH - _LEFT - _RIGHT) / max(len(columns), 1) * 0.7, 60)
    for number, bar in enumerate(columns):
        centre = _x(number, len(columns))
        x = centre - width / 2
        total = 0
        yield f'<g opacity="{0.4 if bar.pale else 1}">'
        for part, colour in zip(bar.parts, _COLOURS, strict=False):
            total += part
            height = part / top * (_HEIGHT - _TOP - _BOTTOM)
            yield (
                f'<rect x="{x:.1f}" y="{_y(total, top):.1f}" width="{width:.1f}" height="{height:.1f}" '
                f'fill="{colour}"><title>{escape(bar.label)}: {part:,} bytes</title></rect>'
            )
        yield "</g>"
        if bar.mark is not None:
            place = f"M{x - 4:.1f} {_y(bar.mark, top):.1f}h{width + 8:.1f}"
            yield f'<path class="mark" d="{place}" stroke="{_TEXT}" stroke-width="2"/>'
        yield f'<text x="{centre:.1f}" y="{_y(total, top) - 5:.1f}" text-anchor="middle">{total / _MB:.0f}</text>'
        yield _label(centre, bar.label)


def _y(value: float, top: int) -> float:
    return _HEIGHT - _BOTTOM - value / top * (_HEIGHT - _TOP - _BOTTOM)
