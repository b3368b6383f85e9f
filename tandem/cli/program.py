"""Running the command line: language, exit codes, one sentence for everything that goes wrong."""

import errno
import os
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import typer

from tandem import log, misfit
from tandem.cli.retelling import retold
from tandem.errors import TandemError, UsageError
from tandem.text import LANGUAGES, tr, use_language

_WITH_VALUE = ("--workspace", "-w", "--language")
_FULL = {errno.ENOSPC, errno.EDQUOT}
_BARRED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR}


def main() -> None:
    """The program ``tandem``: ends the process with its exit code."""
    signal.signal(signal.SIGTERM, _unwind)
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; the exit code."""
    log.configure()
    options, command = _ahead(arguments)
    if options.get("--language") in LANGUAGES:
        use_language(options["--language"])
    try:
        return _carry_out(arguments, command)
    except typer.TyperException as error:
        return _end(_usage(error), error.exit_code)
    except TandemError as error:
        return _end(str(error), 2 if isinstance(error, UsageError) else 1)
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        _leave_stdout()
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a sentence instead of a traceback
        return _end(_of_the_machine(error) or _unexpected(error), 1)


def _unwind(number: int, _: FrameType | None) -> None:
    """A request to terminate unwinds the program as Ctrl+C does, so that what it started is ended with it."""
    sys.exit(128 + number)


def _carry_out(arguments: Sequence[str], command: str | None) -> int:
    from tandem.cli.app import build

    result = build(command)(list(arguments), prog_name="tandem", standalone_mode=False)
    sys.stdout.flush()
    return result if isinstance(result, int) else 0


def _ahead(arguments: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """The options before the command, and the command: needed before options are declared, since help is text too."""
    options: dict[str, str] = {}
    words = iter(arguments)
    for word in words:
        if not word.startswith("-"):
            return options, word
        name, given, value = word.partition("=")
        options[name] = value if given or name not in _WITH_VALUE else next(words, "")
    return options, None


def _usage(error: typer.TyperException) -> str:
    from pydantic import ValidationError

    if isinstance(error.__cause__, ValidationError):
        error.message = misfit.why(error.__cause__.errors(include_url=False)[0])
    message = retold(error.format_message().rstrip(".?"))
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "tandem"
    if not message or "\n" in message:  # nothing, or a whole help page
        return message
    return tr("{message}. See: {command} --help", message=message, command=command)


def _of_the_machine(error: Exception) -> str | None:
    """The sentence for a disk that is full and for a file that may not be used: no fault of Tandem."""
    if not isinstance(error, OSError):
        return None
    if error.errno in _FULL:
        return tr("The disk is full. Make room on it, then run the command again.")
    if error.errno in _BARRED and error.filename:
        return tr(
            "{file} cannot be used: {why}. Correct the path or its rights, then run the command again.",
            file=error.filename,
            why=error.strerror,
        )
    return None


def _unexpected(error: Exception) -> str:
    path = _traceback_file(error)
    return tr(
        "Something unexpected happened: {kind}. This is a fault of Tandem; the details are in {path}.",
        kind=type(error).__name__,
        path=path,
    )


def _traceback_file(error: Exception) -> Path:
    text = log.scrub("".join(traceback.format_exception(error)))
    path = Path(tempfile.gettempdir()) / f"tandem-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.log"
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")
    return path


def _end(sentence: str, code: int) -> int:
    if sentence:
        print(log.scrub(sentence), file=sys.stderr)  # noqa: T201 - the one place that talks to the terminal directly
    return code


def _leave_stdout() -> None:
    """Whoever read us is gone: let the interpreter flush into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
