"""Bars over a logarithmic axis, as SVG: from a tenth of a smoke to hundreds of them on one page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

_LEFT, _WIDTH, _ROW, _TOP = 300, 900, 26, 64
_BAR, _OTHER, _TEXT, _FAINT = "#2f6f9f", "#b0b7bd", "#222222", "#dddddd"


def bars(title: str, unit: str, rows: Sequence[tuple[str, float, bool]]) -> str:
    """Return a picture of *rows*: what, how much of *unit*, and whether it is minreq's own."""
    values = [value for _, value, _ in rows if value > 0]
    low = math.floor(math.log10(min(values)))
    high = max(math.ceil(math.log10(max(values))), low + 1)
    room = _WIDTH - _LEFT - 70

    def x(value: float) -> float:
        return _LEFT + (math.log10(value) - low) / (high - low) * room

    height = _TOP + _ROW * len(rows) + 16
    parts = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'font-family="sans-serif" font-size="12" fill="{_TEXT}">'
        ),
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="12" y="22" font-size="15">{escape(title)}</text>',
    ]
    for power in range(low, high + 1):
        at = x(10.0**power)
        parts.append(f'<path d="M{at:.1f} {_TOP - 8}V{height - 12}" stroke="{_FAINT}"/>')
        parts.append(f'<text x="{at:.1f}" y="{_TOP - 14}" text-anchor="middle">{10.0**power:g} {escape(unit)}</text>')
    for number, (name, value, own) in enumerate(rows):
        y = _TOP + _ROW * number
        end = x(value) if value > 0 else _LEFT
        parts.append(f'<text x="{_LEFT - 10}" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect x="{_LEFT}" y="{y + 2}" width="{max(end - _LEFT, 1):.1f}" height="{_ROW - 8}" '
            f'fill="{_BAR if own else _OTHER}"/>'
        )
        parts.append(f'<text x="{max(end, _LEFT) + 6:.1f}" y="{y + 15}">{value:.3g}</text>')
    return "\n".join([*parts, "</svg>", ""])
