"""The screen on paper keeps to the Screen port."""

import pytest

from tandem.channels.screen import Target
from tandem.errors import ScreenNotReady
from tests.channels.paper import PaperScreen


def target(name: str, row: int | None = None) -> Target:
    return Target("screen", name, (), row=row)


async def test_what_was_filled_is_read() -> None:
    paper = PaperScreen(name="")
    await paper.fill(target("name"), "Ada")
    assert await paper.read(target("name")) == "Ada"


async def test_missing_element_is_not_ready() -> None:
    with pytest.raises(ScreenNotReady):
        await PaperScreen().fill(target("name"), "Ada")


async def test_rows_end_where_a_cell_is_missing() -> None:
    paper = PaperScreen(**{"t.a[0]": "1", "t.b[0]": "x", "t.a[1]": "2"})
    assert await paper.read_rows({"a": target("t.a"), "b": target("t.b")}) == [{"a": "1", "b": "x"}]


async def test_first_shown_goes_by_the_order_asked() -> None:
    paper = PaperScreen(b="", c="")
    assert await paper.first_shown([target("a"), target("c"), target("b")], 0) == 1
    assert await paper.first_shown([target("a")], 0) is None
