"""How much of a window is read when it has changed: only that, and all of it where that does not do."""

import pytest

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.grid import Ambiguous
from tandem.channels.desktop.ocr import Ocr, Word
from tandem.channels.desktop.picture import boxes
from tandem.channels.selectors import OcrLabel
from tests.channels.desktop.drawn import field, sheet, write

pytestmark = pytest.mark.desktop


class Counted(Ocr):
    """Counts the pictures that are searched for text, and the rows of the strips."""

    def __init__(self) -> None:
        self.wholes = 0
        self.strips: list[int] = []

    async def words(self, picture: Picture) -> list[Word]:
        self.wholes += 1
        return await super().words(picture)

    async def strip(self, picture: Picture) -> list[Word]:
        self.strips.append(picture.shape[0])
        return await super().strip(picture)


class SeesNothingInStrips(Counted):
    async def strip(self, picture: Picture) -> list[Word]:
        await super().strip(picture)
        return []


@pytest.fixture
def ocr() -> Counted:
    return Counted()


def form(*labels: str, width: int = 1280, height: int = 781) -> Picture:
    """Labels one below the other, 100 pixels apart, with a field beside each."""
    picture = sheet(width, height)
    for number, label in enumerate(labels):
        write(picture, label, 20, 58 + 100 * number)
        field(picture, 160, 40 + 100 * number)
    return picture


async def place(eyes: Eyes, picture: Picture, *words: str, title: str = "window") -> Box | None:
    return await eyes.element(title, picture, OcrLabel(label=words))


async def test_label_that_comes_up_is_found_in_what_has_changed(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    assert await place(eyes, form("Customer", "Currency"), "Customer") is not None
    found = await place(eyes, form("Customer", "Currency", "Delivery"), "Delivery")
    assert found == Box(162, 242, 116, 22)
    assert ocr.wholes == 1
    assert len(ocr.strips) == 1
    assert ocr.strips[0] < 781 // 4


async def test_label_that_stood_there_before_is_found_in_a_window_of_another_title(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer", "Currency"), "Customer", title="Create")
    found = await place(eyes, form("Customer", "Currency", "Delivery"), "Currency", title="Change")
    assert found == Box(162, 142, 116, 22)
    assert ocr.wholes == 1


async def test_label_that_has_changed_is_read_anew(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer", "Currency"), "Currency")
    changed = form("Customer", "Material")
    assert await place(eyes, changed, "Material") == Box(162, 142, 116, 22)
    assert ocr.wholes == 1
    assert await place(eyes, changed, "Currency") is None


async def test_what_is_not_in_the_strips_is_looked_for_in_all_of_the_picture() -> None:
    ocr = SeesNothingInStrips()
    eyes = Eyes(ocr)
    await place(eyes, form("Customer"), "Customer")
    assert await place(eyes, form("Customer", "Currency"), "Currency") == Box(162, 142, 116, 22)
    assert (len(ocr.strips), ocr.wholes) == (1, 2)


async def test_label_that_comes_up_twice_is_ambiguous(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer"), "Customer")
    with pytest.raises(Ambiguous):
        await place(eyes, form("Customer", "Currency", "Currency"), "Currency")


async def test_label_that_is_only_like_what_has_changed_is_not_taken_from_a_strip(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer"), "Customer")
    assert await place(eyes, form("Customer", "Currency"), "Currency:") == Box(162, 142, 116, 22)
    assert ocr.wholes == 2


async def test_label_across_the_border_of_what_has_changed_is_found_whole(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    before = form("Customer", "Currency")
    assert await place(eyes, before, "Customer") is not None
    for row in range(64, 100, 6):
        now = before.copy()
        now[row, 600:700] = 0
        assert await place(eyes, now, "Customer", title=str(row)) == Box(162, 42, 116, 22)
        assert await place(eyes, now, "Currency", title=str(row)) == Box(162, 142, 116, 22)
    assert ocr.wholes == 1


async def test_window_that_has_not_changed_is_read_once(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    for _ in range(2):
        assert await place(eyes, form("Customer"), "Currency") is None
    assert (ocr.wholes, ocr.strips) == (1, [])


async def test_window_most_of_which_has_changed_is_read_as_a_whole(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form(), "Customer")
    assert await place(eyes, form(*["Customer", "Currency", "Material", "Plant", "Unit"]), "Unit") is not None
    assert (ocr.wholes, ocr.strips) == (2, [])


async def test_small_window_which_the_engine_enlarges_is_read_as_a_whole(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer", height=360), "Customer")
    assert await place(eyes, form("Customer", "Currency", height=360), "Currency") is not None
    assert (ocr.wholes, ocr.strips) == (2, [])


async def test_all_words_are_asked_of_the_whole_picture(ocr: Counted) -> None:
    eyes = Eyes(ocr)
    await place(eyes, form("Customer"), "Customer")
    picture = form("Customer", "Currency")
    await place(eyes, picture, "Currency")
    assert [word.text for word in await eyes.words(picture)] == ["Customer", "Currency"]
    assert ocr.wholes == 2


async def test_boxes_are_sought_again_only_when_the_picture_has_changed(
    ocr: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    sought: list[Picture] = []

    def counted(picture: Picture) -> list[Box]:
        sought.append(picture)
        return boxes(picture)

    monkeypatch.setattr("tandem.channels.desktop.eyes.boxes", counted)
    eyes = Eyes(ocr)
    for _ in range(3):
        assert await place(eyes, form("Customer", "Currency"), "Customer") is not None
    assert len(sought) == 1
    moved = form("Customer", "Currency")
    moved[:, 150:-20] = form("Customer", "Currency")[:, 130:-40]
    assert await place(eyes, moved, "Customer") == Box(182, 42, 116, 22)
    assert len(sought) == 2
