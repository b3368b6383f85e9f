"""Tryton's refusals in the domain's words: by the class, the name of the warning, and the English message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api_clients.tryton.fault import Fault, Refused
from tandem.errors import (
    AccessRefused,
    CreditBlocked,
    DocumentLocked,
    DocumentNotFound,
    DuplicateReference,
    Rejected,
    ValidationFailed,
)


def missing(system: str, what: str, number: str, reference: str) -> DocumentNotFound:
    """The error when no document of that kind has both the number and the reference."""
    return DocumentNotFound(
        "{system} has no {what} {number} with the reference {reference}. Nothing was changed. Look whether it was "
        "deleted.",
        system=system,
        what=what,
        number=number,
        reference=reference,
    )


@contextmanager
def refusals(system: str, subject: str) -> Iterator[None]:
    """Turn every Refused of the block into the error of its meaning, which names ``subject``."""
    try:
        yield
    except Refused as refused:
        raise rejected(refused.fault, system, subject) from None


def rejected(fault: Fault, system: str, subject: str) -> Rejected:
    """The error of one refusal; ValidationFailed for those that are not told apart."""
    make = next((make for is_meant, make in _MEANINGS if is_meant(fault)), _validation_failed)
    return make(system, subject, fault.sentence)


def _credit_blocked(system: str, subject: str, said: str) -> Rejected:
    return CreditBlocked(
        "{system} refuses {subject} for credit reasons: {said}. Nothing was changed. "
        "Have the credit released, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _access_refused(system: str, subject: str, said: str) -> Rejected:
    return AccessRefused(
        "{system} does not let this user work on {subject}: {said}. Nothing was changed. "
        "Give the user the groups that may, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _document_locked(system: str, subject: str, said: str) -> Rejected:
    return DocumentLocked(
        "{system} cannot change {subject}, somebody else is changing it: {said}. Nothing was changed. "
        "Wait until it is free, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _document_not_found(system: str, subject: str, said: str) -> Rejected:
    return DocumentNotFound(
        "{system} has no document {subject}: {said}. Nothing was changed. Look whether it was deleted.",
        system=system,
        subject=subject,
        said=said,
    )


def _duplicate_reference(system: str, subject: str, said: str) -> Rejected:
    return DuplicateReference(
        "{system} has a document with the reference {subject} already: {said}. Nothing was changed. "
        "Look that document up before anything else.",
        system=system,
        subject=subject,
        said=said,
    )


def _validation_failed(system: str, subject: str, said: str) -> Rejected:
    return ValidationFailed(
        "{system} refuses {subject}: {said}. Nothing was changed. Correct what it names, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


_MEANINGS: tuple[tuple[Callable[[Fault], bool], Callable[[str, str, str], Rejected]], ...] = (
    (lambda fault: fault.kind == "ConcurrencyException", _document_locked),
    (lambda fault: ".credit_limit_" in fault.name or "credit limit" in fault.message, _credit_blocked),
    (lambda fault: fault.message.startswith(("You are not allowed to", "Calling button")), _access_refused),
    (lambda fault: fault.message == "The UUID of timesheet line must be unique.", _duplicate_reference),
    (lambda fault: fault.kind == "NotFound" or "that don't exist" in fault.message, _document_not_found),
)
