"""With the API in maintenance the screens write the same orders, field by field."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tandem.store import journal
from tandem.workspace.demonstration import staged
from tests.e2e.books import orders_in_books
from tests.e2e.conftest import BOT, Site, demonstration

API_DOWN = "maintenance:api/any:1"
WEB_DOWN = "maintenance:web/any:1"


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("channel", "count", "faults"),
    [
        pytest.param("browser", 20, (API_DOWN,), marks=pytest.mark.browser),
        pytest.param("desktop", 5, (API_DOWN, WEB_DOWN), marks=pytest.mark.desktop),
    ],
)
def test_orders_written_by_screen_equal_those_written_by_api(
    tmp_path: Path, channel: str, count: int, faults: Sequence[str]
) -> None:
    with staged(tmp_path / "by_api", "en", demonstration(), "60") as stage:
        by_api = Site(stage)
        by_api.json("run", BOT, "--changed")
        chosen = _created(by_api)[:count]
        assert len(chosen) == count
        expected = orders_in_books(stage.workspace, chosen)

    with staged(tmp_path / "by_screen", "en", demonstration(), "60") as stage:
        by_screen = Site(stage)
        by_screen.strike({"erp": tuple(faults)})
        batch = by_screen.batch(chosen)
        told = by_screen.json("run", BOT, "--batch", str(batch), "--concurrency", "2", timeout_s=800)
        assert told["finished"] == {"created": count}
        assert by_screen.books(lambda books: journal.channels_of(books, "erp.sales_order.create")) == {channel: count}
        by_screen.strike({})
        assert orders_in_books(stage.workspace, chosen) == expected
        assert by_screen.live_orders == count


def _created(site: Site) -> list[str]:
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "1000")
    return sorted(row["result"]["order_number"] for row in rows if row["outcome"] == "created")
