"""One answer of an OData service, alone or as a part of a batch, and what its status means."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from api_clients.sap_s4hana.fault import Fault, Refused, fault_of
from api_clients.sap_s4hana.version4 import as_version_2, is_version_4
from tandem.errors import AccessRefused, NotOffered, TandemError, Throttled, Unavailable, UnknownOutcome
from tandem.log import event

_SERVICE_NOT_ACTIVE = "/IWFND/MED/170"
_INVALID_PROPERTY = re.compile(r"[Pp]roperty ['\"]?(?P<field>\w+)['\"]? (?:is invalid|not found|does not exist)")
_RETRY_AFTER_S = 5.0


@dataclass(frozen=True, slots=True)
class Answer:
    """``headers``: names in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


@dataclass(frozen=True)
class Reader:
    """Reads the answers of one service. ``safe`` says whether the request could be repeated without harm:

    an answer nobody can believe is Unavailable then, and an unknown outcome otherwise.
    """

    system: str
    service: str

    def accepted(self, answer: Answer, *, safe: bool) -> Answer:
        """The answer itself when it is 2xx.

        Raises Refused (any other 4xx), AccessRefused (401, 403), NotOffered (service or field absent), Throttled,
        Unavailable or UnknownOutcome (3xx, 5xx).
        """
        if not 200 <= answer.status < 300:
            raise self._failure(answer, safe)
        self._log_message(answer)
        return answer

    def payload(self, answer: Answer, *, safe: bool) -> Any:
        """What stands under ``d``, or the same of a V4 service. Numbers keep their digits.

        Raises Unavailable or UnknownOutcome for a body that is not OData JSON.
        """
        try:
            body = json.loads(answer.content, parse_float=Decimal)
            return as_version_2(body) if is_version_4(body) else body["d"]
        except (ValueError, KeyError, TypeError):
            raise self.unbelievable(safe=safe, why="its body is not OData JSON") from None

    def unbelievable(self, *, safe: bool, why: str) -> TandemError:
        """The error of an answer that says nothing about the request."""
        if safe:
            return Unavailable(
                "{system} gave no usable answer for {service}: {why}. Nothing was changed; it is asked again later.",
                system=self.system,
                service=self.service,
                why=why,
            )
        return UnknownOutcome(
            "{system} gave no usable answer to a change through {service}: {why}. "
            "The books are read before anything else.",
            system=self.system,
            service=self.service,
            why=why,
        )

    def _failure(self, answer: Answer, safe: bool) -> Exception:
        fault = fault_of(answer.content)
        status = answer.status
        if status < 400 or status >= 500:
            return self.unbelievable(safe=safe, why=f"status {status}{_case(fault)}")
        if _SERVICE_NOT_ACTIVE in fault.codes or (status in (404, 405) and not fault.code):
            return self._not_offered()
        if status in (401, 403):
            return self._access_refused(fault)
        if status == 429:
            return self._throttled(answer)
        found = _INVALID_PROPERTY.search(fault.message)
        if status == 400 and found is not None:
            return self._field_not_offered(found["field"])
        return Refused(status, fault)

    def _not_offered(self) -> NotOffered:
        return NotOffered(
            "{system} does not offer the service {service}. Activate it in SAP (transaction /IWFND/MAINT_SERVICE, "
            "or its communication arrangement), or leave this channel out.",
            system=self.system,
            service=self.service,
        )

    def _field_not_offered(self, field: str) -> NotOffered:
        return NotOffered(
            "{system} does not offer the field {field} in {service}. Another channel is tried.",
            system=self.system,
            service=self.service,
            field=field,
        )

    def _access_refused(self, fault: Fault) -> AccessRefused:
        return AccessRefused(
            "{system} refuses the access to {service}{case}. Nothing was changed. "
            "Give the technical user the authorisation, then retry.",
            system=self.system,
            service=self.service,
            case=_case(fault),
        )

    def _throttled(self, answer: Answer) -> Throttled:
        given = answer.headers.get("retry-after", "")
        return Throttled(
            "{system} limits the calls to {service}: the next one is possible in {retry_after_s} s.",
            retry_after_s=float(given) if given.isdigit() else _RETRY_AFTER_S,
            system=self.system,
            service=self.service,
        )

    def _log_message(self, answer: Answer) -> None:
        """Warnings of a success (credit, incompletion) come in the header ``sap-message``."""
        given = answer.headers.get("sap-message")
        if not given:
            return
        try:
            said = json.loads(given)
            shown = [said, *said.get("details", ())]
            for entry in shown:
                event(
                    "sap_message.received",
                    level="WARNING" if entry.get("severity") in ("warning", "error") else "INFO",
                    system=self.system,
                    service=self.service,
                    code=entry.get("code"),
                    severity=entry.get("severity"),
                    message=entry.get("message"),
                )
        except (ValueError, AttributeError, TypeError):
            event("sap_message.unreadable", level="WARNING", system=self.system, service=self.service)


def _case(fault: Fault) -> str:
    """Code and transaction id in brackets, as far as the vendor gave them."""
    known = [part for part in (fault.code, fault.transaction_id) if part]
    return f" ({', '.join(known)})" if known else ""
