"""One demonstration carried out: its acts under faults, what they left over, and the same orders once more."""

import time
from collections import Counter
from collections.abc import Sequence

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tandem.channels.api import ApiChannel
from tandem.cli.figures import Figures
from tandem.cli.memory import peak_memory_mb
from tandem.cli.session import Session
from tandem.domain.operation import CHANNELS
from tandem.engine.bot import work_of
from tandem.engine.engine import Engine
from tandem.engine.settlement import Settlement
from tandem.http.breaker import OPEN_S
from tandem.store import journal, tickets
from tandem.store.runs import RunRow
from tandem.text import language, tr
from tandem.workspace.demonstration import Demonstration, Stage
from tandem.workspace.engine import working_engine

_ACTOR = "demo"


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


def _calls(engine: Engine) -> dict[str, int]:
    """Calls of each system's API."""
    return {
        name: channel.port.calls
        for name, system in engine.systems.items()
        if isinstance(channel := system.channels.get("api"), ApiChannel)
    }
