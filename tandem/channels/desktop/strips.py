"""What of a picture must be read anew when one that resembles it was read before: strips from its left to its right."""

from collections.abc import Iterable, Sequence

import numpy as np

from tandem.channels.desktop.driver import Box, Picture

Span = tuple[int, int]
"""The first row, and the first one below."""
_AROUND_PX = 32
"""Above and below what has changed: more than a line of text, and as much as the engine must see around one."""
_APART_PX, _RIM_PX = 12, 2
"""A border runs at least so far from every text that was read before; one that reaches so near to it may be cut off."""
_UNIT_PX = 32
"""A strip whose height is a multiple of it is not distorted by the engine."""


def changed(before: Picture, now: Picture, texts: Sequence[Box]) -> list[Box]:
    """The strips outside which both pictures, of one size, are the same; from top to bottom.

    ``texts`` is where something was read before: none of it stands across a border.
    """
    height, width = now.shape[:2]
    rows = np.flatnonzero((before.reshape(height, -1) != now.reshape(height, -1)).any(axis=1))
    spans = _merged((int(row) - _AROUND_PX, int(row) + 1 + _AROUND_PX) for row in rows)
    lines = [(text.y - _APART_PX, text.bottom + _APART_PX) for text in texts]
    while True:
        grown = _merged(_in_units(_around(span, lines), height) for span in spans)
        if grown == spans:
            return [Box(0, top, width, bottom - top) for top, bottom in spans]
        spans = grown


def is_cut_off(text: Box, strip: Box, height: int) -> bool:
    """Whether the text reaches to a border of its strip, but for the picture's own, which is so high.

    ``text`` is where it stands in the strip.
    """
    above, below = strip.y > 0, strip.bottom < height
    return (above and text.y < _RIM_PX) or (below and text.bottom > strip.height - _RIM_PX)


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Those that meet as one."""
    merged: list[Span] = []
    for top, bottom in sorted(spans):
        if merged and top <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(bottom, merged[-1][1]))
        else:
            merged.append((top, bottom))
    return merged


def _around(span: Span, lines: Sequence[Span]) -> Span:
    """The span with all lines that reach into it."""
    within = [span, *(line for line in lines if line[0] < span[1] and line[1] > span[0])]
    return min(top for top, _ in within), max(bottom for _, bottom in within)


def _in_units(span: Span, height: int) -> Span:
    """The span within the picture, grown to whole units, downwards where there is room."""
    top, bottom = max(0, span[0]), min(height, span[1])
    rows = min(height, -(-(bottom - top) // _UNIT_PX) * _UNIT_PX)
    top = min(top, height - rows)
    return top, top + rows
