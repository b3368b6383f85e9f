"""A vendor in memory, behind the real channel port: its books, and a script of what each attempt meets."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from tandem.domain.channel import Attempt
from tandem.domain.operation import ChannelName, Operation
from tandem.domain.record import Record
from tandem.domain.sales_order import (
    SALES_ORDER_CANCEL,
    SALES_ORDER_CREATE,
    SalesOrder,
    SalesOrderCancel,
    SalesOrderConfirmation,
    SalesOrderDocument,
    SalesOrderLine,
    SalesOrdersFound,
)
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import (
    AccessRefused,
    BusinessError,
    CircuitOpen,
    CreditBlocked,
    DuplicateReference,
    LoginExpired,
    LoginRefused,
    NotOffered,
    ScreenNotReady,
    StoreError,
    Throttled,
    Unavailable,
    UnknownOutcome,
    Unreachable,
)
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.vault import Vault


class HandHeldClock:
    """Time passes only when somebody sleeps; what was planned for an instant happens when it is reached."""

    def __init__(self) -> None:
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self._planned: list[tuple[datetime, Callable[[], object]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic_s(self) -> float:
        return self._now.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds)
        await asyncio.sleep(0)

    def plan(self, in_s: float, act: Callable[[], object]) -> None:
        self._planned.append((self._now + timedelta(seconds=in_s), act))

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        due = [act for at, act in self._planned if at <= self._now]
        self._planned = [(at, act) for at, act in self._planned if at > self._now]
        for act in due:
            act()


@dataclass
class Books:
    """The vendor's sales orders, in the order they were committed."""

    documents: list[SalesOrderDocument] = field(default_factory=list)

    def commit(self, order: SalesOrder) -> SalesOrderConfirmation:
        document = SalesOrderDocument(sales_order_id=str(len(self.documents) + 1), order=order)
        self.documents.append(document)
        return document.result()

    def cancel(self, sales_order_id: str) -> None:
        place = int(sales_order_id) - 1
        self.documents[place] = self.documents[place].model_copy(update={"cancelled": True})

    def with_reference(self, reference: str) -> tuple[SalesOrderDocument, ...]:
        return tuple(item for item in self.documents if item.order.external_reference == reference)

    @property
    def live(self) -> list[SalesOrderDocument]:
        return [document for document in self.documents if not document.cancelled]


class Crash(BaseException):
    """The process dies here."""


class ScriptedChannel:
    """One channel to the books. ``script``: for each create in turn, what happens; after its end all is well."""

    def __init__(self, name: ChannelName, books: Books, clock: HandHeldClock) -> None:
        self._name, self.books, self._clock = name, books, clock
        self.script: list[str] = []
        self.find_script: list[str] = []
        self.cancel_script: list[str] = []
        self.calls: list[str] = []
        self.logins = 0

    @property
    def name(self) -> ChannelName:
        return self._name

    async def perform(self, attempt: Attempt) -> Record:
        self.calls.append(attempt.operation.name)
        act = getattr(self, "_" + attempt.operation.name.replace(".", "_"))
        result: Record = act(attempt.request)
        return result

    async def login(self) -> None:
        self.logins += 1

    async def aclose(self) -> None: ...

    def _sales_order_create(self, order: SalesOrder) -> SalesOrderConfirmation:
        event = self.script.pop(0) if self.script else "ok"
        _fail_before_sending(event)
        if event == "lost_request":
            raise UnknownOutcome("No answer.")
        if event == "late_commit":
            self._clock.plan(5.0, lambda: self.books.commit(order))
            raise UnknownOutcome("No answer.")
        if event == "very_late_commit":
            self._clock.plan(90.0, lambda: self.books.commit(order))
            raise UnknownOutcome("No answer.")
        if event == "silent_no_op":
            return SalesOrderConfirmation(sales_order_id="999", external_reference=order.external_reference)
        if event == "cut_reference":
            cut = order.model_copy(update={"external_reference": order.external_reference[:2]})
            return self.books.commit(cut)
        written = order if event != "wrong_field" else order.model_copy(update={"sold_to_party": "OTHER"})
        confirmation = self.books.commit(written)
        if event == "lost_answer":
            raise UnknownOutcome("No answer.")
        if event == "broken_client":
            raise RuntimeError("a client's own mistake")
        if event == "crash_after_commit":
            raise Crash
        if event == "written_twice":
            self.books.commit(order)
            raise UnknownOutcome("No answer.")
        return confirmation

    def _note_post(self, note: "Note") -> "Note":
        if self.script and self.script.pop(0) == "lost_request":
            raise UnknownOutcome("No answer.")
        return note

    def _sales_order_find(self, lookup: Any) -> SalesOrdersFound:
        event = self.find_script.pop(0) if self.find_script else "ok"
        _fail_before_sending(event)
        if event == "broken_client":
            raise RuntimeError("a client's own mistake")
        if event == "not_shown_yet":
            return SalesOrdersFound(documents=())
        if event == "last_void_not_shown_yet":
            *earlier, last = self.books.with_reference(lookup.external_reference)
            return SalesOrdersFound(documents=(*earlier, last.model_copy(update={"cancelled": False})))
        return SalesOrdersFound(documents=self.books.with_reference(lookup.external_reference))

    def _sales_order_cancel(self, cancel: SalesOrderCancel) -> SalesOrderConfirmation:
        event = self.cancel_script.pop(0) if self.cancel_script else "ok"
        _fail_before_sending(event)
        if event == "very_late_commit":
            self._clock.plan(90.0, lambda: self.books.cancel(cancel.sales_order_id))
            raise UnknownOutcome("No answer.")
        self.books.cancel(cancel.sales_order_id)
        if event == "lost_answer":
            raise UnknownOutcome("No answer.")
        return cancel.expected()


_FAILURES: dict[str, Callable[[], Exception]] = {
    "refused": lambda: Unreachable("Connection refused."),
    "circuit_open": lambda: CircuitOpen("Left alone for {wait_s} seconds.", wait_s=12),
    "unavailable": lambda: Unavailable("Maintenance."),
    "not_offered": lambda: NotOffered("No such endpoint."),
    "screen_not_ready": lambda: ScreenNotReady("Another screen."),
    "throttled": lambda: Throttled("Too many calls.", retry_after_s=3),
    "throttled_long": lambda: Throttled("Quota of the day.", retry_after_s=3600),
    "login_expired": lambda: LoginExpired("Session expired."),
    "access": lambda: AccessRefused("No permission."),
    "login": lambda: LoginRefused("Wrong password."),
    "duplicate": lambda: DuplicateReference("A document with this reference exists."),
    "full_disk": lambda: StoreError("Tandem's disk is full."),
    "credit": lambda: CreditBlocked("Credit exposure would exceed the limit."),
}


def _fail_before_sending(event: str) -> None:
    if event == "crash_before_commit":
        raise Crash
    if event in _FAILURES:
        raise _FAILURES[event]()


class Note(Record):
    """A write that nobody can read back."""

    external_reference: str


NOTE_POST = Operation("note.post", Note, Note, effect="irreversible")


class OrderItem(Record):
    reference: str

    @property
    def business_key(self) -> str:
        return f"order {self.reference}"


async def cancelling(run: Run) -> BotResult:
    """A bot that makes an order and cancels it."""
    made = await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
    try:
        await run.perform("erp", SALES_ORDER_CANCEL, made.compensation())
    except BusinessError:
        return BotResult(outcome="refused")
    return BotResult(outcome="cancelled")


class Office:
    """Everything a test needs: three channels to one set of books, and a bot that creates one order."""

    def __init__(self, clock: HandHeldClock) -> None:
        self.books = Books()
        self.api = ScriptedChannel("api", self.books, clock)
        self.browser = ScriptedChannel("browser", self.books, clock)
        self.desktop = ScriptedChannel("desktop", self.books, clock)
        self.bot = Bot("order", OrderItem, self._create_order)
        self.use_ladder("api", "browser", "desktop")

    def use_ladder(self, *ladder: ChannelName, **settings: Any) -> None:
        channels = {channel.name: channel for channel in (self.api, self.browser, self.desktop)}
        operations = {
            "sales_order.create": Rungs(ladder, **({"settle_s": 60.0, "late_s": 900.0} | settings)),
            "sales_order.find": Rungs(("api", "browser")),
            "sales_order.cancel": Rungs(("api",)),
        }
        self.system = System("erp", "books", channels, operations)
        self.bot.__dict__["systems"] = {"erp": self.system}

    async def _create_order(self, run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        await run.perform("erp", SALES_ORDER_CREATE, order(run.item.reference))
        return BotResult(outcome="created")


def order(reference: str) -> SalesOrder:
    line = SalesOrderLine(line_number=10, material="A1", quantity=Decimal(2), unit="PC", net_price=Decimal("9.50"))
    return SalesOrder(external_reference=reference, sold_to_party="C1", currency="EUR", lines=(line,))


def work(reference: str) -> Work:
    item = OrderItem(reference=reference)
    return Work(item.business_key, item)


def engine_on(database: Database, office: Office, clock: HandHeldClock) -> Engine:
    """An engine with a key of its own, whose one bot makes an order of each work item."""
    bots = {"order": office.bot}
    return Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"erp": office.system}, clock=clock)
