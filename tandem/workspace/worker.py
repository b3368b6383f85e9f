"""A worker of a workspace: its engine, and the dispatcher that its store calls for."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from tandem.engine.dispatcher import Dispatcher, EmbeddedDispatcher
from tandem.engine.engine import Engine
from tandem.engine.serving import Serving
from tandem.engine.system import queue_of
from tandem.errors import UsageError
from tandem.store.workers import Worker
from tandem.workspace.engine import worker_here, working_engine
from tandem.workspace.secret import with_secrets
from tandem.workspace.workspace import Workspace


@asynccontextmanager
async def worker_of(
    workspace: Workspace, queues: Sequence[str] | None, concurrency: int, grace_s: float
) -> AsyncIterator[Serving]:
    """A worker, ready to ``run``. Raises UsageError, WorkspaceError, StoreError."""
    worker = worker_here(queues, concurrency)
    async with working_engine(workspace, queues=queues) as engine:
        engine.worker = worker.id
        engine.dispatcher = dispatcher = await _dispatcher(workspace, engine, worker)
        yield Serving(engine, dispatcher, worker, grace_s=grace_s)


def queues_of(workspace: Workspace) -> list[str]:
    """The queues that runs of this workspace can come to: one for each kind of channel that is configured."""
    found = {"api"}
    for system in workspace.configuration.systems.values():
        if system.browser is not None:
            found.add(queue_of(system.vendor, "browser"))
        if system.desktop is not None:
            found.add(queue_of(system.vendor, "desktop"))
    return sorted(found)


def checked_queues(workspace: Workspace, given: str | None) -> tuple[str, ...] | None:
    """The queues of a comma-separated list. Raises UsageError for one that no run can come to."""
    if given is None:
        return None
    valid = queues_of(workspace)
    queues = tuple(dict.fromkeys(name.strip() for name in given.split(",") if name.strip()))
    for name in queues:
        if name not in valid:
            raise UsageError(
                "There is no queue {name} in this workspace. Queues: {valid}.", name=name, valid=", ".join(valid)
            )
    if not queues:
        raise UsageError("--queues is empty. Queues of this workspace: {valid}.", valid=", ".join(valid))
    return queues


async def _dispatcher(workspace: Workspace, engine: Engine, worker: Worker) -> Dispatcher:
    scope = engine.scope(queues=worker.queues)
    if workspace.store_path is not None:
        return EmbeddedDispatcher(engine.database, engine.clock, scope, worker.id)
    from tandem.engine.procrastination import ProcrastinateDispatcher  # comes with the extra for PostgreSQL

    store = with_secrets(workspace.configuration.store, workspace.folder)
    password = None if store.password is None else store.password.get_secret_value()
    dispatcher = ProcrastinateDispatcher(engine.database, store.url, password, engine.clock, scope, worker.id)
    await dispatcher.open()
    return dispatcher
