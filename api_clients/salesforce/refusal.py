"""Salesforce's refusals in the domain's words, by error code: its texts are translated."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from api_clients.salesforce.fault import LIMIT_EXCEEDED, SEVERAL_MATCH, Refused
from tandem.errors import (
    AccessRefused,
    DocumentLocked,
    DocumentNotFound,
    DuplicateReference,
    LoginExpired,
    NotOffered,
    TandemError,
    Throttled,
    Unavailable,
    ValidationFailed,
)

_LOCK_RETRY_S = 1.0


@contextmanager
def refusals(system: str, subject: str) -> Iterator[None]:
    """Turn a Refused of the block into the error that names ``subject``, the record or reference asked for."""
    try:
        yield
    except Refused as refused:
        raise error_of(refused, system, subject) from None


def error_of(refused: Refused, system: str, subject: str) -> TandemError:
    """The error of one refusal; ValidationFailed for a code that is not known.

    The operations name records in queries and composite calls only: a whole call that is not found is a missing
    service, not a missing record.
    """
    code = refused.fault.code
    if code == "NOT_FOUND" and refused.position is None:
        return _absent(refused, system, subject)
    make = _ERRORS.get(code) or next((_ERRORS[start] for start in _FAMILIES if code.startswith(start)), _failed)
    return make(refused, system, subject)


def _not_found(refused: Refused, system: str, subject: str) -> TandemError:
    return DocumentNotFound(
        "{system} has no record {subject}: {said}. Nothing was changed. Look whether it was deleted, or is not shared "
        "with the user of the API.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _locked(refused: Refused, system: str, subject: str) -> TandemError:
    return DocumentLocked(
        "{system} cannot change {subject}: {said}. Nothing was changed. It waits for an approval, or is frozen in its "
        "status; release it, then retry.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _row_busy(refused: Refused, system: str, subject: str) -> TandemError:
    """The wait is spread by the record, so that rivals for one row do not come back at the same moment."""
    spread_s = zlib.crc32(subject.encode()) % 1000 / 1000
    return Throttled(
        "{system} is changing {subject} for somebody else: {said}. Nothing was changed. It is tried again in "
        "{retry_after_s} s.",
        retry_after_s=round(_LOCK_RETRY_S + spread_s, 3),
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _limited(refused: Refused, system: str, subject: str) -> TandemError:
    return Throttled(
        "{system} takes no more API calls for {subject}: {said}. Nothing was changed. It is tried again in "
        "{retry_after_s} s; see the API usage of the org in Setup, Company Information.",
        retry_after_s=refused.retry_after_s,
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _duplicate(refused: Refused, system: str, subject: str) -> TandemError:
    return DuplicateReference(
        "{system} already has a record with the key of {subject}: {said}. Nothing was changed. Look which of them is "
        "the right one.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _access_refused(refused: Refused, system: str, subject: str) -> TandemError:
    return AccessRefused(
        "{system} refuses the access to {subject}: {said}. Nothing was changed. Give the user of the API the "
        "permission for the object and its fields, then retry.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _expired(refused: Refused, system: str, subject: str) -> TandemError:
    return LoginExpired(
        "{system} no longer knows the login that asked for {subject}: {said}. Nothing was changed. Log in again.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _not_offered(refused: Refused, system: str, subject: str) -> TandemError:
    return NotOffered(
        "{system} does not offer what {subject} needs: {said}. Nothing was changed. Make the field or switch on the "
        "feature in Setup, let the user of the API see it, or correct the names in the settings of the system.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _absent(refused: Refused, system: str, subject: str) -> TandemError:
    return NotOffered(
        "{system} does not offer the call that {subject} needs: {said}. Nothing was changed. Correct the url of the "
        "system or api_version in its settings: the org lists its versions at /services/data/.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _unable(refused: Refused, system: str, subject: str) -> TandemError:
    return Unavailable(
        "{system} is not able to carry out {subject}: {said}. Nothing was changed. Try again later.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


def _failed(refused: Refused, system: str, subject: str) -> TandemError:
    return ValidationFailed(
        "{system} refuses {subject}: {said}. Nothing was changed. Correct what it names, then retry.",
        system=system,
        subject=subject,
        said=refused.fault.sentence,
    )


_ERRORS: dict[str, Callable[[Refused, str, str], TandemError]] = {
    "NOT_FOUND": _not_found,
    "ENTITY_IS_DELETED": _not_found,
    "ENTITY_IS_LOCKED": _locked,
    "UNABLE_TO_LOCK_ROW": _row_busy,
    LIMIT_EXCEEDED: _limited,
    "DUPLICATE_VALUE": _duplicate,
    SEVERAL_MATCH: _duplicate,
    "INVALID_FIELD_FOR_INSERT_UPDATE": _access_refused,
    "INVALID_OPERATION_WITH_EXPIRED_PASSWORD": _access_refused,
    "Bad_OAuth_Token": _expired,
    "API_DISABLED_FOR_ORG": _not_offered,
    "INVALID_TYPE": _not_offered,
    "INVALID_FIELD": _not_offered,
    "INVALID_QUERY_LOCATOR": _unable,
    "QUERY_TIMEOUT": _unable,
    "STORAGE_LIMIT_EXCEEDED": _unable,
}

_FAMILIES = ("INSUFFICIENT_ACCESS", "TXN_SECURITY")
_ERRORS |= dict.fromkeys(_FAMILIES, _access_refused)
