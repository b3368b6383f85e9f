"""Lists whose cells have no frames, drawn and as GTK draws them: rows, what is marked, and what cannot be known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.eyes import Eyes, folded
from tandem.channels.desktop.grid import NotWhole, heading_row, listed
from tandem.channels.desktop.ocr import Ocr
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.channels.selectors import OcrLabel
from tandem.workspace.real.packages import SYSTEM_PYTHON, has_gtk
from tests.channels.desktop.conftest import seen, shown

pytestmark = pytest.mark.desktop
PITCH, TOP, LEFT, WIDTH = 23, 60, 40, 120
ROOM = 300
LABEL = Box(LEFT + 4, TOP + 2, 50, 24)


def drawn(rows: Sequence[Sequence[str]], *, marked: int | None = None, room: int = ROOM, pitch: int = PITCH) -> Picture:
    """A list of the columns Code and Name in a window; below its room something else begins."""
    picture = np.full((TOP + 26 + room + 60, 400, 3), 255, np.uint8)
    bottom = TOP + 26
    picture[bottom + room :] = 240
    for column, heading in enumerate(("Code", "Name")):
        x = LEFT + column * WIDTH
        _write(picture, heading, x + 6, TOP + 18)
        cv2.line(picture, (x, TOP), (x, bottom), (200, 200, 200), 1)
    cv2.line(picture, (LEFT, bottom), (LEFT + 2 * WIDTH, bottom), (200, 200, 200), 1)
    for index, row in enumerate(rows):
        y = bottom + 1 + index * pitch
        if index == marked:
            cv2.rectangle(picture, (LEFT, y), (LEFT + 2 * WIDTH, y + pitch - 1), (228, 132, 53), -1)
        for column, text in enumerate(row):
            _write(picture, text, LEFT + column * WIDTH + 6, y + 17, 255 if index == marked else 0)
    picture[bottom + room :] = 240
    return picture


def _write(picture: Picture, text: str, x: int, y: int, colour: int = 0) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (colour,) * 3, 1, cv2.LINE_AA)


def rows_of(picture: Picture) -> list[list[Box]]:
    headings = heading_row(picture, LABEL)
    assert headings is not None
    return listed(picture, headings)


@pytest.fixture
def eyes() -> Eyes:
    return Eyes(Ocr())


@pytest.mark.parametrize("marked", [None, 0, 1])
async def test_list_is_read_by_rows_and_headings_marked_or_not(eyes: Eyes, marked: int | None) -> None:
    picture = drawn([("17850", "Anna"), ("71053", "Ben")], marked=marked)
    grid = await eyes.listing("window", picture, ["Code"])
    assert grid is not None
    assert (grid.headings, grid.first, grid.whole) == (("Code", "Name"), 0, True)
    assert [await eyes.texts(picture, row) for row in grid.rows] == [["17850", "Anna"], ["71053", "Ben"]]


def test_list_without_rows_has_none() -> None:
    assert rows_of(drawn([])) == []


def test_label_with_no_line_below_it_heads_no_list() -> None:
    assert heading_row(np.full((200, 200, 3), 255, np.uint8), Box(20, 20, 60, 20)) is None


@pytest.mark.parametrize("count", [1, 2, 5])
def test_list_whose_last_row_has_no_room_below_may_go_on(count: int) -> None:
    rows = [("17850", "Anna")] * count
    assert len(rows_of(drawn(rows, room=(count + 3) * PITCH))) == count
    for room in (count * PITCH, count * PITCH + PITCH // 2):
        with pytest.raises(NotWhole):
            rows_of(drawn(rows, room=room))


def test_text_that_follows_the_rows_off_their_pitch_is_no_row() -> None:
    picture = drawn([("17850", "Anna"), ("71053", "Ben")])
    _write(picture, "Total: 2", LEFT + 6, TOP + 26 + 3 * PITCH)
    with pytest.raises(NotWhole):
        rows_of(picture)


def test_rows_twice_as_high_as_their_headings_are_all_seen() -> None:
    assert len(rows_of(drawn([("17850", "Anna")] * 4, pitch=2 * PITCH - 4))) == 4


@pytest.mark.skipif(not has_gtk(), reason="GTK for the system's Python is not installed")
async def test_fields_and_list_of_a_gtk_window_are_seen(driver: X11Driver, eyes: Eyes) -> None:
    pid = await driver.start((SYSTEM_PYTHON, str(Path(__file__).with_name("gtk_window.py"))), {})
    picture = await seen(driver, await shown(driver, pid))
    field = await eyes.element("Orders", picture, OcrLabel(label=("Party:",), side="below"))
    assert field is not None
    assert await eyes.texts(picture, [field]) == [""]
    grid = await eyes.listing("Orders", picture, ["Quantity"])
    assert grid is not None
    read = [[folded(text) for text in await eyes.texts(picture, row)] for row in grid.rows]
    assert read == [[folded("85123A"), folded("2 u")], [folded("71053"), folded("3 u")]]
