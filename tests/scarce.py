"""500 orders at once for stock that covers three in five, and what must hold when all have ended: never more is
confirmed than there is, and none waits while there is enough for it.
"""

import csv
import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ruamel.yaml import YAML

from fixtures.retail import COLUMNS, Retail, RetailOrder, load
from tandem.workspace.demonstration import Stage, staged
from tests.e2e.conftest import Site, demonstration

ORDERS = 500
ARTICLES = ("20006", "20012")
"""Both among the articles of which the sandbox has 60 % of what is wanted."""
ERP_FAULTS = (
    "lost_answer:write:x6+40",
    "late_commit:write:x4+90:0.5",
    "reset_after_commit:write:x4+130",
    "error_500_after_commit:write:x4+170",
    "error_503_before_commit:write:x6+60",
)


@contextmanager
def scarce_shop(folder: Path, *, confirms: bool) -> Iterator[tuple[Stage, Retail]]:
    """A workspace over those orders, one or two lines each, one to four pieces a line.

    ``confirms``: the ERP confirms no more than it has; else check and order are apart.
    """
    file = _invoices(folder)
    switches = {"erp": (f"availability_check={str(confirms).lower()}", "created_with_items=false")}
    with staged(folder / "acme", "en", demonstration(), str(file), switches) as stage:
        _say_whether_it_confirms(stage.workspace.folder, confirms=confirms)
        yield stage, load(file)


def assert_sold_out_and_not_oversold(site: Site, retail: Retail, ended: Mapping[int, str]) -> None:
    """``ended``: how each order ended, by its number, which counts from 1."""
    assert len(ended) == ORDERS
    assert set(ended.values()) == {"created", "waiting"}
    census = site.erp
    assert site.live_orders == Counter(ended.values())["created"]
    assert (census["duplicates"], census["oversold"], census["short_items"]) == ({}, {}, 0)
    assert _waiting_in_vain(retail, ended) == []


def _invoices(folder: Path) -> Path:
    draw = random.Random(3)
    path = folder / "invoices.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number in range(536365, 536365 + ORDERS):
            for article in draw.sample(ARTICLES, draw.choice((1, 1, 2))):
                writer.writerow([number, article, "SCARCE", draw.randint(1, 4), "2.50", 12346, "China"])
    return path


def _waiting_in_vain(retail: Retail, ended: Mapping[int, str]) -> list[str]:
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
