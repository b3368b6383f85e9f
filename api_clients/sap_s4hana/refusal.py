"""SAP's refusals in the domain's words: by message class and number, else by status, else ValidationFailed."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from api_clients.sap_s4hana.fault import Fault, Refused
from api_clients.sap_s4hana.settings import RefusalKind
from tandem.errors import (
    BusinessError,
    BusinessPartnerBlocked,
    BusinessPartnerUnknown,
    CreditBlocked,
    DocumentLocked,
    DocumentNotFound,
    DuplicateReference,
    MaterialUnknown,
    ValidationFailed,
)

MESSAGES: dict[str, RefusalKind] = {
    "V1/382": "material_unknown",
    "M3/305": "material_unknown",
    "M3/351": "material_unknown",
    "VP/199": "business_partner_unknown",
    "VP/118": "business_partner_blocked",
    "V1/151": "credit_blocked",
    "V1/302": "document_not_found",
    "V1/042": "document_locked",
}
"""V1/382 is confirmed by public notes, the others are from memory: ``refusals`` of the settings corrects them."""

_STATUS: dict[int, RefusalKind] = {404: "document_not_found", 412: "document_locked", 423: "document_locked"}


@contextmanager
def refusals(system: str, subject: str, overrides: Mapping[str, RefusalKind]) -> Iterator[None]:
    """Turn every Refused of the block into a BusinessError that names ``subject``, the reference or key asked for."""
    try:
        yield
    except Refused as refused:
        raise business_error(refused, system, subject, overrides) from None


def business_error(refused: Refused, system: str, subject: str, overrides: Mapping[str, RefusalKind]) -> BusinessError:
    """The error of one refusal. The most specific of its messages decides."""
    known = MESSAGES | dict(overrides)
    named = [known[code] for code in reversed(refused.fault.codes) if code in known]
    kind = named[0] if named else _STATUS.get(refused.status)
    make = _ERRORS[kind] if kind is not None else _validation_failed
    return make(system, subject, _said(refused))


def _said(refused: Refused) -> str:
    fault: Fault = refused.fault
    known = ", ".join(part for part in (fault.code, fault.transaction_id) if part)
    sentence = fault.sentence or f"status {refused.status}"
    return f"{sentence} ({known})" if known else sentence


def _business_partner_unknown(system: str, subject: str, said: str) -> BusinessError:
    return BusinessPartnerUnknown(
        "{system} has no such customer for {subject}: {said}. Nothing was changed. "
        "Maintain the customer in the sales area or correct the customer number, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _business_partner_blocked(system: str, subject: str, said: str) -> BusinessError:
    return BusinessPartnerBlocked(
        "{system} takes no order from the customer of {subject}: {said}. Nothing was changed. "
        "Have the order block removed, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _material_unknown(system: str, subject: str, said: str) -> BusinessError:
    return MaterialUnknown(
        "{system} has no such material for {subject}: {said}. Nothing was changed. "
        "Maintain the material in the sales area or correct the product mapping, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _credit_blocked(system: str, subject: str, said: str) -> BusinessError:
    return CreditBlocked(
        "{system} refuses {subject} for credit reasons: {said}. Nothing was changed. "
        "Have the credit released, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _document_not_found(system: str, subject: str, said: str) -> BusinessError:
    return DocumentNotFound(
        "{system} has no document {subject}: {said}. Nothing was changed. Look whether it was deleted.",
        system=system,
        subject=subject,
        said=said,
    )


def _document_locked(system: str, subject: str, said: str) -> BusinessError:
    return DocumentLocked(
        "{system} cannot change {subject}, somebody else is changing it: {said}. Nothing was changed. "
        "Wait until it is free, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


def _duplicate_reference(system: str, subject: str, said: str) -> BusinessError:
    return DuplicateReference(
        "{system} has a document with the reference {subject} already: {said}. Nothing was changed. "
        "Look that document up before anything else.",
        system=system,
        subject=subject,
        said=said,
    )


def _validation_failed(system: str, subject: str, said: str) -> BusinessError:
    return ValidationFailed(
        "{system} refuses {subject}: {said}. Nothing was changed. Correct what it names, then retry.",
        system=system,
        subject=subject,
        said=said,
    )


_ERRORS: dict[RefusalKind, Callable[[str, str, str], BusinessError]] = {
    "business_partner_unknown": _business_partner_unknown,
    "business_partner_blocked": _business_partner_blocked,
    "material_unknown": _material_unknown,
    "credit_blocked": _credit_blocked,
    "document_locked": _document_locked,
    "document_not_found": _document_not_found,
    "duplicate_reference": _duplicate_reference,
}
