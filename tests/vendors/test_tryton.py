"""Tryton's API rungs against Tryton itself: a real server, its own rules, its own database."""

import itertools
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Self

import pytest

from api_clients.tryton.operations import (
    Client,
    Settings,
    business_partner_find,
    connect,
    credit_position_find,
    sales_order_cancel,
    sales_order_confirm,
    sales_order_create,
    sales_order_find,
    stock_check,
)
from fixtures.retail import Retail
from fixtures.tryton.real import credit_limit
from tandem.domain.business_partner import BusinessPartnerLookup
from tandem.domain.credit_position import CreditPositionLookup
from tandem.domain.sales_order import SalesOrder, SalesOrderConfirmation, SalesOrderLine, SalesOrderLookup
from tandem.domain.stock import Demand, StockCheck
from tandem.errors import (
    AccessRefused,
    BusinessPartnerUnknown,
    CreditBlocked,
    DocumentNotFound,
    LoginRefused,
    MaterialUnknown,
    NotOffered,
    ValidationFailed,
)
from tandem.workspace.real import process
from tests import invoices, real_servers, sqlite_books, tryton_api
from tests.wrong_clock import WrongClock

_references = itertools.count(1)
DAY, TODAY = date(2027, 3, 1), datetime.now(UTC).date()


class Tryton:
    """The running server, a client of it until it is left, and its database."""

    def __init__(
        self,
        url: str,
        books: str,
        data: Retail,
        user: str = tryton_api.USER,
        password: str = tryton_api.PASSWORD,
        **settings: Any,
    ) -> None:
        self.data, self.books = data, books
        self.port = tryton_api.opened(url, user=user, password=password)
        self.client: Client = connect(self.port, Settings(**{"database": "tandem"} | settings))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.port.aclose()

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in Tryton's own database."""
        return sqlite_books.rows(self.books, query, *values)

    def customer(self, *, abroad: bool = False, low_limit: bool = False) -> str:
        return next(
            customer.number
            for customer in self.data.customers
            if (customer.country != "United Kingdom") == abroad and (credit_limit(customer.number) < 1000) == low_limit
        )

    def goods(self, count: int) -> list[str]:
        """Articles of which plenty is on hand."""
        held = sorted(self.data.stock, key=lambda code: -self.data.stock[code])
        return held[:count]

    def order(self, *, lines: int = 3, customer: str | None = None, **changes: object) -> SalesOrder:
        asked = SalesOrder(
            external_reference=f"T-{next(_references)}",
            sold_to_party=customer or self.customer(),
            currency="GBP",
            requested_delivery_on=DAY,
            lines=tuple(
                SalesOrderLine(
                    line_number=10 * number,
                    material=code,
                    quantity=Decimal(2),
                    unit="u",
                    net_price=Decimal("1.2345"),
                    site="WH",
                )
                for number, code in enumerate(self.goods(lines), start=1)
            ),
        )
        return asked.model_copy(update=changes)

    async def confirmed(self, asked: SalesOrder) -> SalesOrderConfirmation:
        made = await sales_order_create(self.client, asked)
        return await sales_order_confirm(self.client, made.confirm())

    def planned(self, reference: str) -> set[tuple[Any, ...]]:
        """The kinds and states of all that was made of the order."""
        return set(
            self.rows(
                "SELECT 'delivery', shipment.state FROM stock_shipment_out shipment JOIN stock_move move "
                "ON move.shipment = 'stock.shipment.out,' || shipment.id JOIN sale_line line "
                "ON move.origin = 'sale.line,' || line.id JOIN sale_sale sale ON sale.id = line.sale "
                "WHERE sale.reference = ? UNION "
                "SELECT 'invoice', invoice.state FROM account_invoice invoice "
                "JOIN account_invoice_line item ON item.invoice = invoice.id "
                "JOIN sale_line line ON item.origin = 'sale.line,' || line.id "
                "JOIN sale_sale sale ON sale.id = line.sale WHERE sale.reference = ?",
                reference,
                reference,
            )
        )

    async def click(self, model: str, reference: str, *buttons: str) -> None:
        """A clerk's clicks on the order, or on what was made of it."""
        field = {"sale.sale": "id", "stock.shipment.out": "shipments", "account.invoice": "invoices"}[model]
        (sale,) = await self.client.search_read("sale.sale", [["reference", "=", reference]], [field])
        for button in buttons:
            await self.client.call(model, button, sale[field] if field != "id" else [sale["id"]])

    def confirm_and_die(self, reference: str) -> None:
        """What a server leaves that is killed after it has confirmed an order, and before it processes it."""
        with closing(sqlite3.connect(self.books)) as books, books:
            books.execute(
                "UPDATE sale_sale SET state = 'confirmed', sale_date = date('now') WHERE reference = ?", (reference,)
            )

    async def found(self, reference: str):
        result = await sales_order_find(self.client, SalesOrderLookup(external_reference=reference))
        return result.documents

    async def available(self, *materials: str, **check: object) -> list[Decimal | None]:
        demands = tuple(Demand(material=code, quantity=Decimal(5), unit="u") for code in materials)
        result = await stock_check(self.client, StockCheck(demands=demands, **check))
        return [answer.available for answer in result.answers]


@pytest.fixture(scope="session")
def started(real_server) -> tuple[str, str, Retail]:
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    return standing.url, standing.about["database"], data


@pytest.fixture
async def tryton(started) -> AsyncIterator[Tryton]:
    async with Tryton(*started) as server:
        yield server


@pytest.fixture
async def clerks(started) -> AsyncIterator[Tryton]:
    """The same server for a user whom Tryton lets go beyond a credit limit after a warning."""
    async with Tryton(*started, user="clerk") as server:
        yield server


def with_line(asked: SalesOrder, **changes: object) -> SalesOrder:
    first = asked.lines[0].model_copy(update=changes)
    return asked.model_copy(update={"lines": (first, *asked.lines[1:])})


async def test_customer_is_found_and_may_order_in_any_currency(tryton):
    partner = await business_partner_find(tryton.client, BusinessPartnerLookup(business_partner_id=tryton.customer()))
    assert (partner.business_partner_id, partner.currency, partner.blocked) == (tryton.customer(), None, False)


async def test_customer_nobody_knows_is_unknown(tryton):
    with pytest.raises(BusinessPartnerUnknown, match="NOBODY"):
        await business_partner_find(tryton.client, BusinessPartnerLookup(business_partner_id="NOBODY"))


async def test_every_unknown_material_of_a_check_is_named(tryton):
    with pytest.raises(MaterialUnknown, match="NOPE1, NOPE2"):
        await tryton.available(*tryton.goods(1), "NOPE1", "NOPE2")


async def test_stock_in_a_unit_other_than_the_base_unit_is_refused(tryton):
    demand = Demand(material=tryton.goods(1)[0], quantity=Decimal(1), unit="kg")
    with pytest.raises(ValidationFailed, match="in u, and the demand is in kg"):
        await stock_check(tryton.client, StockCheck(demands=(demand,)))


async def test_confirmed_order_takes_its_stock_today_and_later_and_a_draft_does_not(tryton):
    (code,) = tryton.goods(1)
    before = await tryton.available(code)
    asked = tryton.order(lines=1, requested_delivery_on=TODAY + timedelta(days=60))
    made = await sales_order_create(tryton.client, asked)
    assert await tryton.available(code) == before
    await sales_order_confirm(tryton.client, made.confirm())
    assert before[0] is not None
    assert await tryton.available(code) == [before[0] - 2]
    assert await tryton.available(code, requested_on=TODAY + timedelta(days=90)) == [before[0] - 2]


async def test_day_it_is_for_tryton_decides_on_the_stock_whatever_our_clock_says(tryton):
    (code,) = tryton.goods(1)
    await tryton.confirmed(tryton.order(lines=1, requested_delivery_on=TODAY + timedelta(days=60)))
    before = await tryton.available(code)
    tryton.port.clock = WrongClock(timedelta(days=90))
    assert await tryton.available(code) == before


async def test_order_reads_back_equal_as_a_draft_and_keeps_its_identity_when_it_gets_a_number(tryton):
    asked = tryton.order()
    made = await sales_order_create(tryton.client, asked)
    (draft,) = await tryton.found(asked.external_reference)
    assert asked.differences(draft) == ()
    assert (draft.draft, draft.sales_order_id) == (True, made.sales_order_id)
    confirmed = await sales_order_confirm(tryton.client, made.confirm())
    (document,) = await tryton.found(asked.external_reference)
    assert asked.differences(document) == ()
    assert document.draft is False
    assert document.ids == (confirmed.sales_order_id, made.sales_order_id)


async def test_confirming_again_changes_nothing(tryton):
    asked = tryton.order()
    first = await tryton.confirmed(asked)
    again = await sales_order_confirm(tryton.client, first.confirm())
    assert again == first
    assert tryton.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", asked.external_reference) == [(1,)]


@pytest.mark.parametrize(("abroad", "rate"), [(False, "VAT 20.00 %"), (True, "Export 0 %")])
async def test_taxes_are_those_the_screen_would_fill_in_for_the_customer(tryton, abroad, rate):
    asked = tryton.order(customer=tryton.customer(abroad=abroad))
    await sales_order_create(tryton.client, asked)
    taxes = tryton.rows(
        "SELECT line.sequence, tax.name FROM sale_sale sale JOIN sale_line line ON line.sale = sale.id "
        'JOIN "sale_line-account_tax" link ON link.line = line.id JOIN account_tax tax ON tax.id = link.tax '
        "WHERE sale.reference = ? ORDER BY line.sequence",
        asked.external_reference,
    )
    assert taxes == [(10, rate), (20, rate), (30, rate)]


async def test_orders_with_one_reference_are_all_found_oldest_first(tryton):
    asked = tryton.order()
    made = [await sales_order_create(tryton.client, asked) for _ in range(2)]
    documents = await tryton.found(asked.external_reference)
    assert [document.sales_order_id for document in documents] == [each.sales_order_id for each in made]


async def test_reference_full_of_signs_is_found_again_and_nothing_else(tryton):
    reference = "O'Neil & Söhne {50%} +1 #/?;=客户"
    await sales_order_create(tryton.client, tryton.order(external_reference=reference))
    (document,) = await tryton.found(reference)
    assert document.order.external_reference == reference
    assert await tryton.found("O") == ()


async def test_order_of_675_lines_is_written_and_read_whole(tryton):
    short = tryton.order(lines=1)
    line = short.lines[0]
    lines = tuple(line.model_copy(update={"line_number": number}) for number in range(1, 676))
    asked = short.model_copy(update={"lines": lines})
    await sales_order_create(tryton.client, asked)
    (document,) = await tryton.found(asked.external_reference)
    assert asked.differences(document) == ()
    assert len(document.order.lines) == 675


@pytest.mark.parametrize(
    ("changes", "line", "error"),
    [
        ({"sold_to_party": "NOBODY"}, {}, BusinessPartnerUnknown),
        ({"currency": "XXX"}, {}, ValidationFailed),
        ({}, {"material": "NOPE"}, MaterialUnknown),
        ({}, {"unit": "barrel"}, ValidationFailed),
        ({}, {"unit": "kg"}, ValidationFailed),
        ({}, {"site": "9999"}, ValidationFailed),
        ({}, {"quantity": Decimal("1.5")}, ValidationFailed),
        ({}, {"net_price": Decimal("0.12345678")}, ValidationFailed),
    ],
)
async def test_order_tryton_refuses_is_a_business_error_and_nothing_is_written(tryton, changes, line, error):
    asked = with_line(tryton.order(**changes), **line)
    with pytest.raises(error):
        await sales_order_create(tryton.client, asked)
    assert tryton.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", asked.external_reference) == [(0,)]


async def test_draft_is_cancelled_and_cancelling_twice_changes_nothing(tryton):
    asked = tryton.order()
    made = await sales_order_create(tryton.client, asked)
    for _ in range(2):
        await sales_order_cancel(tryton.client, made.compensation())
        (document,) = await tryton.found(asked.external_reference)
        assert document.void


async def test_order_in_processing_is_taken_back_with_its_planned_delivery_and_invoice(tryton):
    (code,) = tryton.goods(1)
    lookup = CreditPositionLookup(business_partner_id=tryton.customer())
    before = await tryton.available(code), await credit_position_find(tryton.client, lookup)
    asked = tryton.order(lines=1)
    confirmed = await tryton.confirmed(asked)
    assert tryton.planned(asked.external_reference) == {("delivery", "waiting"), ("invoice", "draft")}
    for _ in range(2):
        await sales_order_cancel(tryton.client, confirmed.compensation())
        (document,) = await tryton.found(asked.external_reference)
        assert document.void
    assert tryton.planned(asked.external_reference) == {("delivery", "cancelled"), ("invoice", "cancelled")}
    assert (await tryton.available(code), await credit_position_find(tryton.client, lookup)) == before


async def test_order_whose_goods_are_picked_is_not_taken_back_and_nothing_is_changed(tryton):
    asked = tryton.order(lines=1)
    confirmed = await tryton.confirmed(asked)
    await tryton.click("stock.shipment.out", asked.external_reference, "assign_try", "pick")
    with pytest.raises(ValidationFailed, match="is picked"):
        await sales_order_cancel(tryton.client, confirmed.compensation())
    (document,) = await tryton.found(asked.external_reference)
    assert not document.void
    assert tryton.planned(asked.external_reference) == {("delivery", "picked"), ("invoice", "draft")}


async def test_order_whose_invoice_is_posted_is_not_taken_back_and_nothing_is_changed(tryton):
    asked = tryton.order(lines=1)
    confirmed = await tryton.confirmed(asked)
    await tryton.click("account.invoice", asked.external_reference, "post")
    with pytest.raises(ValidationFailed, match="is posted"):
        await sales_order_cancel(tryton.client, confirmed.compensation())
    assert tryton.planned(asked.external_reference) == {("delivery", "waiting"), ("invoice", "posted")}


async def test_confirmed_order_that_was_never_processed_is_unfinished_until_confirmed_again(started):
    async with Tryton(*started, processing_s=5) as tryton:
        asked = tryton.order(lines=1)
        made = await sales_order_create(tryton.client, asked)
        await tryton.click("sale.sale", asked.external_reference, "quote")
        tryton.confirm_and_die(asked.external_reference)
        (document,) = await tryton.found(asked.external_reference)
        assert document.draft
        assert tryton.planned(asked.external_reference) == set()
        confirmed = await sales_order_confirm(tryton.client, made.confirm())
        (document,) = await tryton.found(asked.external_reference)
        assert (document.draft, document.sales_order_id) == (False, confirmed.sales_order_id)
        assert tryton.planned(asked.external_reference) == {("delivery", "waiting"), ("invoice", "draft")}


async def test_order_with_another_reference_is_not_touched(tryton):
    asked = tryton.order()
    made = await sales_order_create(tryton.client, asked)
    wrong = made.compensation().model_copy(update={"external_reference": "T-OTHER"})
    with pytest.raises(ValidationFailed, match="T-OTHER"):
        await sales_order_cancel(tryton.client, wrong)
    assert not (await tryton.found(asked.external_reference))[0].void


async def test_order_that_is_not_there_is_not_found(tryton):
    gone = SalesOrderConfirmation(sales_order_id="#999999", external_reference="T-GONE")
    with pytest.raises(DocumentNotFound, match="#999999"):
        await sales_order_confirm(tryton.client, gone.confirm())


@pytest.mark.parametrize("user", ["tandem", "clerk"], ids=["Tryton raises an error", "Tryton only warns"])
async def test_order_beyond_the_credit_limit_stays_a_draft_as_tryton_says_it(started, user):
    async with Tryton(*started, user=user) as tryton:
        asked = with_line(tryton.order(customer=tryton.customer(low_limit=True)), net_price=Decimal(200))
        made = await sales_order_create(tryton.client, asked)
        with pytest.raises(CreditBlocked, match=r"will exceed their .*300\.00 credit limit by"):
            await sales_order_confirm(tryton.client, made.confirm())
        (document,) = await tryton.found(asked.external_reference)
        assert document.draft


async def test_credit_position_grows_by_what_is_confirmed_and_not_by_drafts(tryton):
    customer = tryton.customer()
    lookup = CreditPositionLookup(business_partner_id=customer)
    before = await credit_position_find(tryton.client, lookup)
    made = await sales_order_create(tryton.client, with_line(tryton.order(lines=1), net_price=Decimal("12.50")))
    assert await credit_position_find(tryton.client, lookup) == before
    await sales_order_confirm(tryton.client, made.confirm())
    after = await credit_position_find(tryton.client, lookup)
    assert (after.currency, after.limit) == ("GBP", credit_limit(customer))
    assert after.exposure == before.exposure + 25
    assert after.available == credit_limit(customer) - after.exposure


async def test_credit_limit_is_seen_because_the_users_company_travels_along(tryton):
    domain = [["code", "=", tryton.customer(low_limit=True)]]
    (with_company,) = await tryton.client.search_read("party.party", domain, ["credit_limit_amount"])
    (without,) = await tryton.client.search_read("party.party", domain, ["credit_limit_amount"], company=None)
    assert (with_company["credit_limit_amount"], without["credit_limit_amount"]) == (Decimal(300), None)


async def test_model_of_a_module_that_is_not_active_is_not_offered(tryton):
    with pytest.raises(NotOffered, match=r"no sale\.opportunity"):
        await tryton.client.search_read("sale.opportunity", [], ["number"])


async def test_record_this_user_may_not_change_is_refused_for_good(tryton):
    with pytest.raises(AccessRefused), tryton.client.about("a tax", safe=False):
        await tryton.client.call("account.tax", "create", [{"name": "Free"}])


async def test_wrong_password_is_refused_and_never_shown(started):
    async with Tryton(*started, password="wrong-4711") as tryton:
        with pytest.raises(LoginRefused) as refused:
            await business_partner_find(tryton.client, BusinessPartnerLookup(business_partner_id="1"))
    assert "wrong-4711" not in str(refused.value)


async def test_database_that_is_not_there_is_told_with_the_setting(started):
    async with Tryton(*started, database="nowhere") as tryton:
        with pytest.raises(NotOffered, match=r"settings\.database"):
            await tryton.found("T-1")


async def test_session_that_ended_is_opened_again(tryton):
    await tryton.found("T-1")
    headers = (await tryton.port._sessions.current()).headers
    await tryton.port.send(
        "POST",
        "/tandem/rpc/",
        headers={"content-type": "application/json"},
        content='{"id": 0, "method": "common.db.logout", "params": []}',
        safe=False,
    )
    assert await tryton.found("T-NONE") == ()
    assert (await tryton.port._sessions.current()).headers != headers


async def test_server_brought_up_again_is_the_one_that_runs_and_on_another_port_keeps_its_books(tryton) -> None:
    await sales_order_create(tryton.client, asked := tryton.order())
    before = real_servers.up_again("tryton")
    assert real_servers.up_again("tryton") == before
    chosen = process.free_port(0)
    try:
        moved = real_servers.up_again("tryton", chosen)
        assert moved.url == f"http://127.0.0.1:{chosen}"
        async with Tryton(moved.url, tryton.books, tryton.data) as elsewhere:
            assert len(await elsewhere.found(asked.external_reference)) == 1
    finally:
        assert real_servers.up_again("tryton", int(before.url.rpartition(":")[2])).url == before.url


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not invoices.REAL.exists(), reason="the real invoice file is not on this machine")
async def test_500_real_invoices_stand_in_trytons_database_as_they_were_asked(tryton):
    asked = [invoices.sales_order(order, "u", f"INV-{order.number}") for order in tryton.data.orders]
    assert len(asked) == invoices.COUNT
    for order in asked:
        await sales_order_create(tryton.client, order)
    for order in asked:
        await _assert_stands_as_asked(tryton, order)


async def _assert_stands_as_asked(tryton: Tryton, order: SalesOrder) -> None:
    assert _header(tryton, order) == [("draft", order.sold_to_party, "GBP", "WH")]
    assert _lines(tryton, order) == _expected_lines(order)
    (taxes,) = set(_taxes(tryton, order))
    assert taxes == (Decimal(0) if _is_abroad(tryton, order) else Decimal("0.2"))
    net = sum((invoices.rounded(line.net_amount) for line in order.lines), Decimal(0))
    (told,) = await tryton.client.search_read(
        "sale.sale",
        [["reference", "=", order.external_reference]],
        ["untaxed_amount", "tax_amount", "total_amount"],
    )
    assert (told["untaxed_amount"], told["tax_amount"]) == (net, invoices.rounded(net * taxes))
    assert told["total_amount"] == net + invoices.rounded(net * taxes)


def _header(tryton: Tryton, order: SalesOrder) -> list[tuple[Any, ...]]:
    return tryton.rows(
        "SELECT sale.state, party.code, currency.code, warehouse.code FROM sale_sale sale "
        "JOIN party_party party ON party.id = sale.party "
        "JOIN currency_currency currency ON currency.id = sale.currency "
        "JOIN stock_location warehouse ON warehouse.id = sale.warehouse WHERE sale.reference = ?",
        order.external_reference,
    )


def _lines(tryton: Tryton, order: SalesOrder) -> list[tuple[Any, ...]]:
    return tryton.rows(
        "SELECT line.sequence, product.code, line.quantity, unit.symbol, line.unit_price FROM sale_line line "
        "JOIN sale_sale sale ON sale.id = line.sale JOIN product_product product ON product.id = line.product "
        "JOIN product_uom unit ON unit.id = line.unit WHERE sale.reference = ? ORDER BY line.sequence",
        order.external_reference,
    )


def _expected_lines(order: SalesOrder) -> list[tuple[Any, ...]]:
    return [(line.line_number, line.material, line.quantity, line.unit, line.net_price) for line in order.lines]


def _taxes(tryton: Tryton, order: SalesOrder) -> Iterator[Decimal]:
    """The rate on each line; a line without a tax would be missing."""
    found = tryton.rows(
        "SELECT tax.rate FROM sale_line line JOIN sale_sale sale ON sale.id = line.sale "
        'JOIN "sale_line-account_tax" link ON link.line = line.id JOIN account_tax tax ON tax.id = link.tax '
        "WHERE sale.reference = ?",
        order.external_reference,
    )
    assert len(found) == len(order.lines)
    return (rate for (rate,) in found)


def _is_abroad(tryton: Tryton, order: SalesOrder) -> bool:
    (country,) = {each.country for each in tryton.data.customers if each.number == order.sold_to_party}
    return country != "United Kingdom"
