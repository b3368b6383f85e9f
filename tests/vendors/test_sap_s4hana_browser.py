"""SAP through its web pages: written, found, and every fault noticed."""

import asyncio
import json
import re
import zipfile
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from api_clients.sap_s4hana.operations import (
    Settings,
    business_partner_find,
    connect,
    sales_order_find,
    stock_check,
)
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.chromium import Chromium
from tandem.domain.business_partner import BUSINESS_PARTNER_FIND, BusinessPartner, BusinessPartnerLookup
from tandem.domain.evidence import Evidence
from tandem.domain.record import Record
from tandem.domain.sales_order import (
    SALES_ORDER_CANCEL,
    SALES_ORDER_CREATE,
    SALES_ORDER_FIND,
    SalesOrder,
    SalesOrderCancel,
    SalesOrderDocument,
)
from tandem.domain.stock import STOCK_CHECK, Demand, StockCheck
from tandem.errors import (
    AccessRefused,
    BusinessPartnerBlocked,
    BusinessPartnerUnknown,
    DocumentLocked,
    LoginExpired,
    MaterialUnknown,
    NotOffered,
    ScreenNotReady,
    TandemError,
    Throttled,
    Unavailable,
    UnknownOutcome,
    Unreachable,
)
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tests.sap_pages import PASSWORD, ROOT, USER, VENDOR_SETTINGS, SapPages, attempt, sap_pages

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
BASIC = {"kind": "basic", "username": USER, "password": PASSWORD}
MASK = (255, 0, 255)
SESSION_COOKIE = re.compile(rb"SAP_SESSIONID_S4H_100=([^;\"\\\\]+)")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running() -> AsyncIterator[SapPages]:
    async with sap_pages() as sap:
        yield sap


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def channel(running: SapPages, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BrowserChannel]:
    """One channel that stays logged in; it keeps the browser open for the module."""
    channel = running.channel(tmp_path_factory.mktemp("evidence"))
    yield channel
    await channel.aclose()


@pytest.fixture
def sap(running: SapPages, channel: BrowserChannel) -> SapPages:
    """The running pages, without faults."""
    running.faults.clear()
    return running


@pytest.fixture
def order(sap: SapPages, request: pytest.FixtureRequest) -> SalesOrder:
    """An order with a reference of this test's own."""
    return sap.order(f"REF-{abs(hash(request.node.name)) % 10**8}")


@pytest_asyncio.fixture(loop_scope="module")
async def chinese() -> AsyncIterator[SapPages]:
    async with sap_pages(language="zh") as sap:
        yield sap


async def create(channel: BrowserChannel, order: SalesOrder) -> str:
    return (await channel.perform(attempt(SALES_ORDER_CREATE, order))).sales_order_id


async def found(channel: BrowserChannel, order: SalesOrder) -> list[SalesOrderDocument]:
    return list((await channel.perform(attempt(SALES_ORDER_FIND, order.lookup()))).documents)


async def partner(channel: BrowserChannel, number: str) -> BusinessPartner:
    return await channel.perform(attempt(BUSINESS_PARTNER_FIND, BusinessPartnerLookup(business_partner_id=number)))


def block(sap: SapPages, number: str) -> None:
    sap.books.customers[number] = replace(sap.books.customers[number], order_block="01")


def own_selectors(folder: Path, screen: str, ours: str, instead: str) -> Path:
    """A folder with our file of this screen, one text in it replaced."""
    text = (ROOT / "selectors" / "sap_s4hana" / f"{screen}.yaml").read_text(encoding="utf-8")
    assert ours in text
    own = folder / "selectors"
    own.mkdir()
    (own / f"{screen}.yaml").write_text(text.replace(ours, instead), encoding="utf-8")
    return own


async def test_written_order_is_found_equal(channel: BrowserChannel, order: SalesOrder) -> None:
    number = await create(channel, order)
    (document,) = await found(channel, order)
    assert document.sales_order_id == number
    assert order.differences(document) == ()
    assert [line.quantity for line in document.confirmed] == [1, 2]


async def test_written_order_is_found_equal_in_chinese(chinese: SapPages, tmp_path: Path) -> None:
    channel = chinese.channel(tmp_path, language="zh")
    order = chinese.order("参考-1")
    await create(channel, order)
    (document,) = await found(channel, order)
    await channel.aclose()
    assert order.differences(document) == ()


async def test_pages_and_api_tell_the_same(sap: SapPages, channel: BrowserChannel, order: SalesOrder) -> None:
    await create(channel, order)
    port = HttpPort("erp", ApiSettings.model_validate({"url": sap.url, "auth": BASIC}))
    client = connect(port, Settings.model_validate(VENDOR_SETTINGS))
    service = next(material.code for material in sap.books.materials.values() if material.is_service)
    demands = [Demand(material=code, quantity="3", unit="PC") for code in (order.lines[0].material, service)]
    check = StockCheck(demands=demands)
    customer = BusinessPartnerLookup(business_partner_id=order.sold_to_party)
    assert await found(channel, order) == list((await sales_order_find(client, order.lookup())).documents)
    assert await channel.perform(attempt(STOCK_CHECK, check)) == await stock_check(client, check)
    shown, told = await partner(channel, order.sold_to_party), await business_partner_find(client, customer)
    assert shown.name.startswith(told.name)
    assert shown.model_copy(update={"name": told.name}) == told
    await port.aclose()


async def test_books_hold_what_was_asked_to_the_last_decimal(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    await create(channel, order)
    (stored,) = sap.books.find_sales_orders(reference=order.external_reference)
    assert [item.price for item in stored.items.values()] == [line.net_price for line in order.lines]
    assert stored.requested_on == order.requested_delivery_on


async def test_reference_nobody_used_finds_nothing(channel: BrowserChannel, order: SalesOrder) -> None:
    assert await found(channel, order) == []


async def test_list_that_shows_fewer_rows_than_it_counts_is_no_proof_of_absence(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder, tmp_path: Path
) -> None:
    await create(channel, order)
    own = own_selectors(tmp_path, "sales_order.list", "table.orders tbody tr", "table.orders tbody tr.loaded")
    loading = sap.channel(tmp_path, selectors=(own,))
    with pytest.raises(Unavailable, match="the list shows 0 of 1 orders"):
        await found(loading, order)
    await loading.aclose()


async def test_two_orders_with_one_reference_are_found_oldest_first(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    numbers = [await create(channel, order), await create(channel, order)]
    sap.books.reject_items(numbers[0], "61")
    documents = await found(channel, order)
    assert [(each.sales_order_id, each.cancelled) for each in documents] == [(numbers[0], True), (numbers[1], False)]


async def test_availability_is_read_per_demand(sap: SapPages, channel: BrowserChannel) -> None:
    goods = next(material for material in sap.books.materials.values() if not material.is_service)
    service = next(material for material in sap.books.materials.values() if material.is_service)
    demands = [Demand(material=each.code, quantity="2", unit="PC", site="1710") for each in (goods, service)]
    answers = (await channel.perform(attempt(STOCK_CHECK, StockCheck(demands=demands)))).answers
    assert [answer.available for answer in answers] == [sap.books.stock.available(goods.code), None]


async def test_availability_is_that_of_the_requested_day_on_pages_as_on_the_api(tmp_path: Path) -> None:
    async with sap_pages() as sap:
        goods = next(material.code for material in sap.books.materials.values() if not material.is_service)
        now, due = sap.books.availability(goods, "1710"), date(2026, 12, 20)
        sap.books.stock.expect(goods, Decimal(40), due)
        channel = sap.channel(tmp_path)
        port = HttpPort("erp", ApiSettings.model_validate({"url": sap.url, "auth": BASIC}))
        client = connect(port, Settings.model_validate(VENDOR_SETTINGS))
        days = (None, due - timedelta(days=1), due)
        demand = Demand(material=goods, quantity="2", unit="PC")
        checks = [StockCheck(demands=[demand], requested_on=day) for day in days]
        shown = [(await channel.perform(attempt(STOCK_CHECK, check))).answers[0].available for check in checks]
        told = [(await stock_check(client, check)).answers[0].available for check in checks]
        await channel.aclose()
        await port.aclose()
    assert shown == told == [now, now, now + 40]


async def test_page_that_does_not_take_the_requested_day_does_not_offer_the_check(
    sap: SapPages, tmp_path: Path
) -> None:
    own = own_selectors(tmp_path, "stock.availability", "&requestedOn={{ requested_on }}", "")
    deaf = sap.channel(tmp_path, selectors=(own,))
    goods = next(material.code for material in sap.books.materials.values() if not material.is_service)
    check = StockCheck(demands=[Demand(material=goods, quantity="2", unit="PC")], requested_on=date(2026, 12, 20))
    with pytest.raises(NotOffered, match="for the day that was asked for"):
        await deaf.perform(attempt(STOCK_CHECK, check))
    await deaf.aclose()


async def test_customer_is_read_with_block_and_currency(sap: SapPages, channel: BrowserChannel) -> None:
    number = next(number for number, each in sap.books.customers.items() if not each.order_block)
    before = await partner(channel, number)
    free = sap.books.customers[number]
    block(sap, number)
    after = await partner(channel, number)
    sap.books.customers[number] = free
    assert (before.business_partner_id, before.currency, before.blocked) == (number, "GBP", False)
    assert after.blocked


async def test_unknown_customer_and_material_are_business_errors(channel: BrowserChannel) -> None:
    with pytest.raises(BusinessPartnerUnknown):
        await partner(channel, "9")
    demand = Demand(material="NOPE", quantity="1", unit="PC")
    with pytest.raises(MaterialUnknown, match="Material NOPE is not defined"):
        await channel.perform(attempt(STOCK_CHECK, StockCheck(demands=[demand])))


async def test_refusals_in_the_message_box_are_the_vendors_no(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    with pytest.raises(BusinessPartnerUnknown):
        await create(channel, order.model_copy(update={"sold_to_party": "99999"}))
    free = sap.books.customers[order.sold_to_party]
    block(sap, order.sold_to_party)
    with pytest.raises(BusinessPartnerBlocked):
        await create(channel, order)
    sap.books.customers[order.sold_to_party] = free
    assert sap.stored(order) == 0


async def test_refusal_in_chinese_is_understood_too(chinese: SapPages, tmp_path: Path) -> None:
    channel = chinese.channel(tmp_path, language="zh")
    with pytest.raises(BusinessPartnerUnknown, match="维护售达方"):
        await create(channel, chinese.order("REF-1").model_copy(update={"sold_to_party": "99999"}))
    await channel.aclose()


async def test_locked_document_is_told(sap: SapPages, channel: BrowserChannel, order: SalesOrder) -> None:
    sap.faults.add("locked:web/sales_order.create:1")
    with pytest.raises(DocumentLocked, match="MILLER"):
        await create(channel, order)


@pytest.mark.parametrize(
    ("fault", "stored"),
    [
        ("reset_before_commit", 0),
        ("reset_after_commit", 1),
        ("lost_answer", 1),
        ("error_500_after_commit", 1),
        ("error_503_before_commit", 0),
        ("maintenance", 0),
    ],
)
async def test_no_answer_to_save_is_unknown_and_saved_at_most_once(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder, fault: str, stored: int
) -> None:
    sap.faults.add(f"{fault}:web/write:1")
    with pytest.raises(UnknownOutcome, match="may have been written"):
        await create(channel, order)
    assert sap.stored(order) == stored


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("maintenance:web/read:1", Unavailable),
        ("error_503_before_commit:web/read:1", Unavailable),
        ("reset_before_commit:web/read:1", Unavailable),
        ("popup:web/read:1", ScreenNotReady),
        ("throttle:web/read:1", Throttled),
        ("frozen:web/read:1:5", ScreenNotReady),
    ],
)
async def test_fault_before_the_form_is_not_sent(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder, fault: str, outcome: type[TandemError]
) -> None:
    sap.faults.add(fault)
    with pytest.raises(outcome):
        await create(channel, order)
    assert sap.stored(order) == 0


@pytest.mark.parametrize(
    ("fault", "field"), [("wrong_field:web/write:1", "line 10 quantity"), ("rounded:web/write:1", "line 10 net_price")]
)
async def test_field_stored_otherwise_differs_in_the_read_back(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder, fault: str, field: str
) -> None:
    sap.faults.add(fault)
    await create(channel, order)
    (document,) = await found(channel, order)
    assert order.differences(document)[0].field == field


@pytest.mark.parametrize("fault", ["truncated:web/write:1:3", "silent_noop:web/write:1"])
async def test_order_not_stored_as_told_is_not_found(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder, fault: str
) -> None:
    sap.faults.add(fault)
    await create(channel, order)
    assert await found(channel, order) == []


async def test_wrong_password_is_refused_and_stands_nowhere(sap: SapPages, order: SalesOrder, tmp_path: Path) -> None:
    channel = sap.channel(tmp_path, password="not-the-password")
    with pytest.raises(AccessRefused) as caught:
        await create(channel, order)
    await channel.aclose()
    assert "not-the-password" not in str(caught.value)
    assert_nowhere(tmp_path, caught.value.evidence, "not-the-password")


async def test_expired_session_is_told_and_one_login_renews_it(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    await found(channel, order)
    sap.clock.advance(3600)
    with pytest.raises(LoginExpired):
        await create(channel, order)
    await channel.login()
    await create(channel, order)
    assert sap.stored(order) == 1


async def test_login_is_kept_sealed_for_the_next_process(sap: SapPages, order: SalesOrder, tmp_path: Path) -> None:
    kept = tmp_path / "erp.session"
    first = sap.channel(tmp_path, session_file=kept)
    await found(first, order)
    await first.aclose()
    second = sap.channel(tmp_path, session_file=kept, password="changed meanwhile")
    assert await found(second, order) == []
    await second.aclose()
    assert b"SAP_SESSIONID" not in kept.read_bytes()


async def test_spoiled_login_file_is_replaced_by_a_fresh_login(
    sap: SapPages, order: SalesOrder, tmp_path: Path
) -> None:
    kept = tmp_path / "erp.session"
    kept.write_bytes(b"spoiled")
    channel = sap.channel(tmp_path, session_file=kept)
    assert await found(channel, order) == []
    await channel.aclose()
    assert kept.read_bytes() != b"spoiled"


async def test_orders_at_the_same_time_do_not_disturb_each_other(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    orders = [order.model_copy(update={"external_reference": f"{order.external_reference}-{n}"}) for n in range(3)]
    await asyncio.gather(*(create(channel, each) for each in orders))
    assert [sap.stored(each) for each in orders] == [1, 1, 1]


async def test_changed_page_is_healed_and_a_patch_is_proposed(sap: SapPages, order: SalesOrder, tmp_path: Path) -> None:
    short = order.model_copy(update={"lines": order.lines[:1]})
    channel = sap.channel(tmp_path)
    sap.faults.add("changed_dom:web/sales_order.create:1")
    writing = attempt(SALES_ORDER_CREATE, short)
    await channel.perform(writing)
    (document,) = await found(channel, short)
    await channel.aclose()
    assert short.differences(document) == ()
    healing = next(each for each in writing.healings if each.element == "sold_to_party")
    assert (healing.screen, healing.candidate) == ("sales_order.new", 2)
    assert healing.patch is not None
    head, diff = (tmp_path / healing.patch).read_text(encoding="utf-8").split("--- ")
    pictures = re.findall(r": (\S+\.png)$", head, re.MULTILINE)
    assert [(tmp_path / picture).exists() for picture in pictures] == [True, True]
    label, css = "{label: [Sold-To Party, 售达方]}", '{css: "[data-field=SoldToParty] input"}'
    assert [line for line in diff.splitlines()[1:] if line[0] in "+-"] == [
        "+++ selectors/sap_s4hana/sales_order.new.yaml",
        f"-  sold_to_party: [{label}, {css}]",
        f"+  sold_to_party: [{css}, {label}]",
    ]


async def test_order_is_read_alike_where_the_columns_changed_places(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    await create(channel, order)
    as_it_was = await found(channel, order)
    sap.faults.add("changed_dom:web/sales_order.find:1")
    assert await found(channel, order) == as_it_was
    assert {fault.kind for fault in sap.faults.drawn[-2:]} == {"changed_dom"}
    assert [order.differences(document) for document in as_it_was] == [()]


async def test_ambiguous_element_stops_before_anything_is_typed(
    sap: SapPages, order: SalesOrder, tmp_path: Path
) -> None:
    own = own_selectors(tmp_path, "sales_order.new", "{label: [Order Type, 订单类型]}", "{css: input}")
    channel = sap.channel(tmp_path, selectors=(own,))
    with pytest.raises(ScreenNotReady, match="order_type is ambiguous: 8 elements match"):
        await create(channel, order)
    await channel.aclose()


async def test_failure_leaves_picture_text_and_trace(sap: SapPages, order: SalesOrder, tmp_path: Path) -> None:
    own = own_selectors(
        tmp_path,
        "sales_order.new",
        '[{label: [Customer Reference, 客户参考]}, {css: "[data-field=PurchaseOrderByCustomer] input"}]',
        "[{css: nowhere}, {css: nor}]",
    )
    channel = sap.channel(tmp_path, selectors=(own,), timeout_s=1.5)
    with pytest.raises(ScreenNotReady, match="customer_reference is missing") as caught:
        await create(channel, order)
    await channel.aclose()
    assert [evidence.kind for evidence in caught.value.evidence] == ["screenshot", "page_text", "trace"]
    with zipfile.ZipFile(tmp_path / caught.value.evidence[2].path) as trace:
        told = [json.loads(line) for name in trace.namelist() if name.endswith(".trace") for line in lines(trace, name)]
    assert {"frame-snapshot", "before"} <= {entry["type"] for entry in told}


async def test_evidence_covers_personal_fields_cookies_and_password(sap: SapPages, tmp_path: Path) -> None:
    number = next(iter(sap.books.customers))
    before = sap.books.customers[number]
    sap.books.customers[number] = replace(before, name='Ada "Countess" Lovelace')
    own = own_selectors(tmp_path, "business_partner.display", "personal: true", "personal: true\n    kind: number")
    channel = sap.channel(tmp_path, selectors=(own,))
    for _ in ("not traced", "traced"):
        with pytest.raises(ScreenNotReady, match="name does not read as a number") as caught:
            await partner(channel, number)
    await channel.aclose()
    sap.books.customers[number] = before
    picture, text, trace = (tmp_path / evidence.path for evidence in caught.value.evidence)
    assert number in text.read_text(encoding="utf-8")
    with Image.open(picture) as image:
        colours = {colour: count for count, colour in image.convert("RGB").getcolors(maxcolors=1 << 24)}
    assert colours.get(MASK, 0) > 500
    with zipfile.ZipFile(trace) as entries:
        cookies = [cookie for name in entries.namelist() for cookie in SESSION_COOKIE.findall(entries.read(name))]
    assert set(cookies) == {b"***"}
    for secret in ("Countess", PASSWORD):
        assert_nowhere(tmp_path, caught.value.evidence, secret)


async def test_read_is_traced_where_it_failed_before_in_its_run(sap: SapPages, tmp_path: Path) -> None:
    lookup = BusinessPartnerLookup(business_partner_id=next(iter(sap.books.customers)))
    channel = sap.channel(tmp_path)

    def read(run: str) -> Awaitable[Record]:
        return channel.perform(replace(attempt(BUSINESS_PARTNER_FIND, lookup), correlation_id=run))

    async def traced(run: str) -> bool:
        sap.faults.add("maintenance:web/read:x1")
        with pytest.raises(Unavailable) as caught:
            await read(run)
        return "trace" in [evidence.kind for evidence in caught.value.evidence]

    await read("a")
    assert not await traced("a")
    await read("b")
    assert await traced("a")
    assert not await traced("b")
    await channel.aclose()


async def test_page_is_used_again_traced_and_untraced(sap: SapPages, tmp_path: Path) -> None:
    lease = Chromium(None, headless=True)
    channel = sap.channel(tmp_path)
    number = next(iter(sap.books.customers))
    contexts = []
    for act in (create(channel, sap.order("P-1")), partner(channel, number), create(channel, sap.order("P-2"))):
        await act
        contexts.append((await lease.browser()).contexts)
    assert contexts[0] == contexts[1] == contexts[2]
    sap.faults.add("lost_answer:web/write:x1")
    with pytest.raises(UnknownOutcome) as caught:
        await create(channel, sap.order("P-3"))
    assert "trace" in [evidence.kind for evidence in caught.value.evidence]
    await channel.aclose()
    await lease.aclose()


async def test_outcome_stands_where_evidence_cannot_be_kept(sap: SapPages, order: SalesOrder, tmp_path: Path) -> None:
    (tmp_path / "full").write_text("")
    channel = sap.channel(tmp_path / "full")
    sap.faults.add("lost_answer:web/write:1")
    with pytest.raises(UnknownOutcome) as caught:
        await create(channel, order)
    await channel.aclose()
    assert caught.value.evidence == ()


async def test_browser_that_died_between_orders_is_replaced(
    sap: SapPages, channel: BrowserChannel, order: SalesOrder
) -> None:
    await found(channel, order)
    lease = Chromium(None, headless=True)
    await (await lease.browser()).close()
    await create(channel, order)
    await lease.aclose()
    assert sap.stored(order) == 1


async def test_system_that_does_not_listen_is_unreachable(order: SalesOrder, tmp_path: Path) -> None:
    async with sap_pages() as gone:
        pass
    channel = gone.channel(tmp_path)
    with pytest.raises(Unreachable, match="ERR_CONNECTION_REFUSED"):
        await create(channel, order)
    await channel.aclose()


async def test_operation_without_recording_is_not_offered(channel: BrowserChannel) -> None:
    cancel = SalesOrderCancel(external_reference="REF-1", sales_order_id="1")
    with pytest.raises(NotOffered, match=r"no browser recording of sales_order\.cancel"):
        await channel.perform(attempt(SALES_ORDER_CANCEL, cancel))


def files(folder: Path, pattern: str) -> list[Path]:
    return list(folder.rglob(pattern))


def lines(archive: zipfile.ZipFile, name: str) -> list[str]:
    return archive.read(name).decode().splitlines()


def assert_nowhere(folder: Path, evidence: tuple[Evidence, ...], secret: str) -> None:
    """The secret stands in no text of the evidence, the inside of traces included."""
    for each in evidence:
        content = (folder / each.path).read_bytes()
        assert secret.encode() not in content
        if each.kind == "trace":
            with zipfile.ZipFile(BytesIO(content)) as trace:
                assert not [name for name in trace.namelist() if secret.encode() in trace.read(name)]
