"""Processes that make a store, forked from one that has everything loaded.

``killed FOLDER``: one after the other, each killed a few statements later than the last, until one is not; after each
another one opens the store. ``together FOLDER``: eight at once; their exit codes.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import alembic.command
from sqlalchemy import Engine, event

from tandem.store.sqlite import SqliteBackend

assert alembic.command
_STATEMENTS_BETWEEN = 3


def forked(act: Callable[[], object]) -> int:
    process = os.fork()
    if process == 0:
        act()
        os._exit(0)
    return process


def ended(process: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def make(path: Path) -> None:
    SqliteBackend(path).close()


def make_and_die(path: Path, at: int) -> None:
    statements = count(1)

    def die(*_: object) -> None:
        if next(statements) == at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", die)
    make(path)


def killed(folder: Path) -> Iterator[str]:
    for at in count(1, _STATEMENTS_BETWEEN):
        path = folder / f"{at}.db"
        if ended(forked(partial(make_and_die, path, at))) == 0:
            yield "made"
            return
        code = ended(forked(partial(make, path)))
        yield "killed,opened" if code == 0 else f"killed,{code}"


def together(folder: Path) -> Iterator[str]:
    for process in [forked(partial(make, folder / "tandem.db")) for _ in range(8)]:
        yield str(ended(process))


if __name__ == "__main__":
    acted = {"killed": killed, "together": together}[sys.argv[1]](Path(sys.argv[2]))
    sys.stdout.write(" ".join(acted))
