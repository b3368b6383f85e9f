"""What the accessibility tree tells of a GTK window, whose fields have no names of their own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.channels.desktop.accessibility import Tree
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.workspace.real.packages import SYSTEM_PYTHON, has_gtk

pytestmark = [
    pytest.mark.desktop,
    pytest.mark.skipif(not has_gtk(), reason="GTK for the system's Python is not installed"),
]
TITLE = "Orders"


@pytest.fixture
async def tree() -> AsyncIterator[Tree]:
    driver = await X11Driver.on(None, (1280, 800))
    try:
        pid = await driver.start((SYSTEM_PYTHON, str(Path(__file__).with_name("gtk_window.py"))), {})
        tree = await _shown(driver, pid)
        yield tree
        tree.close()
    finally:
        await driver.aclose()


async def _shown(driver: X11Driver, pid: int) -> Tree:
    assert driver.accessibility_bus is not None
    async with asyncio.timeout(30):
        while (tree := await Tree.of(driver.accessibility_bus, pid)) is None:  # noqa: ASYNC110 - nothing tells when
            await asyncio.sleep(0.1)
        while not await tree.find(TITLE, "table", None):  # noqa: ASYNC110
            await asyncio.sleep(0.1)
    return tree


async def test_field_is_known_by_its_label_and_by_what_stands_in_it_while_empty(tree: Tree) -> None:
    (party,) = await tree.find(TITLE, "text", ["Party:"])
    await tree.set_text(party, "17850")
    assert await tree.text(party) == "17850"
    assert len(await tree.find(TITLE, "text", ["Search"])) == 1


async def test_button_with_a_picture_is_known_by_its_tooltip_and_pressed(tree: Tree) -> None:
    (button,) = await tree.find(TITLE, "push button", ["Create a new record"])
    await tree.press(button)
    (party,) = await tree.find(TITLE, "text", ["Party:"])
    assert await tree.text(party) == "pressed"


async def test_list_says_its_rows_headings_and_cells(tree: Tree) -> None:
    (table,) = await tree.find(TITLE, "table", None)
    assert (await tree.row_count(table), await tree.headings(table)) == (2, ["Code", "Quantity"])
    assert (await tree.cell(table, 1, 1)).name == "3 u"


async def test_element_is_told_from_its_like_by_what_it_is_in(tree: Tree) -> None:
    assert len(await tree.find(TITLE, "text", ["Party:"], inside=[TITLE])) == 1
    assert await tree.find(TITLE, "text", ["Party:"], inside=["Invoices"]) == []


async def test_thousands_of_questions_at_once_do_not_end_the_bus(tree: Tree) -> None:
    (party,) = await tree.find(TITLE, "text", ["Party:"])
    assert set(await asyncio.gather(*(tree.text(party) for _ in range(5_000)))) == {""}
