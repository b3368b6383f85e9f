"""Pruning: what is finished for long leaves the books, in small steps that hold no engine up."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from sqlalchemy import Connection

from tandem.engine import late_look
from tandem.store import deliveries, firings, retention
from tandem.store.database import Database
from tandem.store.evidence import EvidenceStore
from tandem.store.retention import Old

_RUNS_AT_ONCE = 200
_PAGES_AT_ONCE = 1000


@dataclass(frozen=True)
class Pruned:
    """What has gone, or in a dry run would go. ``freed_bytes``: of the evidence."""

    runs: int
    files: int
    freed_bytes: int


class Pruning:
    """Everything that ended ``before`` an instant: runs, their journals, and evidence nothing refers to any more;
    firings of schedules and deliveries of webhooks.

    Tickets and audit stay, and evidence that a ticket shows; of a run, its dedupe key. Every step is a transaction of
    its own, followed by a rest as long as it took; whoever is stopped in between goes on where they stopped.
    """

    def __init__(self, database: Database, evidence: EvidenceStore, before: datetime) -> None:
        self._database, self._evidence, self._before = database, evidence, before

    async def total(self) -> int:
        """How many runs may go."""
        return await self._database.read(lambda connection: retention.count(connection, self._old(connection)))

    async def preview(self) -> Pruned:
        """What would go."""

        def kept(connection: Connection) -> set[str]:
            return _files_kept(connection, self._before, besides=self._old(connection))

        runs, keep = await self.total(), await self._database.read(kept)
        old = await asyncio.to_thread(self._evidence.unused, keep, self._before)
        return Pruned(runs, len(old), sum(old.values()))

    async def carry_out(self, on_pruned: Callable[[int], None]) -> Pruned:
        """Let it go; ``on_pruned`` is told how many runs went in each step."""
        runs = await self._prune_runs(on_pruned)
        kept = await self._database.read(lambda connection: _files_kept(connection, self._before))
        files, freed_bytes = 0, 0
        for path, size_bytes in (await asyncio.to_thread(self._evidence.unused, kept, self._before)).items():
            if await asyncio.to_thread(self._evidence.discard, path, self._before):
                files, freed_bytes = files + 1, freed_bytes + size_bytes
        await self._rested(lambda connection: firings.prune(connection, self._before))
        await self._rested(lambda connection: deliveries.prune(connection, self._before))
        while await self._rested(lambda connection: retention.give_back(connection, _PAGES_AT_ONCE)):
            pass
        return Pruned(runs, files, freed_bytes)

    async def _prune_runs(self, on_pruned: Callable[[int], None]) -> int:
        total, after = 0, ""
        while run_ids := await self._next(after):
            done = await self._rested(partial(self._prune, run_ids))
            total, after = total + done, run_ids[-1]
            on_pruned(done)
        return total

    async def _next(self, after: str) -> list[str]:
        return await self._database.read(
            lambda connection: retention.list_oldest(connection, self._old(connection), _RUNS_AT_ONCE, after)
        )

    def _prune(self, run_ids: list[str], connection: Connection) -> int:
        """Late looks are read last: a run makes its look before it ends, so one that has ended hides none."""
        ended = retention.still_old(connection, Old(self._before), run_ids)
        return retention.prune(connection, self._old(connection), ended)

    async def _rested(self, work: Callable[[Connection], int]) -> int:
        started_s = time.monotonic()
        done = await self._database.write(work)
        await asyncio.sleep(time.monotonic() - started_s)
        return done

    def _old(self, connection: Connection) -> Old:
        looks = retention.list_unfinished(connection, late_look.BOT)
        return Old(self._before, {late_look.LateLook.model_validate_json(look).run_id for look in looks})


def _files_kept(connection: Connection, before: datetime, *, besides: Old | None = None) -> set[str]:
    kept = retention.evidence_of_tickets(connection)
    for body in retention.old_entries(connection, before, besides=besides):
        kept.update(item["path"] for item in json.loads(body).get("evidence", ()))
    return kept
