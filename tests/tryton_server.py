"""The real Tryton as its tests reach it: a client, its own database, a proxy that fails, and an engine that asks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from api_clients.tryton import operations as rungs
from tandem.channels.api import ApiChannel
from tandem.domain.operation import Operation, Write
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.store import runs
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.vault import Vault
from tandem.workspace.real.server import Standing
from tests import sqlite_books, tryton_api
from tests.faults.proxy import MISHAPS, proxied, server_behind

BOT = "booked"


class Server:
    """The running server and a client of it."""

    def __init__(self, url: str, books: str, client: rungs.Client) -> None:
        self.url, self.client, self._books = url, client, books

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in Tryton's own database."""
        return sqlite_books.rows(self._books, query, *values)


@asynccontextmanager
async def connected(url: str, **block: Any) -> AsyncIterator[rungs.Client]:
    """A client of the server at ``url``; ``block``: more of the system's ``api`` block, such as another ``auth``."""
    port = tryton_api.opened(url, **block)
    try:
        yield rungs.connect(port, tryton_api.SETTINGS)
    finally:
        await port.aclose()


@asynccontextmanager
async def reached(standing: Standing) -> AsyncIterator[Server]:
    """The server that stands so."""
    async with connected(str(standing.url)) as client:
        yield Server(str(standing.url), standing.about["database"], client)


@asynccontextmanager
async def failing(
    url: str, marked: str, mishap: str = "reset after commit", **block: Any
) -> AsyncIterator[rungs.Client]:
    """A client whose first call that holds ``marked`` meets the mishap."""
    async with server_behind(url) as server, proxied(server, marked, MISHAPS[mishap]) as proxy:
        async with connected(proxy.url, **block) as client:
            yield client
        assert proxy.struck


async def performed(url: str, database: Path, operation: Operation[Any, Any], asked: Write, **block: Any) -> str | None:
    """The number of the document that a Tandem of its own, which knows of no other, has written or found."""

    async def book(run: Run) -> BotResult:
        return BotResult(outcome=(await run.perform("erp", operation, run.item)).document_id)

    async with connected(url, **block) as client:
        names = (operation.name, str(operation.read_back))
        carried = {name: getattr(rungs, name.replace(".", "_")) for name in names}
        channel = ApiChannel("erp", client.http, client, carried)
        look_first = operation.name == "receipt.create"
        ladders = dict.fromkeys(names, Rungs(("api",), settle_s=20, look_first=look_first))
        system = System("erp", "tryton", {"api": channel}, ladders)
        books = open_database(database)
        try:
            bots = {BOT: Bot(BOT, operation.request, book, systems={"erp": system})}
            engine = Engine(books, bots, Codec(Vault(Vault.new_key())), systems={"erp": system})
            await engine.start(BOT, [Work(asked.external_reference, asked)])
            await engine.work(patience_s=0)
            ended = await books.read(lambda connection: runs.list_newest(connection, 10))
        finally:
            await books.close()
    (outcome,) = [run.outcome for run in ended if run.bot == BOT]
    return outcome
