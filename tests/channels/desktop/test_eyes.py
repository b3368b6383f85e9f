"""What is seen in pictures: boxes, labels, tables, and what is not believed."""

from collections.abc import Sequence

import cv2
import pytest

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.eyes import Eyes, agreed
from tandem.channels.desktop.grid import Ambiguous
from tandem.channels.desktop.ocr import UNREADABLE, Ocr
from tandem.channels.desktop.picture import boxes, cut, ink, is_blank, is_full
from tandem.channels.selectors import OcrLabel
from tests.channels.desktop.drawn import field, sheet, write

pytestmark = pytest.mark.desktop


def table(picture: Picture, rows: Sequence[Sequence[str]], *, numbered: bool = True) -> None:
    for column, heading in enumerate(("Material", "Quantity")):
        write(picture, heading, 80 + column * 120, 92)
    for index, row in enumerate(rows):
        if numbered and any(row):
            write(picture, str(index + 1), 50, 118 + index * 26)
        for column, text in enumerate(row):
            field(picture, 80 + column * 120, 100 + index * 26, text)


@pytest.fixture
def eyes() -> Eyes:
    return Eyes(Ocr())


def test_boxes_are_found_whatever_is_written_in_them() -> None:
    picture = sheet()
    field(picture, 100, 50, "full")
    field(picture, 300, 50)
    assert boxes(picture) == [Box(102, 52, 116, 22), Box(302, 52, 116, 22)]


async def test_field_is_the_box_to_the_right_of_its_label(eyes: Eyes) -> None:
    picture = sheet()
    write(picture, "Customer", 20, 68)
    field(picture, 120, 50, "17850")
    write(picture, "Currency", 20, 108)
    field(picture, 120, 90, "GBP")
    place = await eyes.element("window", picture, OcrLabel(label=("Currency", "货币")))
    assert place is not None
    assert await eyes.texts(picture, [place]) == ["GBP"]


def test_box_with_rounded_corners_is_found_and_a_round_sign_is_none() -> None:
    picture = sheet()
    field(picture, 100, 50)
    for x, y in ((100, 50), (101, 50), (100, 51), (219, 50), (218, 50), (219, 51), (100, 75), (219, 75)):
        picture[y, x] = 240
    picture[51, 101] = picture[51, 218] = 120
    cv2.circle(picture, (400, 63), 14, (0, 0, 0), 1)
    (found,) = boxes(picture)
    assert (found.x, found.y, found.width, found.height) == (102, 52, 116, 22)


async def test_icons_at_the_ends_of_a_field_are_not_read(eyes: Eyes) -> None:
    picture = sheet()
    write(picture, "Customer", 20, 68)
    field(picture, 120, 50, width=200)
    for x in (127, 298):
        cv2.rectangle(picture, (x, 56), (x + 12, 68), (160, 80, 40), 2)
    write(picture, "17850", 150, 68)
    place = await eyes.element("window", picture, OcrLabel(label=("Customer",), icons=("left", "right")))
    assert place is not None
    assert await eyes.texts(picture, [place]) == ["17850"]


async def test_field_may_stand_behind_another_or_above_its_label(eyes: Eyes) -> None:
    picture = sheet()
    write(picture, "Price", 20, 68)
    field(picture, 100, 50, "GBP", width=60)
    field(picture, 170, 50, "1.25")
    field(picture, 40, 150, "17850")
    write(picture, "Number", 60, 198)
    for label, words in (
        (OcrLabel(label=("Price",), skip=1), "1.25"),
        (OcrLabel(label=("Number",), side="above"), "17850"),
    ):
        place = await eyes.element("window", picture, label)
        assert place is not None
        assert await eyes.texts(picture, [place]) == [words]
    assert await eyes.element("window", picture, OcrLabel(label=("Price",), skip=2)) is None


async def test_label_with_its_colon_is_not_the_same_word_in_a_field(eyes: Eyes) -> None:
    picture = sheet()
    write(picture, "Unit:", 20, 68)
    field(picture, 120, 50, "Unit")
    write(picture, "State:", 20, 108)
    field(picture, 120, 90, "Draft")
    write(picture, "Invoice State:", 300, 108)
    field(picture, 440, 90, "None")
    for word, text in (("Unit:", "Unit"), ("State:", "Draft")):
        place = await eyes.element("window", picture, OcrLabel(label=(word,)))
        assert place is not None
        assert await eyes.texts(picture, [place]) == [text]
    picture[90:120, :100] = 240
    assert await eyes.element("window", picture, OcrLabel(label=("State:",))) is None


async def test_label_without_a_box_is_not_a_field(eyes: Eyes) -> None:
    picture = sheet()
    write(picture, "Customer", 20, 68)
    assert await eyes.element("window", picture, OcrLabel(label=("Customer",))) is None


async def test_label_shown_twice_is_ambiguous(eyes: Eyes) -> None:
    picture = sheet()
    for y in (50, 150):
        write(picture, "Customer", 20, y + 18)
        field(picture, 120, y)
    with pytest.raises(Ambiguous):
        await eyes.element("window", picture, OcrLabel(label=("Customer",)))


async def test_label_that_has_moved_is_read_anew(eyes: Eyes) -> None:
    wanted = OcrLabel(label=("Customer",))
    for y in (50, 200):
        picture = sheet()
        write(picture, "Customer", 20, y + 18)
        field(picture, 120, y)
        place = await eyes.element("window", picture, wanted)
        assert place is not None
        assert place.y == y + 2


async def test_table_is_read_by_rows_and_headings(eyes: Eyes) -> None:
    picture = sheet()
    table(picture, [("85123A", "6"), ("71053", "12"), ("", "")])
    grid = await eyes.grid(picture, None)
    assert grid is not None
    assert (grid.first, len(grid.rows)) == (0, 2)
    assert grid.column(["Quantity", "数量"]) == 1
    assert await eyes.proven(picture, [row[1] for row in grid.rows]) == ["6", "12"]


async def test_something_unreadable_is_not_an_empty_text(eyes: Eyes) -> None:
    picture = sheet(120, 40, ground=255)
    cv2.rectangle(picture, (20, 12), (60, 24), (0, 0, 0), -1)
    texts = await eyes.texts(picture, [Box(0, 0, 120, 40)])
    assert texts != [""]
    assert await eyes.numbers(picture, [Box(0, 0, 120, 40)]) != [""]


async def test_field_without_ink_is_empty(eyes: Eyes) -> None:
    assert await eyes.texts(sheet(), [Box(10, 10, 100, 24)]) == [""]


def test_rule_from_top_to_bottom_is_no_text() -> None:
    picture = sheet(60, 24)
    picture[:, 5] = 0
    assert ink(picture) is None


def test_one_colour_is_blank_and_a_form_is_not() -> None:
    assert is_blank(sheet())
    picture = sheet()
    field(picture, 100, 50, "17850")
    assert not is_blank(picture)


@pytest.mark.parametrize(
    ("one", "other", "agree"),
    [("1,050.90", "1,050.90", True), ("1,050.90", "1,050.00", False), ("", "7", False), (UNREADABLE, "7", False)],
)
def test_numbers_count_only_when_both_engines_read_them_alike(one: str, other: str, agree: bool) -> None:
    assert agreed(one, other) is agree


def test_text_that_reaches_both_rims_may_be_cut_off() -> None:
    picture = sheet()
    field(picture, 100, 50, "Fancy Goods,", width=106)
    field(picture, 100, 150, "17850", width=120)
    assert [is_full(cut(picture, box)) for box in boxes(picture)] == [True, False]
