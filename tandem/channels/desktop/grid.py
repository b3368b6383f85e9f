"""Geometry of tables in a picture: those whose cells are framed fields, and lists whose cells have no frames."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.picture import INK, cut, edges

_NUMBER_STRIP_PX = 48
_MARGIN_PX = 5
"""By so much the place of a text that was read may be larger than the text."""
_RULE_PX = 4
"""Below a heading and beside it: what separates it from its rows and from its neighbour."""
_DOT_PX = 3
_UNEVEN_PX = 4
"""By so much the distances of rows may differ: the middle of a text is not always that of its row."""
_LEAST_PITCH_PX = 12
_ROOM_HEADINGS = 2
"""Where nothing is written for so many heights of a heading, the list has ended: no row is that high."""


class Ambiguous(Exception):
    """More than one place fits."""


class NotWhole(Exception):
    """There may be more of it than is shown."""


def framed(fields: Sequence[Box]) -> list[list[Box]] | None:
    """The longest run of rows whose boxes stand exactly below each other, at least two columns wide."""
    by_top: dict[int, list[Box]] = {}
    for box in fields:
        by_top.setdefault(box.y, []).append(box)
    runs: list[list[list[Box]]] = []
    for top in sorted(by_top):
        row = sorted(by_top[top], key=lambda box: box.x)
        if len(row) < 2:
            continue
        if runs and [box.x for box in runs[-1][-1]] == [box.x for box in row] and top - runs[-1][-1][0].bottom < 6:
            runs[-1].append(row)
        else:
            runs.append([row])
    tables = [run for run in runs if len(run) > 1]
    if len(tables) > 1:
        raise Ambiguous
    return tables[0] if tables else None


def series(numbers: Sequence[int | None]) -> int | None:
    """The first number less one, when nearly all of them count up from it; None when rows have no numbers."""
    votes = [number - index for index, number in enumerate(numbers) if number is not None]
    if not votes:
        return None
    start = max(set(votes), key=votes.count)
    if votes.count(start) * 4 < len(votes) * 3:
        raise Ambiguous
    return start - 1


def number_place(first: Box) -> Box:
    """Where the number of the row stands that begins with this field."""
    left = max(0, first.x - _NUMBER_STRIP_PX)
    return Box(left, first.y, max(1, first.x - left - 4), first.height)


def heading_row(picture: Picture, label: Box) -> list[Box] | None:
    """The headings of a list, from left to right: a line runs below them all, and rules part them.

    ``label`` stands in one of them. None where it stands in no such row.
    """
    edge = edges(picture)
    below = range(label.bottom - _MARGIN_PX, min(label.bottom + _MARGIN_PX, len(edge)))
    line = next((y for y in below if edge[y, label.x : label.right].all()), None)
    if line is None:
        return None
    left, right = _run(edge[line], label.centre[0])
    top = label.y + _MARGIN_PX
    rules = left + np.flatnonzero(edge[top : line - 1, left:right].all(axis=0))
    ends = [left - 1, *(int(x) for x in rules), right]
    headings = [Box(one + 1, top, other - one - 1, line - top) for one, other in pairwise(ends)]
    row = [each for each in headings if each.width > 2 * _RULE_PX]
    return row if len(row) > 1 else None


def _run(line: npt.NDArray[np.bool_], x: int) -> tuple[int, int]:
    """The first and the last but one place of the run in which ``x`` is."""
    gaps = np.flatnonzero(~line)
    before, after = gaps[gaps < x], gaps[gaps > x]
    return int(before[-1]) + 1 if len(before) else 0, int(after[0]) if len(after) else len(line)


def listed(picture: Picture, headings: Sequence[Box]) -> list[list[Box]]:
    """The cells of the rows below these headings, which are equally high and have no frames.

    Raises NotWhole when no room for another row is left below the last one, where there may be more of the list, above
    too; and when the rows are not equally far apart, where the last ones may be what follows the list.
    """
    top = headings[0].bottom + _RULE_PX
    lines = _Lines.of(picture, top, headings)
    room = _ROOM_HEADINGS * headings[0].height
    texts = lines.texts(room)
    middles = [(first + last) / 2 for first, last in texts]
    pitches = [below - above for above, below in pairwise(middles)]
    pitch = float(np.median(pitches)) if pitches else float(headings[0].height)
    uneven = bool(pitches) and max(pitches) - min(pitches) > _UNEVEN_PX
    if uneven or pitch < _LEAST_PITCH_PX or (texts and middles[0] > pitch):
        raise NotWhole
    lines.require_room(texts, round(pitch / 2), max(room, round(pitch)))
    bands = [(top + round(middle - pitch / 2) + 1, round(pitch) - 1) for middle in middles]
    return [[Box(each.x, y, each.width, height) for each in headings] for y, height in bands]


@dataclass(frozen=True)
class _Lines:
    """The scan lines below the headings: whether something is written in each, and the colour of its ground.

    ``heading``: the ground of the headings; that of the only row may be the one of what is marked.
    """

    heading: npt.NDArray[np.uint8]
    written: npt.NDArray[np.bool_]
    ground: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, picture: Picture, top: int, headings: Sequence[Box]) -> "_Lines":
        columns = [picture[top:, each.x + _RULE_PX : each.right - _RULE_PX] for each in headings]
        area = np.concatenate(columns, axis=1)
        ground = np.median(area, axis=1)
        written = (np.abs(area.astype(np.int16) - ground[:, None]).max(axis=2) > INK).any(axis=1)
        heading = np.median(cut(picture, headings[0]).reshape(-1, 3), axis=0)
        return cls(heading.astype(np.uint8), written, ground.astype(np.uint8))

    def texts(self, room: int) -> list[tuple[int, int]]:
        """First and last line of each line of text, down to the first gap higher than ``room``."""
        found: list[tuple[int, int]] = []
        for line in np.flatnonzero(self.written):
            if line - (found[-1][1] if found else 0) > room:
                break
            if found and line - found[-1][1] <= _DOT_PX:
                found[-1] = (found[-1][0], int(line))
            else:
                found.append((int(line), int(line)))
        return found

    def require_room(self, texts: Sequence[tuple[int, int]], below: int, height: int) -> None:
        """Raises NotWhole unless so much room is left so far below the last text, on a ground that rows stand on."""
        start = texts[-1][1] + below if texts else 0
        room = slice(start, start + height)
        ground = self.ground[room]
        if len(ground) < height or self.written[room].any() or (ground != ground[0]).any():
            raise NotWhole
        if texts:
            blank = ~self.written[: texts[-1][1]]
            grounds = np.concatenate([self.heading[None], self.ground[: texts[-1][1]][blank]])
            if not (grounds == ground[0]).all(axis=1).any():
                raise NotWhole
