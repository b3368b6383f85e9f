"""``tandem worker``: execute runs until told to stop."""

import asyncio
import signal
import threading
from collections.abc import Sequence
from typing import Annotated

import typer

from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.engine.engine import Engine
from tandem.engine.serving import Serving
from tandem.text import tr


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "worker",
        help=tr(
            "Execute runs for ever: what is ready, what becomes due, late looks. With a PostgreSQL store in "
            "tandem.yaml start as many as you like, on any number of machines that have the same workspace; a run "
            "whose worker died is taken over by another. An embedded store has one worker."
            "\n\n"
            "--queues says what this machine can do: api, browser (web screens), desktop:<vendor> (that vendor's "
            "client); without it, everything. A run that needs more than its worker has goes on at one that has it."
            "\n\n"
            "It keeps the schedules and takes in the webhooks of tandem.yaml too: each fires once, however many "
            "workers there are. A second worker on one machine takes --no-triggers where webhooks have their port."
            "\n\n"
            "SIGTERM or Ctrl-C: no new runs; those under way may end within --grace seconds, then the others go on "
            "with them."
        ),
        short_help=tr("Execute runs until told to stop."),
        epilog=tr("Example: tandem worker --queues api,browser --concurrency 8"),
    )(work)


def work(
    context: typer.Context,
    queues: Annotated[str | None, typer.Option(help=tr("What this worker can do; by default everything."))] = None,
    concurrency: Annotated[int, typer.Option(help=tr("How many runs at a time."), min=1, max=512)] = 16,
    grace_s: Annotated[
        float, typer.Option("--grace", help=tr("Seconds for runs under way when stopping."), min=0)
    ] = 30,
    triggers: Annotated[
        bool, typer.Option(help=tr("Keep the schedules and take in the webhooks of tandem.yaml as well."))
    ] = True,
) -> None:
    """Work until a signal comes; exit with 0 after it, with 1 when the store stays away."""
    from tandem.workspace.worker import checked_queues

    session = session_of(context)
    served = checked_queues(session.workspace, queues)
    session.show_events()
    carry_out(session, _serve(session, served, concurrency, grace_s, triggers=triggers))


async def _serve(
    session: Session, queues: Sequence[str] | None, concurrency: int, grace_s: float, *, triggers: bool
) -> None:
    from tandem.workspace.triggers import serve
    from tandem.workspace.worker import worker_of

    async def keep_triggers(engine: Engine) -> None:
        await serve(session.workspace, engine)

    async with worker_of(session.workspace, queues, concurrency, grace_s) as serving:
        _stop_on_signals(serving)
        await serving.run([keep_triggers] if triggers else [])


def _stop_on_signals(serving: Serving) -> None:
    """The first signal stops gracefully; the second, as everywhere, at once."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if threading.current_thread() is threading.main_thread():
            signal.signal(number, lambda number, _: _stop(loop, serving, number))


def _stop(loop: asyncio.AbstractEventLoop, serving: Serving, number: int) -> None:
    signal.signal(number, signal.SIG_DFL)
    loop.call_soon_threadsafe(serving.stop)
