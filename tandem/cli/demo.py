"""``tandem demo``: a bot at work on sandboxes with faults switched on, and the proof of the books."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tandem import log
from tandem.channels.api import ApiChannel
from tandem.cli.memory import peak_memory_mb
from tandem.cli.session import Session, session_of
from tandem.cli.work import carry_out
from tandem.domain.operation import CHANNELS
from tandem.engine.bot import work_of
from tandem.engine.engine import Engine
from tandem.engine.settlement import Settlement
from tandem.errors import UsageError
from tandem.http.breaker import OPEN_S
from tandem.store import journal, tickets
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tandem.text import language, tr
from tandem.workspace.bot import bots
from tandem.workspace.demonstration import Demonstration, Stage, staged
from tandem.workspace.engine import working_engine
from tandem.workspace.formats import Format
from tandem.workspace.roots import Roots

_FILE = "demo.yaml"
_ACTOR = "demo"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "demo",
        help=tr(
            "Show a bot at work: sandboxes of its vendors are started on this machine, orders are run with faults "
            "switched on, first through the API, then through the browser and the desktop client, and the books are "
            "proved: every order accounted for, none twice."
        ),
        short_help=tr("Show a bot at work on sandboxes, with faults, and prove the books."),
        epilog=tr("Example: tandem demo --orders invoices.csv.gz"),
    )(demo)


def demo(
    context: typer.Context,
    orders: Annotated[
        str | None, typer.Option(help=tr("A CSV or CSV.gz file of invoice lines, or how many orders to generate."))
    ] = None,
    bot: Annotated[
        str | None, typer.Option(help=tr("The bot to show; by default the one that has a demonstration."))
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help=tr("Where to make its workspace; by default tandem-demo/ with the time."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line at the end."))] = False,
) -> None:
    """Run the demonstration; exit with 1 when an order is not accounted for or stands twice."""
    session = session_of(context)
    name, demonstration = _demonstration(bot)
    place = folder or Path("tandem-demo") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    with staged(place, language(), demonstration, orders or str(demonstration.orders)) as stage:
        log.configure(level="ERROR", file=stage.workspace.log_file)
        show = Show(session, stage, name, demonstration, quiet=as_json)
        figures = carry_out(show.run())
    if as_json:
        session.json(figures.data())
    else:
        figures.print(session, place)
    if not figures.proved:
        raise typer.Exit(1)


@dataclass
class Figures:
    """What the demonstration came to."""

    outcomes: Counter[str]
    orders: int
    documents: int
    duplicates: int
    channels: dict[str, int]
    tickets: Sequence[Ticket]
    evidence: Path
    created_again: int
    calls: dict[str, int]
    seconds: float
    peak_mb: float | None
    rows: list[RunRow] = field(default_factory=list)

    @property
    def accounted(self) -> int:
        """Orders that ended as created, waiting or refused."""
        return sum(self.outcomes[outcome] for outcome in ("created", "waiting", "refused"))

    @property
    def proved(self) -> bool:
        """Whether every order is accounted for, and the ERP's books hold each created one exactly once."""
        return (
            self.accounted == self.orders
            and self.documents == self.outcomes["created"]
            and self.duplicates == 0
            and self.created_again == 0
        )

    def data(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "orders": self.orders,
            "created": self.outcomes["created"],
            "waiting": self.outcomes["waiting"],
            "refused": self.outcomes["refused"],
            "tickets": len(self.tickets),
            "erp_orders": self.documents,
            "duplicates": self.duplicates,
            "channels": self.channels,
            "seconds": round(self.seconds, 1),
            "created_again": self.created_again,
            "calls": self.calls,
            "peak_memory_mb": self.peak_mb and round(self.peak_mb),
        }

    def print(self, session: Session, place: Path) -> None:
        """The tables, and the line that proves the books."""
        made = self.outcomes["created"]
        rows: list[tuple[object, ...]] = [(tr("created"), made, "")]
        rows += [("  " + channel, count, "") for channel, count in self.channels.items()]
        rows.append((tr("waiting for stock (待补货)"), self.outcomes["waiting"], ""))
        rows.append((tr("refused"), self.outcomes["refused"], ""))
        rows += [("  ", count, reason) for reason, count in self._reasons().most_common(6)]
        rows.append((tr("tickets opened"), len(self.tickets), ""))
        session.table((tr("orders"), "", tr("reason, for example")), rows)
        for ticket in self.tickets:
            self._print_ticket(session, ticket)
        session.print(
            tr(
                "{seconds} s, {rate} orders/s, vendor calls: {calls}; peak memory {memory} MB. Workspace: {place}",
                seconds=f"{self.seconds:.1f}",
                rate=f"{self.orders / self.seconds:.1f}",
                calls=", ".join(f"{name} {count}" for name, count in self.calls.items()),
                memory="?" if self.peak_mb is None else f"{self.peak_mb:.0f}",
                place=place,
            )
        )
        session.print(
            tr(
                "Books: {accounted} of {orders} CRM orders accounted for; ERP orders {documents} (created {created}); "
                "duplicates {duplicates}; created again by a second pass over the same orders: {again}.",
                accounted=self.accounted,
                orders=self.orders,
                documents=self.documents,
                created=made,
                duplicates=self.duplicates,
                again=self.created_again,
            ),
            style="bold green" if self.proved else "bold red",
        )

    def _reasons(self) -> Counter[str]:
        """Refusals that differ only in their numbers are counted together, under the first of them."""
        first: dict[str, str] = {}
        counted: Counter[str] = Counter()
        for row in self.rows:
            if row.outcome == "refused" and row.result:
                reason = str(row.result.get("reason", ""))
                kind = "".join(letter for letter in reason if letter.isalpha() or letter == " ")[-60:]
                counted[first.setdefault(kind, reason)] += 1
        return counted

    def _print_ticket(self, session: Session, ticket: Ticket) -> None:
        session.print(
            tr(
                "ticket {number}: {kind}, {system} {operation} ({channel}), {count}×, {status}",
                number=ticket.id,
                kind=ticket.kind,
                system=ticket.system,
                operation=ticket.operation,
                channel=ticket.channel or "-",
                count=ticket.count,
                status=ticket.resolution or ticket.status,
            )
        )
        for item in ticket.evidence:
            if item.kind == "screenshot":
                session.print(f"    {self.evidence / item.path}")


class Show:
    """One demonstration: the acts, then everything that was left over, then a second pass over the same orders."""

    def __init__(self, session: Session, stage: Stage, bot: str, demonstration: Demonstration, *, quiet: bool) -> None:
        self._session, self._stage, self._bot, self._demonstration = session, stage, bot, demonstration
        self._ended: dict[str, RunRow] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=session.console,
            disable=quiet,
        )

    async def run(self) -> Figures:
        async with working_engine(self._stage.workspace) as engine:
            with self._progress:
                started_s = time.perf_counter()
                run_ids = await engine.poll(self._bot)
                await self._acts(engine, run_ids)
                await self._leftovers(engine, run_ids)
                seconds = time.perf_counter() - started_s
                again = await self._second_pass(engine)
            return await self._figures(engine, run_ids, again, seconds)

    async def _acts(self, engine: Engine, run_ids: Sequence[str]) -> None:
        start = 0
        for act, share in zip(self._demonstration.acts, self._demonstration.shares(len(run_ids)), strict=True):
            chosen = run_ids[start : start + share]
            start += share
            if chosen:
                self._stage.strike(act.faults)
                await self._work(engine, getattr(act.title, language()), chosen, act.concurrency)

    async def _leftovers(self, engine: Engine, run_ids: Sequence[str]) -> None:
        """All faults are lifted; a clerk retries what waits on a ticket, and the late looks become due.

        The clerk comes once the circuit breakers let calls through again.
        """
        self._stage.strike({})
        opened = await engine.database.read(lambda connection: tickets.list_newest(connection, 1000))
        stopping = [ticket for ticket in opened if any(link.blocking for link in ticket.runs)]
        if stopping:
            await engine.clock.sleep(OPEN_S + 1)
        for ticket in stopping:
            await Settlement(engine, _ACTOR).retry(ticket.id)
        left = [run_id for run_id in run_ids if run_id not in self._ended]
        await self._work(engine, tr("What was left over, retried"), left, 16)
        await engine.work(patience_s=self._demonstration.times.late_s + 1)

    async def _second_pass(self, engine: Engine) -> Counter[str]:
        """The same orders once more."""
        kind = engine.bot(self._bot).item
        items = [engine.codec.load(kind, row.input) for row in self._ended.values()]
        run_ids = await engine.start(self._bot, work_of(items))
        bar = self._progress.add_task(tr("The same orders again"), total=len(run_ids))
        tally = await engine.work(only=run_ids, on_finished=lambda _: self._progress.advance(bar))
        return tally.finished

    async def _work(self, engine: Engine, title: str, run_ids: Sequence[str], concurrency: int) -> None:
        if not run_ids:
            return
        bar = self._progress.add_task(title, total=len(run_ids))

        def finished(row: RunRow) -> None:
            self._ended[row.id] = row
            self._progress.advance(bar)

        await engine.work(only=run_ids, concurrency=concurrency, on_finished=finished, patience_s=60)

    async def _figures(self, engine: Engine, run_ids: Sequence[str], again: Counter[str], seconds: float) -> Figures:
        proof = self._demonstration.proof
        census = self._stage.sandboxes[proof.role].census()
        carried = await engine.database.read(lambda connection: journal.channels_of(connection, proof.step))
        opened = await engine.database.read(lambda connection: tickets.list_newest(connection, 1000, status=None))
        return Figures(
            outcomes=Counter(row.outcome or "" for row in self._ended.values()),
            orders=len(run_ids),
            documents=int(census[proof.documents]) - int(census[proof.void]),
            duplicates=len(census[proof.duplicates]),
            channels={channel: carried[channel] for channel in CHANNELS},
            tickets=opened,
            evidence=self._stage.workspace.evidence_folder,
            created_again=again["created"],
            calls=_calls(engine),
            seconds=seconds,
            peak_mb=peak_memory_mb(),
            rows=list(self._ended.values()),
        )


def _demonstration(bot: str | None) -> tuple[str, Demonstration]:
    """The bot that has a demonstration, and the demonstration. Raises UsageError."""
    roots = Roots.of(None)
    found = {name: path for name in bots(roots) if (path := roots.file("bots", name, _FILE)) is not None}
    name = bot or next(iter(found), "")
    if name not in found:
        raise UsageError(
            "Bot {bot} has no demonstration. Bots that have one: {valid}.", bot=name, valid=", ".join(found) or "none"
        )
    return name, Format("demo", Demonstration).read(found[name])


def _calls(engine: Engine) -> dict[str, int]:
    """Calls of each system's API."""
    return {
        name: channel.port.calls
        for name, system in engine.systems.items()
        if isinstance(channel := system.channels.get("api"), ApiChannel)
    }
