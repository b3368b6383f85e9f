"""Buttons of real windows found by a picture of them: on a scaled screen too, and never one with other words on it."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tandem.channels.desktop.driver import Box
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.grid import Ambiguous
from tandem.channels.desktop.ocr import Ocr
from tandem.channels.desktop.picture import cut
from tandem.channels.desktop.templates import Templates
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.errors import WorkspaceError
from tests.channels.desktop.conftest import Opened, seen

pytestmark = pytest.mark.desktop


@pytest.fixture
def eyes() -> Eyes:
    return Eyes(Ocr())


async def test_place_that_shows_the_image_itself_is_not_one_with_a_larger_icon(eyes: Eyes, tmp_path: Path) -> None:
    icon = np.full((30, 40, 3), 255, np.uint8)
    cv2.putText(icon, "New", (4, 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (0, 0, 0), 1, cv2.LINE_AA)
    cv2.imwrite(str(tmp_path / "new.png"), icon)
    picture = np.full((200, 300, 3), 255, np.uint8)
    picture[20:50, 30:70] = icon
    picture[100:133, 200:244] = cv2.resize(icon, (44, 33), interpolation=cv2.INTER_AREA)
    place = await Templates([tmp_path], eyes).find(picture, "new.png")
    assert place == Box(30, 20, 40, 30)


async def test_button_is_found_by_its_picture_and_by_its_words(
    driver: X11Driver, opened: Opened, eyes: Eyes, tmp_path: Path
) -> None:
    picture = await seen(driver, await opened("Original", "--buttons", "14", "保存", "退出"))
    (button,) = [word.box for word in await eyes.words(picture) if word.text == "保存"]
    around = button.inset(-4)
    cv2.imwrite(str(tmp_path / "save.png"), cut(picture, around))
    templates = Templates([tmp_path], eyes)

    place = await templates.find(picture, "save.png")
    assert place is not None
    assert abs(place.x - around.x) <= 2
    assert abs(place.y - around.y) <= 2

    scaled = np.asarray(cv2.resize(picture, None, fx=1.25, fy=1.25, interpolation=cv2.INTER_CUBIC), np.uint8)
    larger = await templates.find(scaled, "save.png")
    assert larger is not None
    assert abs(larger.centre[0] / 1.25 - place.centre[0]) <= 2
    assert abs(larger.centre[1] / 1.25 - place.centre[1]) <= 2

    other = await seen(driver, await opened("Other", "--buttons", "14", "审核"))
    assert await templates.find(other, "save.png") is None
    twice = await seen(driver, await opened("Twice", "--buttons", "14", "保存", "保存"))
    with pytest.raises(Ambiguous):
        await templates.find(twice, "save.png")


async def test_picture_that_is_not_there_is_named(eyes: Eyes, tmp_path: Path) -> None:
    (tmp_path / "no_picture.png").write_text("text")
    templates = Templates([tmp_path], eyes)
    for name in ("missing.png", "no_picture.png"):
        with pytest.raises(WorkspaceError, match=f"{name} is not in .* Put a PNG there"):
            await templates.find(np.zeros((40, 40, 3), np.uint8), name)
