"""What Tryton says when it refuses: the error of an answer, whose HTTP status is 200 all the same."""

from dataclasses import dataclass
from typing import Any

from tandem.log import scrub

_LONGEST_MESSAGE = 220


@dataclass(frozen=True)
class Fault:
    """``kind``: Tryton's own class, such as UserError; empty for an exception that is none of its own; NotFound for a
    record that is not there.

    ``name``: of a warning, such as ``….credit_limit_amount``.
    """

    kind: str
    message: str
    name: str = ""

    @property
    def sentence(self) -> str:
        """The message in Tryton's words, on one line, at most 220 characters."""
        text = scrub(" ".join(self.message.split()).rstrip("."))
        return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


class Refused(Exception):
    """Tryton refused a call by a rule of its own, and took back all that the call had done."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault


def fault_of(error: Any) -> Fault:
    """The fault of an answer's ``error``, ``[class, arguments]`` or ``[text, traceback]``. Raises ValueError."""
    match error:
        case ["UserError", [str(message), *_]]:
            return Fault("UserError", message)
        case ["UserWarning", [str(name), str(message), *_]]:
            return Fault("UserWarning", message, name)
        case ["ConcurrencyException", message]:
            return Fault("ConcurrencyException", str(message))
        case ["LoginException", _]:
            return Fault("LoginException", "")
        case [str(message), *_]:
            return Fault("", message)
    raise ValueError("no error of Tryton")
