"""A real CRM without an API and a real ERP as one: two words in tandem.yaml and a cross-reference table, no code."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fixtures.tryton.real import credit_limit
from tandem.workspace.real.server import Standing
from tests import invoices, sqlite_books
from tests.django_crm_site import Site
from tests.install import DJANGO_CRM_DEALS

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(900)]
BOT, COUNT = "sales_order_sync", 5


class Pair:
    """Both servers and their databases. Customers and products of the CRM are called otherwise in the ERP."""

    def __init__(self, folder: Path, crm: Standing, erp: Standing) -> None:
        self._books = erp.about["database"]
        self.crm = Site(folder, str(crm.url), Path(crm.about["database"]), "tryton", str(erp.url))
        _, data = invoices.sample()
        self._country = {each.number: each.country for each in data.customers}
        by_limit = sorted(self._country, key=credit_limit)
        by_stock = sorted(data.stock, key=lambda code: data.stock[code])
        self.broke, self.solvent = by_limit[:1], [each for each in by_limit if credit_limit(each) > 1000]
        self.scarce, self.held = by_stock[:1], by_stock[::-1]
        self.refer(self.solvent, self.held)

    def refer(self, customers: Sequence[str], materials: Sequence[str]) -> None:
        """Call the CRM's companies and products these in the ERP, by turns."""
        products = self.crm.rows("SELECT name FROM crm_product ORDER BY id")
        self.customers = {str(key): customers[at % len(customers)] for at, (key, _) in enumerate(self.crm.companies())}
        self.materials = {name: materials[at % len(materials)] for at, (name,) in enumerate(products)}
        self.crm.refer(
            [
                *(("customer", company, number) for company, number in self.customers.items()),
                *(("material", name, material) for name, material in self.materials.items()),
                ("unit", "PC", "u"),
            ]
        )

    def asked(self, deal: str) -> tuple[str, list[tuple[str, Decimal, Decimal]]]:
        """The customer and the lines of a deal, in the ERP's words."""
        ((company,),) = self.crm.rows("SELECT company_id FROM crm_deal WHERE id = ?", deal)
        lines = self.crm.rows(
            "SELECT name, quantity, amount FROM crm_output JOIN crm_product ON crm_product.id = product_id "
            "WHERE deal_id = ? ORDER BY crm_output.id",
            deal,
        )
        return self.customers[str(company)], [
            (self.materials[name], Decimal(quantity), Decimal(amount) / Decimal(quantity))
            for name, quantity, amount in lines
        ]

    def stands(self, deal: str) -> tuple[str, list[tuple[str, Decimal, Decimal]]]:
        """The same of the one live order in the ERP's own database."""
        ((order, customer),) = self.erp_rows(
            "SELECT sale.id, party.code FROM sale_sale sale JOIN party_party party ON party.id = sale.party "
            "WHERE sale.reference = ? AND sale.state = 'processing'",
            deal,
        )
        lines = self.erp_rows(
            "SELECT product.code, line.quantity, line.unit_price FROM sale_line line "
            "JOIN product_product product ON product.id = line.product WHERE line.sale = ? ORDER BY line.sequence",
            order,
        )
        return customer, lines

    def amounts(self, deal: str) -> tuple[Decimal, Decimal]:
        """Net and tax that its lines come to, by the customer's country."""
        customer, lines = self.asked(deal)
        net = sum((invoices.rounded(quantity * price) for _, quantity, price in lines), Decimal(0))
        return net, invoices.rounded(net * (Decimal("0.2") if self._country[customer] == "United Kingdom" else 0))

    def booked(self, deal: str) -> tuple[Decimal, Decimal]:
        """Net and tax of its order in the ERP's own database, where they add up."""
        ((net, tax, total),) = self.erp_rows(
            "SELECT untaxed_amount_cache, tax_amount_cache, total_amount_cache FROM sale_sale WHERE reference = ?", deal
        )
        assert invoices.rounded(total) == invoices.rounded(net) + invoices.rounded(tax)
        return invoices.rounded(net), invoices.rounded(tax)

    def erp_rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sqlite_books.rows(self._books, query, *values)


@pytest.fixture
def pair(tmp_path: Path, real_server: Callable[[str, str], Standing]) -> Pair:
    orders, _ = invoices.sample()
    return Pair(tmp_path / "acme", real_server("django_crm", DJANGO_CRM_DEALS), real_server("tryton", orders))


def test_deals_of_a_real_crm_become_orders_of_a_real_erp_once(pair: Pair) -> None:
    deals = pair.crm.deals(COUNT)
    stranger = pair.crm.walk_in()
    told = pair.crm.json("run", BOT, *deals, stranger)
    ended = {run["result"]["order_number"]: run["outcome"] for run in told["runs"]}
    assert ended == dict.fromkeys(deals, "created") | {stranger: "refused"}
    for deal in deals:
        assert pair.stands(deal) == pair.asked(deal)
        assert pair.booked(deal) == pair.amounts(deal)
        assert pair.crm.described(deal)[1] == "Status: 已同步"
    again = pair.crm.json("run", BOT, *deals)
    assert again["finished"] == {"repeated": COUNT}
    for deal in deals:
        assert pair.erp_rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", deal) == [(1,)]


def test_deal_beyond_the_stock_waits_and_one_beyond_the_credit_limit_is_refused_in_the_erps_words(pair: Pair) -> None:
    short, *others = pair.crm.deals(20)
    dear = max(others, key=pair.amounts)
    pair.refer(pair.solvent, pair.scarce)
    (run,) = pair.crm.json("run", BOT, short)["runs"]
    assert (run["outcome"], pair.scarce[0] in run["result"]["missing"]) == ("waiting", True)
    assert pair.erp_rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", short) == [(0,)]
    assert pair.crm.described(short)[1] == "Status: 待补货"

    pair.refer(pair.broke, pair.held)
    (run,) = pair.crm.json("run", BOT, dear)["runs"]
    assert run["outcome"] == "refused"
    assert "will exceed their" in run["result"]["reason"]
    assert pair.erp_rows("SELECT state FROM sale_sale WHERE reference = ?", dear) == [("cancelled",)]
    described = pair.crm.described(dear)
    assert (described[1], any("will exceed their" in line for line in described)) == ("Status: 同步失败", True)
