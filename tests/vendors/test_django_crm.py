"""Our recordings on Django-CRM's own pages, in a real browser, checked in its own database."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from api_clients.django_crm.settings import Settings
from fixtures.django_crm.real import CREDENTIALS
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.library import Recordings, Screens
from tandem.domain.channel import Attempt
from tandem.domain.crm_order import (
    CRM_ORDER_READ,
    CRM_ORDER_SET_STATUS,
    CRM_ORDER_STATUS_FIND,
    CrmOrder,
    CrmOrderRead,
    CrmOrderStatus,
    CrmOrderStatusDocument,
    CrmOrderStatusesFound,
    CrmOrderStatusLookup,
    Notice,
)
from tandem.domain.operation import Operation
from tandem.errors import (
    DocumentNotFound,
    LoginExpired,
    LoginRefused,
    ScreenNotReady,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tandem.store.evidence import EvidenceStore
from tandem.vault import Vault
from tandem.workspace.real.server import Standing
from tests.install import DJANGO_CRM_DEALS

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
PRICED_IN_CENTS = """
SELECT id FROM crm_deal WHERE closing_reason_id IS NULL AND id NOT IN
    (SELECT deal_id FROM crm_output WHERE CAST(round(amount * 100) AS INTEGER) % quantity)
"""
MESSAGE = '缺货 "85123A": 2 PC {braces}\nline two'


def channel_on(url: str, evidence: Path, password: str = CREDENTIALS["password"]) -> BrowserChannel:
    return BrowserChannel(
        "crm",
        BrowserSettings(url=url, username=CREDENTIALS["username"], password=password),
        Recordings([ROOT / "recordings" / "django_crm"], "browser"),
        Screens([ROOT / "selectors" / "django_crm"], "browser"),
        Vault(Vault.new_key()),
        EvidenceStore(evidence),
        vendor_settings=Settings().model_dump(),
    )


class Crm:
    """The running server, a browser logged in to it, and its database. Each test takes deals of its own."""

    def __init__(self, standing: Standing, channel: BrowserChannel) -> None:
        self.url = f"{standing.url}/en/123"
        self.books = Path(standing.about["database"])
        self.channel = channel
        self._untaken = iter([row[0] for row in self.rows(PRICED_IN_CENTS)])

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(f"file:{self.books}?mode=ro", uri=True, timeout=20)) as books:
            return books.execute(query, values).fetchall()

    def change(self, statement: str, *values: object) -> None:
        """What somebody else changes meanwhile."""
        with closing(sqlite3.connect(self.books, timeout=20)) as books, books:
            books.execute(statement, values)

    def taken(self) -> str:
        """The id of a deal that no other test works on."""
        return str(next(self._untaken))

    def description(self, deal: str) -> str:
        ((text,),) = self.rows("SELECT description FROM crm_deal WHERE id = ?", deal)
        return str(text).replace("\r\n", "\n")

    def memos(self, deal: str) -> list[tuple[Any, ...]]:
        """Recipient, subject and text of each, oldest first."""
        found = self.rows(
            "SELECT username, name, description FROM tasks_memo JOIN auth_user ON auth_user.id = to_id "
            "WHERE deal_id = ? ORDER BY tasks_memo.id",
            deal,
        )
        return [(to, name, text.replace("\r\n", "\n")) for to, name, text in found]

    async def perform(self, operation: Operation[Any, Any], request: Any) -> Any:
        reference = getattr(request, "external_reference", None)
        return await self.channel.perform(Attempt(operation, "crm", request, reference, "test"))

    async def read(self, deal: str) -> CrmOrder:
        order: CrmOrder = await self.perform(CRM_ORDER_READ, CrmOrderRead(order=deal))
        return order

    async def status(self, lookup: CrmOrderStatusLookup) -> CrmOrderStatusDocument:
        found: CrmOrderStatusesFound = await self.perform(CRM_ORDER_STATUS_FIND, lookup)
        (document,) = found.documents
        return document


def outcome(deal: str, **changed: Any) -> CrmOrderStatus:
    """The status to write to the deal, with a memo to a salesperson."""
    given = {
        "external_reference": f"run-{deal}",
        "order_id": deal,
        "status": "待补货",
        "erp_order_id": "4711",
        "message": MESSAGE,
        "notice": Notice(recipient_id="john.baker", subject=f"Order {deal}: 待补货", text=MESSAGE),
    }
    return CrmOrderStatus(**given | changed)


@pytest.fixture(scope="module")
def standing(real_server: Callable[[str, str], Standing]) -> Standing:
    return real_server("django_crm", DJANGO_CRM_DEALS)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def crm(standing: Standing, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crm]:
    channel = channel_on(f"{standing.url}/en/123", tmp_path_factory.mktemp("evidence"))
    await channel.login()
    yield Crm(standing, channel)
    await channel.aclose()


async def test_order_reads_as_the_deal_stands_in_the_database(crm: Crm) -> None:
    deal = crm.taken()
    crm.change("UPDATE crm_output SET shipping_date = '2027-03-01' WHERE deal_id = ?", deal)
    order = await crm.read(deal)
    assert (order.order_id, order.order_number, order.kind, order.currency) == (deal, deal, "order", "GBP")
    ((company, owner),) = crm.rows(
        "SELECT company_id, username FROM crm_deal JOIN auth_user ON auth_user.id = owner_id WHERE crm_deal.id = ?",
        deal,
    )
    assert (order.account and order.account.account_id, order.owner_id) == (str(company), owner)
    assert order.requested_delivery_on == date(2027, 3, 1)
    stored = crm.rows(
        "SELECT name, quantity, amount FROM crm_output JOIN crm_product ON crm_product.id = product_id "
        "WHERE deal_id = ? ORDER BY crm_output.id",
        deal,
    )
    assert [(line.product_code, line.quantity) for line in order.lines] == [(name, count) for name, count, _ in stored]
    assert [line.quantity * line.unit_price for line in order.lines] == [Decimal(str(row[2])) for row in stored]


async def test_open_deal_is_a_draft_and_a_lost_one_is_cancelled(crm: Crm) -> None:
    deal = crm.taken()
    crm.change(
        "UPDATE crm_deal SET stage_id = (SELECT id FROM crm_stage WHERE name = 'price offer') WHERE id = ?", deal
    )
    assert (await crm.read(deal)).kind == "draft"
    lost = "SELECT id FROM crm_closingreason WHERE NOT success_reason AND department_id = crm_deal.department_id"
    crm.change(f"UPDATE crm_deal SET closing_reason_id = ({lost}) WHERE id = ?", deal)
    assert (await crm.read(deal)).kind == "cancelled"


@pytest.mark.parametrize("name", ["999999", "Invoice 536365", "../company/1"])
async def test_deal_that_is_not_there_is_said_so(crm: Crm, name: str) -> None:
    with pytest.raises(DocumentNotFound, match="there is no deal"):
        await crm.read(name)


async def test_amount_that_no_price_makes_is_refused_not_rounded(crm: Crm) -> None:
    deal = crm.taken()
    crm.change("UPDATE crm_output SET quantity = 3, amount = 10 WHERE deal_id = ?", deal)
    with pytest.raises(ValidationFailed, match=r"10\.00 for 3 of .* makes no price"):
        await crm.read(deal)


async def test_status_number_message_and_memo_are_written_and_found_again(crm: Crm) -> None:
    deal = crm.taken()
    crm.change("UPDATE crm_deal SET description = 'Call before noon.' WHERE id = ?", deal)
    asked = outcome(deal)
    before = await crm.read(deal)
    await crm.perform(CRM_ORDER_SET_STATUS, asked)
    document = await crm.status(asked.lookup())
    assert asked.differences(document) == ()
    assert document.notices == 1
    assert crm.description(deal).startswith("--- ERP ---\nStatus: 待补货\nOrder: 4711\n缺货")
    assert crm.description(deal).endswith("--- end of ERP ---\n\nCall before noon.")
    assert crm.memos(deal) == [("john.baker", f"Order {deal}: 待补货", f"{MESSAGE}\n\nrun-{deal}")]
    after = await crm.read(deal)
    assert (after.status, after.erp_order_id) == ("待补货", "4711")
    assert after.version == before.version


async def test_status_written_again_tells_the_salesperson_once(crm: Crm) -> None:
    deal = crm.taken()
    for status in ("待补货", "已同步"):
        await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, status=status))
    assert len(crm.memos(deal)) == 1
    assert crm.description(deal).count("--- ERP ---") == 1
    assert (await crm.status(outcome(deal).lookup())).status == "已同步"


async def test_number_stays_when_later_news_has_none_and_text_of_people_stays_where_they_put_it(crm: Crm) -> None:
    deal = crm.taken()
    await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, notice=None))
    crm.change("UPDATE crm_deal SET description = 'Above.\n' || description || '\nBelow.' WHERE id = ?", deal)
    await crm.perform(
        CRM_ORDER_SET_STATUS, outcome(deal, notice=None, erp_order_id=None, status="同步失败", message="")
    )
    document = await crm.status(outcome(deal, notice=None).lookup())
    assert (document.status, document.erp_order_id, document.message) == ("同步失败", "4711", "")
    assert crm.description(deal).endswith("--- end of ERP ---\n\nAbove.\nBelow.")
    assert crm.memos(deal) == []


async def test_block_that_lost_its_last_line_is_left_to_a_person(crm: Crm) -> None:
    deal = crm.taken()
    crm.change("UPDATE crm_deal SET description = '--- ERP ---\nStatus: x\nmy own notes' WHERE id = ?", deal)
    with pytest.raises(ValidationFailed, match="lacks its first or its last line"):
        await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, notice=None))
    assert crm.description(deal) == "--- ERP ---\nStatus: x\nmy own notes"


async def test_memo_of_somebody_else_about_the_deal_is_not_ours(crm: Crm) -> None:
    deal = crm.taken()
    await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, external_reference="other-news"))
    document = await crm.status(outcome(deal).lookup())
    assert (document.notices, document.notice) == (0, None)


async def test_subject_is_kept_up_to_what_the_crm_keeps(crm: Crm) -> None:
    deal = crm.taken()
    asked = outcome(deal, notice=Notice(recipient_id="anna.keller", subject="长" * 254, text="x"))
    await crm.perform(CRM_ORDER_SET_STATUS, asked)
    assert crm.memos(deal)[0][1] == "长" * 250
    assert asked.differences(await crm.status(asked.lookup())) == ()


async def test_recipient_whom_the_crm_does_not_know_is_not_sent(crm: Crm) -> None:
    deal = crm.taken()
    nobody = Notice(recipient_id="nobody", subject="x", text="x")
    with pytest.raises(ScreenNotReady, match="to has 0 options nobody"):
        await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, notice=nobody))
    assert (crm.memos(deal), crm.description(deal)) == ([], "")


async def test_deal_that_cannot_be_saved_is_unknown_when_its_memo_stands(crm: Crm) -> None:
    """A refusal of the second save says nothing of the first, which was made."""
    deal = crm.taken()
    crm.change("UPDATE crm_deal SET name = '' WHERE id = ?", deal)
    with pytest.raises(UnknownOutcome):
        await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal))
    assert (len(crm.memos(deal)), crm.description(deal)) == (1, "")


async def test_form_that_is_refused_is_the_crms_no(crm: Crm) -> None:
    deal = crm.taken()
    crm.change("UPDATE crm_deal SET name = '' WHERE id = ?", deal)
    with pytest.raises(ValidationFailed, match="correct the error"):
        await crm.perform(CRM_ORDER_SET_STATUS, outcome(deal, notice=None))


async def test_page_that_breaks_is_unavailable(crm: Crm) -> None:
    """Django-CRM answers 500 to every deal when its user is an operator and no manager."""
    deal = crm.taken()
    ours = "user_id = (SELECT id FROM auth_user WHERE username = 'tandem')"
    managers = "group_id = (SELECT id FROM auth_group WHERE name = 'managers')"
    ((user, group),) = crm.rows(f"SELECT user_id, group_id FROM auth_user_groups WHERE {ours} AND {managers}")
    crm.change("DELETE FROM auth_user_groups WHERE user_id = ? AND group_id = ?", user, group)
    try:
        with pytest.raises(Unavailable, match="500"):
            await crm.read(deal)
    finally:
        crm.change("INSERT INTO auth_user_groups (user_id, group_id) VALUES (?, ?)", user, group)


async def test_message_meant_for_another_page_is_not_taken_for_an_answer(crm: Crm) -> None:
    """Django-CRM shows what it has to say on whatever page of the session is asked for next."""
    deal = crm.taken()
    ((session,),) = crm.rows("SELECT session_key FROM django_session ORDER BY expire_date DESC LIMIT 1")
    async with httpx.AsyncClient(cookies={"sessionid": session}) as other:
        assert (await other.get(f"{crm.url}/crm/deal/999999/change/")).status_code == 302
    assert (await crm.read(deal)).order_id == deal


async def test_session_that_ended_is_logged_in_again(crm: Crm) -> None:
    deal = crm.taken()
    await crm.read(deal)
    crm.change("DELETE FROM django_session")
    with pytest.raises(LoginExpired):
        await crm.read(deal)
    await crm.channel.login()
    assert (await crm.read(deal)).order_id == deal


async def test_wrong_password_is_refused(standing: Standing, tmp_path: Path) -> None:
    channel = channel_on(f"{standing.url}/en/123", tmp_path, password="wrong")
    with pytest.raises(LoginRefused):
        await channel.login()
    await channel.aclose()


async def test_pages_in_chinese_are_read_and_written_alike(crm: Crm, standing: Standing, tmp_path: Path) -> None:
    deal, channel = crm.taken(), channel_on(f"{standing.url}/zh-hans/123", tmp_path)
    await channel.login()
    pages = Crm(standing, channel)
    try:
        assert (await pages.read(deal)).kind == "order"
        await pages.perform(CRM_ORDER_SET_STATUS, outcome(deal))
        assert outcome(deal).differences(await pages.status(outcome(deal).lookup())) == ()
    finally:
        await channel.aclose()
