"""The person at the terminal: is shown writes field by field, and asked."""

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from rich.prompt import Confirm, Prompt

from tandem.cli.session import Session
from tandem.engine.attendant import WritePreview
from tandem.errors import UsageError
from tandem.text import speaking, tr

T = TypeVar("T")


class _YesOrNo(Confirm):
    """Rich's question, in the reader's language when the answer is neither."""

    @property
    def validate_error_message(self) -> str:  # type: ignore[override]
        return f"[prompt.invalid]{tr('Please enter y or n.')}"


class _OneOf(Prompt):
    @property
    def illegal_choice_message(self) -> str:  # type: ignore[override]
        return f"[prompt.invalid.choice]{tr('Please enter one of the answers offered.')}"


class Person:
    """An ``Attendant`` at a terminal; one question at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._turn = asyncio.Lock()

    async def approve(self, preview: WritePreview) -> bool:
        """Show the write and ask. The end of the input is a no."""
        async with self._turn:
            with self._session.undisturbed(), speaking(None):
                show(self._session, preview)
                try:
                    return await _asked(partial(_YesOrNo.ask, tr("Carry out this write?"), default=False))
                except EOFError:
                    return False

    async def answer(self, question: str, choices: tuple[str, ...]) -> str:
        """Ask until one of the choices is given."""
        async with self._turn:
            with self._session.undisturbed(), speaking(None):
                return await _asked(partial(_OneOf.ask, question, choices=list(choices)))


def present(session: Session) -> Person:
    """The person at this terminal. Raises UsageError when there is no terminal."""
    if not sys.stdin.isatty():
        raise UsageError("Nobody is at this terminal to be asked. Run it in a terminal, or unattended.")
    return Person(session)


def at_terminal(session: Session) -> Person | None:
    """The person at this terminal, if there is one: for attended runs that go on."""
    return Person(session) if sys.stdin.isatty() else None


async def _asked(ask: Callable[[], T]) -> T:
    """The answer. A thread that still waits for one does not keep the program from ending."""
    loop, answer = asyncio.get_running_loop(), Future[T]()

    def wait() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - the end of the input, told to who asked
            answer.set_exception(error)

    threading.Thread(target=wait, name="question", daemon=True).start()
    return await asyncio.wrap_future(answer, loop=loop)


def show(session: Session, preview: WritePreview) -> None:
    """Print a write field by field."""
    title = tr(
        "{operation} on {system} by {ladder}",
        operation=preview.operation,
        system=preview.system,
        ladder=" → ".join(preview.ladder),
    )
    if preview.present:
        title += tr(" (stands in the books already)")
    session.table((tr("field"), tr("value")), preview.fields(), title=title)
