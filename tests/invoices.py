"""Invoices for tests on real servers: the first of the real file where it is there, else generated ones."""

import csv
import gzip
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from fixtures.retail import COLUMNS, Retail, RetailOrder, generate, load
from tandem.domain.sales_order import SalesOrder, SalesOrderLine
from tests.real_servers import INSTALLED

REAL = Path(__file__).parents[2] / "shared" / "data" / "online_retail_50k.csv.gz"
COUNT = 500
_GENERATED = 60


def orderable(order: RetailOrder) -> bool:
    """Whether the invoice is one an ERP takes: a known customer, every quantity above 0."""
    return order.customer is not None and all(line.quantity > 0 and line.unit_price >= 0 for line in order.lines)


def sample() -> tuple[str, Retail]:
    """What ``--orders`` is to be given, and the data themselves."""
    if not REAL.exists():
        return str(_GENERATED), generate(_GENERATED, seed=1)
    path = INSTALLED / f"first_{COUNT}.csv"
    if not path.exists():
        cut(path, [each for each in load(REAL).orders if orderable(each)][:COUNT])
    return str(path), load(path)


def sales_order(order: RetailOrder, unit: str, reference: str | None = None) -> SalesOrder:
    """The invoice as an ERP order."""
    assert order.customer is not None
    return SalesOrder(
        external_reference=reference or order.number,
        sold_to_party=order.customer,
        currency="GBP",
        lines=tuple(
            SalesOrderLine(
                line_number=number,
                material=line.product_code.upper(),
                quantity=line.quantity,
                unit=unit,
                net_price=Decimal(line.unit_price),
            )
            for number, line in enumerate(order.lines, start=1)
        ),
    )


def rounded(amount: Decimal) -> Decimal:
    """To the cent, as an ERP keeps amounts."""
    return amount.quantize(Decimal("0.01"))


def cut(path: Path, orders: Sequence[RetailOrder]) -> None:
    """Write these invoices of the real file to a file of their own."""
    wanted = {order.number for order in orders}
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(REAL, "rt", encoding="utf-8-sig", newline="") as source, path.open("w", newline="") as target:
        writer = csv.DictWriter(target, COLUMNS, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(row for row in csv.DictReader(source) if row["InvoiceNo"] in wanted)
