"""Many orders at once for stock that covers three in five: never more is confirmed than there is, and none waits
while there is enough for it.
"""

import csv
import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fixtures.retail import COLUMNS, Retail, RetailOrder, load
from tandem.workspace.demonstration import staged
from tests.e2e.conftest import BOT, Site, demonstration

ORDERS, KILLS = 500, 4
ARTICLES = ("20006", "20012")
"""Both among the articles of which the sandbox has 60 % of what is wanted."""
ERP_FAULTS = (
    "lost_answer:write:x6+40",
    "late_commit:write:x4+90:0.5",
    "reset_after_commit:write:x4+130",
    "error_500_after_commit:write:x4+170",
    "error_503_before_commit:write:x6+60",
)


@pytest.fixture
def retail(tmp_path: Path) -> Retail:
    """500 orders of one or two lines, one to four pieces each."""
    draw = random.Random(3)
    with (tmp_path / "invoices.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(536365, 536365 + ORDERS):
            for article in draw.sample(ARTICLES, draw.choice((1, 1, 2))):
                writer.writerow([number, article, "SCARCE", draw.randint(1, 4), "2.50", 12346, "China"])
    return load(tmp_path / "invoices.csv")


@pytest.fixture(params=[True, False], ids=["ERP confirms by itself", "ERP checks and orders apart"])
def shop(tmp_path: Path, retail: Retail, request: pytest.FixtureRequest) -> Iterator[Site]:
    switches = {"erp": (f"availability_check={str(request.param).lower()}", "created_with_items=false")}
    orders = str(tmp_path / "invoices.csv")
    with staged(tmp_path / "acme", "en", demonstration(), orders, switches) as stage:
        _say_whether_it_confirms(stage.workspace.folder, confirms=request.param)
        yield Site(stage)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_scarce_stock_is_neither_oversold_nor_left_lying(shop: Site, retail: Retail) -> None:
    shop.strike({"erp": ERP_FAULTS})
    run_and_kill(shop)
    shop.strike({})
    shop.run("run", BOT, "--changed", "--patience-s", "30")

    ended = outcomes(shop)
    assert len(ended) == ORDERS
    assert set(ended.values()) == {"created", "waiting"}
    census = shop.erp
    assert shop.live_orders == Counter(ended.values())["created"]
    assert (census["duplicates"], census["oversold"], census["short_items"]) == ({}, {}, 0)
    assert waiting_in_vain(retail, ended) == []


def run_and_kill(site: Site) -> None:
    """Work on all orders, and kill the process without warning a few times in between."""
    draw = random.Random(5)
    process = site.start("run", BOT, "--changed", "--concurrency", "32", "--json")
    for _ in range(KILLS):
        time.sleep(draw.uniform(4.0, 8.0))
        process.kill()
        process.communicate()
        process = site.start("run", BOT, "--concurrency", "32", "--json")
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told


def outcomes(site: Site) -> dict[int, str]:
    """How each order ended, by its number, which counts from 1."""
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "5000")
    return {
        int(row["result"]["order_number"]): row["outcome"] for row in reversed(rows) if row["outcome"] != "repeated"
    }


def waiting_in_vain(retail: Retail, ended: Mapping[int, str]) -> list[str]:
    """The orders that wait although all they ask for is free."""
    by_outcome: dict[str, list[RetailOrder]] = {"created": [], "waiting": []}
    for number, outcome in ended.items():
        by_outcome[outcome].append(retail.orders[number - 1])
    sold = sum((_quantities(order) for order in by_outcome["created"]), Counter[str]())
    free = {article: retail.stock[article] - sold[article] for article in ARTICLES}
    return [
        order.number
        for order in by_outcome["waiting"]
        if all(quantity <= free[article] for article, quantity in _quantities(order).items())
    ]


def _quantities(order: RetailOrder) -> Counter[str]:
    return Counter({line.product_code: int(line.quantity) for line in order.lines})


def _say_whether_it_confirms(folder: Path, *, confirms: bool) -> None:
    yaml = YAML()
    path = folder / "api_clients" / "sap_s4hana" / "vendor.yaml"
    manifest = yaml.load(path.read_text(encoding="utf-8"))
    manifest["operations"]["sales_order.create"]["confirms"] = confirms
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(manifest, file)
