"""A real ERP behind a proxy that fails: every order is made and confirmed once, counted in the ERP's own database."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from fixtures.retail import Retail
from fixtures.tryton.real import credit_limit
from tandem.domain.sales_order import SALES_ORDER_CONFIRM, SALES_ORDER_CREATE, SalesOrder, SalesOrderLine
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.http.port import HttpPort
from tandem.store import runs, tickets
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.vault import Vault
from tandem.workspace.real.server import Standing
from tests import invoices, sqlite_books, tryton_api
from tests.faults.proxy import LATE_S, MISHAPS, READ_S, SETTLE_S, Server, proxied, server_behind

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

BOT = "confirmed_order"
CALLS = ("create", "confirm")
AT_ONCE = 5
CELLS = list(product(MISHAPS, CALLS))


@dataclass(frozen=True)
class Account:
    """``sales``: state and number of deliveries of each order with the reference, in the ERP's own database."""

    struck: bool
    sales: list[tuple[Any, ...]]
    finished: list[str | None]
    tickets: list[str]

    @property
    def standing(self) -> list[tuple[Any, ...]]:
        return [sale for sale in self.sales if sale[0] != "cancelled"]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def accounts(
    tmp_path_factory: pytest.TempPathFactory, real_server: Callable[[str, str], Standing]
) -> AsyncIterator[Mapping[tuple[str, str], Account]]:
    """All cells, some at a time, on one server."""
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    folder = tmp_path_factory.mktemp("proxied")
    async with server_behind(str(standing.url)) as server:
        turns = asyncio.Semaphore(AT_ONCE)

        async def in_turn(number: int) -> Account:
            async with turns:
                return await _played(folder, server, standing, data, number)

        played = [in_turn(number) for number in range(len(CELLS))]
        yield dict(zip(CELLS, await asyncio.gather(*played), strict=True))


async def _played(folder: Path, server: Server, standing: Standing, data: Retail, number: int) -> Account:
    """One cell to its end, late looks included."""
    mishap, call = CELLS[number]
    order = _order(f"PROXY-{number}", data)
    async with proxied(server, f'"model.sale.sale.{call}"', MISHAPS[mishap]) as proxy:
        port = tryton_api.opened(proxy.url, timeouts={"read_s": READ_S})
        system = _system(port)
        database = open_database(folder / f"{number}.db")
        bots = {BOT: Bot(BOT, SalesOrder, _confirmed_order, systems={"erp": system})}
        try:
            engine = Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"erp": system})
            await engine.start(BOT, [Work(order.external_reference, order)])
            await engine.work(patience_s=2 * LATE_S)
            ended = await database.read(lambda connection: runs.list_newest(connection, 10))
            opened = await database.read(lambda connection: tickets.list_newest(connection, 10))
        finally:
            await port.aclose()
            await database.close()
    return Account(
        proxy.struck,
        _sales(standing.about["database"], order.external_reference),
        [run.outcome for run in ended if run.bot == BOT],
        [ticket.kind for ticket in opened],
    )


def _system(port: HttpPort) -> System:
    rungs = dict.fromkeys(tryton_api.RUNGS, Rungs(("api",), SETTLE_S, LATE_S, True))
    return System("erp", "tryton", {"api": tryton_api.channel(port)}, rungs)


def _order(reference: str, data: Retail) -> SalesOrder:
    customer = next(each.number for each in data.customers if credit_limit(each.number) > 1000)
    material = max(data.stock, key=lambda code: data.stock[code])
    line = SalesOrderLine(line_number=1, material=material, quantity=Decimal(1), unit="u", net_price=Decimal("0.10"))
    return SalesOrder(external_reference=reference, sold_to_party=customer, currency="GBP", lines=(line,))


async def _confirmed_order(run: Run) -> BotResult:
    assert isinstance(run.item, SalesOrder)
    async with run.saga():
        made = await run.perform("erp", SALES_ORDER_CREATE, run.item)
        await run.perform("erp", SALES_ORDER_CONFIRM, made.confirm())
    return BotResult(outcome="created")


def _sales(database: str, reference: str) -> list[tuple[Any, ...]]:
    return sqlite_books.rows(
        database,
        "SELECT sale.state, COUNT(DISTINCT move.shipment) FROM sale_sale sale "
        "JOIN sale_line line ON line.sale = sale.id "
        "LEFT JOIN stock_move move ON move.origin = 'sale.line,' || line.id "
        "WHERE sale.reference = ? GROUP BY sale.id ORDER BY sale.id",
        reference,
    )


@pytest.mark.parametrize(("mishap", "call"), CELLS)
async def test_order_stands_once_and_is_delivered_once_whatever_the_proxy_does(
    accounts: Mapping[tuple[str, str], Account], mishap: str, call: str
) -> None:
    account = accounts[mishap, call]
    assert account.struck
    assert account.finished == ["created"], account
    assert account.standing == [("processing", 1)], account
    made_twice = (mishap, call) == ("late commit, after settling", "create")
    assert (len(account.sales), account.tickets) == ((2, ["written_twice"]) if made_twice else (1, [])), account
