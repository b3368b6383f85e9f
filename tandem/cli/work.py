"""Working on runs from the command line, and telling how they ended."""

from collections import Counter
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

from tandem.cli.session import Session
from tandem.cli.waiting import told_while_waiting
from tandem.cli.words import moment, word
from tandem.engine.attendant import Attendant
from tandem.engine.engine import Engine, Tally
from tandem.errors import TandemError
from tandem.store import runs
from tandem.store.runs import RunRow
from tandem.text import tr
from tandem.workspace.workspace import Workspace

_HIDDEN = ("outcome", "final")


def engine_of(workspace: Workspace, attendant: Attendant | None = None) -> AbstractAsyncContextManager[Engine]:
    """The workspace's engine, alone at work on an embedded store. Raises UsageError, WorkspaceError."""
    from tandem.workspace.engine import sole_engine  # loads all channels, which doctor and check must not need

    return sole_engine(workspace, attendant)


class Watched:
    """Runs worked on with a progress bar, and what became of them."""

    def __init__(self, session: Session, *, quiet: bool) -> None:
        self._session, self._quiet = session, quiet
        self.ended: list[RunRow] = []
        self.left: list[RunRow] = []
        self.tally = Tally()

    async def work(self, engine: Engine, run_ids: Sequence[str] | None, *, concurrency: int, patience_s: float) -> None:
        """Execute these runs, or everything that is ready or due."""
        progress = progress_bar(self._session)
        shown: AbstractContextManager[Any] = nullcontext() if self._quiet else progress
        with shown:
            bar = progress.add_task("", total=None if run_ids is None else len(set(run_ids)))

            def finished(row: RunRow) -> None:
                self.ended.append(row)
                progress.advance(bar)

            async with told_while_waiting(self._session, engine, lambda: len(self.ended)):
                self.tally = await engine.work(
                    concurrency=concurrency, patience_s=patience_s, only=run_ids, on_finished=finished
                )
        rows = await engine.database.read(lambda books: runs.of_ids(books, sorted(self.tally.left)))
        self.left = [row for row in rows if row.status != "finished"]

    def print(self) -> None:
        """Every run with its outcome, what those that have not ended wait for, then how many of each."""
        session = self._session
        if self.ended:
            session.table((tr("run"), tr("work item"), tr("outcome"), tr("result")), map(_row, self.ended))
        if self.left:
            session.table((tr("run"), tr("work item"), tr("not ended")), map(_row_left, self.left))
        session.print(summary(self.tally.finished, self.tally.waiting))

    def data(self) -> dict[str, object]:
        """The same for a machine."""
        return {
            "finished": dict(self.tally.finished),
            "waiting": self.tally.waiting,
            "next_wake_at": self.tally.next_wake_at and self.tally.next_wake_at.isoformat(),
            "runs": [
                {"id": row.id, "business_key": row.business_key, "outcome": row.outcome, "result": row.result}
                for row in self.ended
            ],
        }


def summary(finished: Counter[str], waiting: int) -> str:
    """``3 created, 1 refused; 1 not ended yet.``"""
    ended = ", ".join(f"{count} {word(outcome)}" for outcome, count in sorted(finished.items()))
    done = ended or tr("no run ended")
    return tr("{done}; {waiting} not ended yet.", done=done, waiting=waiting)


def result_text(result: Any) -> str:
    """A bot's result as one line."""
    if not isinstance(result, dict):
        return ""
    if result.keys() == {"code", "template", "fields"}:
        return str(TandemError.restored(result))
    return ", ".join(f"{name}={value}" for name, value in result.items() if value and name not in _HIDDEN)


def _row(row: RunRow) -> tuple[object, ...]:
    return row.id, row.business_key, word(row.outcome), result_text(row.result)


def _row_left(row: RunRow) -> tuple[object, ...]:
    return row.id, row.business_key, waits_for(row)


def waits_for(row: RunRow) -> str:
    """What a run that has not ended waits for."""
    if row.ticket_id is not None:
        return tr("waits for ticket {ticket}", ticket=row.ticket_id)
    if row.wake_at is not None:
        return tr("goes on at {moment}", moment=moment(row.wake_at))
    if row.status == "ready":
        return tr("comes after an earlier run of the same work item")
    return word(row.status)


def progress_bar(session: Session) -> Progress:
    """How far something countable has come; gone when it is done."""
    columns = BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    session.bar = Progress(*columns, console=session.console, transient=True)
    return session.bar
