"""Geometry of a window's picture: the boxes of its fields and buttons, the ink in them, whether it is blank."""

import cv2
import numpy as np
import numpy.typing as npt

from tandem.channels.desktop.driver import Box, Picture

_STEP = 10
"""A difference of neighbouring grey values that is an edge."""
INK = 60
"""A difference from the ground that is something written."""
_SMALLEST, _TALLEST_PX = 10, 90
_ROUND_PX = 6
"""The widest rounding of a corner: a field of GTK has 3 pixels of it in a frame one pixel wide."""
_RIM_PX = 12
"""More than a field's own margin and a space: beside a text that is cut off there is never so much room."""
_BLANK_SHARE = 0.999
_PADDING_PX = (4, 4, 8, 8)


def boxes(picture: Picture) -> list[Box]:
    """The insides of all framed rectangles, from top to bottom and left to right.

    A field's inside is an even area whose rim touches nothing but its frame, whatever is written within; its corners
    may be rounded.
    """
    edge = edges(picture)
    count, labels, stats, _ = cv2.connectedComponentsWithStats((~edge).astype(np.uint8), connectivity=4)
    found = []
    for number in range(1, count):
        x, y, width, height, _ = (int(value) for value in stats[number])
        if width < _SMALLEST or not _SMALLEST <= height <= _TALLEST_PX:
            continue
        area = labels[y : y + height, x : x + width] == number
        if all(_is_free(side) for side in (area[0], area[-1], area[:, 0], area[:, -1])):
            found.append(Box(x, y, width, height))
    return sorted(found, key=lambda box: (box.y, box.x))


def _is_free(side: npt.NDArray[np.bool_]) -> bool:
    """Whether nothing touches this side of an area, but the rounding at its ends."""
    inner = np.flatnonzero(side)
    left_out = max(inner[0], len(side) - 1 - inner[-1])
    return bool(left_out <= _ROUND_PX and len(inner) == inner[-1] - inner[0] + 1 and len(inner) * 2 > len(side))


def cut(picture: Picture, box: Box) -> Picture:
    """That part of the picture."""
    return picture[box.y : box.bottom, box.x : box.right]


def ink(picture: Picture) -> Picture | None:
    """The written part of a field with a little of its ground around it; None when nothing is written."""
    ground = np.median(picture.reshape(-1, 3), axis=0)
    written = np.abs(picture.astype(np.int16) - ground).max(axis=2) > INK
    written[:, written.all(axis=0)] = False  # a rule from top to bottom is no text
    columns, rows = np.flatnonzero(written.any(axis=0)), np.flatnonzero(written.any(axis=1))
    if not len(columns):
        return None
    part = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    colour = [float(value) for value in ground]
    padded: Picture = cv2.copyMakeBorder(  # type: ignore[assignment]
        part, *_PADDING_PX, cv2.BORDER_CONSTANT, value=colour
    )
    return padded


def is_full(picture: Picture) -> bool:
    """Whether the text of a field reaches from rim to rim: there may be more of it than is shown."""
    ground = np.median(picture.reshape(-1, 3), axis=0)
    columns = np.flatnonzero((np.abs(picture.astype(np.int16) - ground).max(axis=2) > INK).any(axis=0))
    return bool(len(columns)) and bool(columns[0] < _RIM_PX and picture.shape[1] - 1 - columns[-1] < _RIM_PX)


def is_blank(picture: Picture) -> bool:
    """Whether nearly all of the picture has one colour: nothing is drawn on it."""
    packed = picture.astype(np.uint32) @ np.array([1, 256, 65536], np.uint32)
    _, counts = np.unique(packed, return_counts=True)
    return float(counts.max()) / packed.size > _BLANK_SHARE


def same(one: Picture, other: Picture) -> bool:
    return one is other or (one.shape == other.shape and bool(np.array_equal(one, other)))


def edges(picture: Picture) -> npt.NDArray[np.bool_]:
    """Where the grey value changes towards the right or lower neighbour; both sides of the change are marked."""
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    edge = np.zeros(grey.shape, bool)
    across = cv2.absdiff(grey[:, 1:], grey[:, :-1]) > _STEP
    down = cv2.absdiff(grey[1:], grey[:-1]) > _STEP
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    return edge
