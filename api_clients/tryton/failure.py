"""What an answer that is no result means, over either of Tryton's APIs."""

from tandem.errors import AccessRefused, NotOffered, TandemError, Unavailable, UnknownOutcome


def unbelievable(system: str, what: str, *, safe: bool) -> TandemError:
    """The error of an answer that says nothing about the call."""
    if safe:
        return Unavailable(
            "{system} gave no usable answer to {call}. Nothing was changed; it is asked again later.",
            system=system,
            call=what,
        )
    return UnknownOutcome(
        "{system} gave no usable answer to {call}. The books are read before anything else.",
        system=system,
        call=what,
    )


def forbidden(system: str, what: str) -> AccessRefused:
    """The error of a call that the user may not make."""
    return AccessRefused(
        "{system} does not let this user call {call}. Nothing was changed. Give the user the groups that may, "
        "then retry.",
        system=system,
        call=what,
    )


def no_database(system: str, database: str) -> NotOffered:
    """The error of a server that serves other databases."""
    return NotOffered(
        "{system} has no database {database}. Nothing was sent. Correct settings.database in tandem.yaml.",
        system=system,
        database=database,
    )


def absent(system: str, what: str) -> NotOffered:
    """The error of a model or a field that the database does not have."""
    return NotOffered(
        "{system} has no {name}. Activate the Tryton module that brings it, or leave this channel out.",
        system=system,
        name=what,
    )
