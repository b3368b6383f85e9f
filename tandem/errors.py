"""Every exception of Tandem, by what it means for a business write.

::

    TandemError
    ├── NotSent                      cannot have reached the vendor's books: the ladder may go on
    │   ├── Unreachable              refused, DNS, TLS, connect or pool timeout
    │   │   └── CircuitOpen          not tried: it failed several times in a row
    │   ├── Unavailable              a safe request was not answered usefully (5xx, read timeout, maintenance page)
    │   ├── NotOffered               this channel does not carry the operation or one of its fields
    │   ├── ScreenNotReady           wrong screen, or an element missing or ambiguous, before the commit step
    │   ├── Throttled                429, vendor quota: wait ``retry_after_s`` on the same rung
    │   └── LoginExpired             log in once, then the same rung
    ├── Rejected                     the vendor, or a rule, said no: never another rung
    │   ├── Declined                 an attending person said no to the write
    │   ├── AccessRefused            403 on the business object
    │   │   └── LoginRefused         the credentials are not accepted, or 401 after a fresh login
    │   └── BusinessError            data or a rule says no: never retried
    │       ├── BusinessPartnerUnknown, BusinessPartnerBlocked
    │       ├── MaterialUnknown
    │       ├── CreditBlocked
    │       ├── DocumentNotFound     the document to read or change is not (or no longer) there
    │       ├── DocumentLocked       somebody or something holds it
    │       ├── DuplicateReference   the vendor's own uniqueness rule fired: read back, never repeat
    │       ├── StockShort           confirmed less than asked
    │       ├── OrderRefused         a rule of the bot: cancelled, empty, wrong currency, not translatable
    │       └── ValidationFailed     any other no of the vendor
    ├── WrittenDifferently           the read-back found the document, but not as asked
    ├── WrittenTwice                 the read-back found more than one document
    ├── NotCompensated               a write of a failed saga could not be undone
    ├── BotFailed                    a mistake in a bot's code
    ├── Question                     a person has to answer before the run goes on
    ├── UnknownOutcome               sent, or perhaps sent, and no answer to believe: read back first
    ├── UsageError                   what the user gave is wrong: one sentence, exit code 2
    │   └── WorkspaceError           the same, in a file of the workspace: file, line, value, valid values
    └── StoreError                   Tandem's own books could not be written (disk full, lock held)
"""

from collections.abc import Iterator, Mapping
from typing import ClassVar

from tandem.domain.evidence import Evidence
from tandem.text import tr

_PHRASES = ("why", "what")
"""Fields that may be a phrase of ours, with a translation of its own."""


class TandemError(Exception):
    """A failure told in one sentence: an English template (the key of its translations) and its fields.

    Fields are kept as text, so that an error can be recorded and come back equal. They must hold no secret,
    no personal datum and no response body. ``evidence`` is what a channel saved of the moment.

    ``channels``: where several channels failed, the recorded failure of each, in the order they were tried; they are
    told after the sentence.
    """

    code: ClassVar[str] = "error"

    def __init__(self, template: str, /, *, evidence: tuple[Evidence, ...] = (), **fields: object) -> None:
        self.template = template
        self.fields = {name: str(value) for name, value in fields.items()}
        self.evidence = evidence
        self.channels: Mapping[str, Mapping[str, object]] = {}
        super().__init__(template)

    def __str__(self) -> str:
        phrases = {name: tr(self.fields[name]) for name in _PHRASES if name in self.fields}
        sentence = tr(self.template, **self.fields | phrases)
        return f"{sentence} {_listed(self.channels)}" if self.channels else sentence

    def recorded(self) -> dict[str, object]:
        """The error as JSON-safe data; ``TandemError.restored`` is the way back."""
        data: dict[str, object] = {"code": self.code, "template": self.template, "fields": self.fields}
        return data | ({"channels": self.channels} if self.channels else {})

    @staticmethod
    def restored(data: Mapping[str, object]) -> "TandemError":
        """The error that ``recorded`` described, of the same class. Raises KeyError for a code nobody has."""
        kind = error_named(str(data["code"]))
        fields = data["fields"]
        assert isinstance(fields, dict)
        error = kind.__new__(kind)
        TandemError.__init__(error, str(data["template"]), **fields)
        channels = data.get("channels", {})
        assert isinstance(channels, dict)
        error.channels = channels
        return error


def _listed(channels: Mapping[str, Mapping[str, object]]) -> str:
    """``api: …; browser: …``: the last sentence keeps its end, which may be a command."""
    told = [f"{name}: {TandemError.restored(failure)}" for name, failure in channels.items()]
    return "; ".join([*(each.rstrip(".。") for each in told[:-1]), told[-1]])


def error_named(code: str) -> type[TandemError]:
    """The class with this ``code``. Raises KeyError for a code nobody has."""
    return {cls.code: cls for cls in _family(TandemError)}[code]


def codes_of(cls: type[TandemError]) -> tuple[str, ...]:
    """The codes of a class and all its subclasses."""
    return tuple(kind.code for kind in _family(cls))


def _family(cls: type[TandemError]) -> Iterator[type[TandemError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from _family(child)


class NotSent(TandemError):
    """The write cannot have reached the vendor's books."""

    code = "not_sent"


class Unreachable(NotSent):
    """No connection: refused, DNS, TLS, connect or pool timeout."""

    code = "unreachable"


class CircuitOpen(Unreachable):
    """Not even tried: the channel is left alone for ``wait_s`` seconds, as it failed several times in a row."""

    code = "circuit_open"

    def __init__(
        self, template: str, /, *, wait_s: float, evidence: tuple[Evidence, ...] = (), **fields: object
    ) -> None:
        super().__init__(template, evidence=evidence, wait_s=f"{wait_s:g}", **fields)

    @property
    def wait_s(self) -> float:
        """Seconds until a try may be let through."""
        return float(self.fields["wait_s"])


class Unavailable(NotSent):
    """A safe request (a read, a token fetch) was not answered usefully."""

    code = "unavailable"


class NotOffered(NotSent):
    """The channel does not carry this operation, or a field of it; or it cannot run on this machine."""

    code = "not_offered"


class ScreenNotReady(NotSent):
    """Before the commit step: not the expected screen, or an element missing, ambiguous or not editable."""

    code = "screen_not_ready"


class Throttled(NotSent):
    """The vendor's quota is used up; ``retry_after_s`` is its own word, or our estimate."""

    code = "throttled"

    def __init__(
        self, template: str, /, *, retry_after_s: float, evidence: tuple[Evidence, ...] = (), **fields: object
    ) -> None:
        super().__init__(template, evidence=evidence, retry_after_s=f"{retry_after_s:g}", **fields)

    @property
    def retry_after_s(self) -> float:
        """Seconds to wait before the same rung may be tried again."""
        return float(self.fields["retry_after_s"])


class LoginExpired(NotSent):
    """The session ended before the write was sent."""

    code = "login_expired"


class Rejected(TandemError):
    """The vendor, or a rule, said no. No other channel is tried."""

    code = "rejected"


class AccessRefused(Rejected):
    """The permission is missing. A screen bot must not walk around it."""

    code = "access_refused"


class LoginRefused(AccessRefused):
    """The system does not let us in at all, whatever the operation."""

    code = "login_refused"


class Declined(Rejected):
    """A person who attends the run said no to a write."""

    code = "declined"


class BusinessError(Rejected):
    """Data or a rule says no. Never retried."""

    code = "business_error"


class BusinessPartnerUnknown(BusinessError):
    """The ERP has no such customer."""

    code = "business_partner_unknown"


class BusinessPartnerBlocked(BusinessError):
    """The customer is blocked for orders."""

    code = "business_partner_blocked"


class MaterialUnknown(BusinessError):
    """The ERP has no such material, or not in this sales area."""

    code = "material_unknown"


class CreditBlocked(BusinessError):
    """The credit check says no."""

    code = "credit_blocked"


class DocumentNotFound(BusinessError):
    """The document to read or change is not there, or no longer."""

    code = "document_not_found"


class DocumentLocked(BusinessError):
    """A user or a process holds the document."""

    code = "document_locked"


class DuplicateReference(BusinessError):
    """The vendor's own uniqueness rule fired: a document with this reference exists. Read back, never repeat."""

    code = "duplicate_reference"


class StockShort(BusinessError):
    """Less was confirmed than asked."""

    code = "stock_short"


class OrderRefused(BusinessError):
    """A rule of the bot refuses the order."""

    code = "order_refused"


class ValidationFailed(BusinessError):
    """Any other no of the vendor, in the vendor's words as far as they hold no personal datum."""

    code = "validation_failed"


class UnknownOutcome(TandemError):
    """Sent, or perhaps sent, and no answer to believe."""

    code = "unknown_outcome"


class WrittenDifferently(TandemError):
    """The books hold the document with our reference, with other values than were asked."""

    code = "written_differently"


class WrittenTwice(TandemError):
    """The books hold more than one document with our reference."""

    code = "written_twice"


class NotCompensated(TandemError):
    """A write of a failed saga still stands; the text says exactly what and where."""

    code = "not_compensated"


class BotFailed(TandemError):
    """A bot broke off with an exception that is none of these: a mistake in its code."""

    code = "bot_failed"


class Question(TandemError):
    """A person's answer is needed."""

    code = "question"


class UsageError(TandemError):
    """What the user gave is wrong: what, where, the valid values, what to do. Exit code 2."""

    code = "usage_error"


class StoreBusy(UsageError):
    """Another process works on the embedded store; its id is the field ``pid``."""

    code = "store_busy"


class PackagesMissing(UsageError):
    """The software of a vendor's real server cannot be fetched onto this machine."""

    code = "packages_missing"


class WorkspaceError(UsageError):
    """A mistake in a file of the workspace."""

    code = "workspace_error"


class StoreError(TandemError):
    """Tandem's own books could not be written or read."""

    code = "store_error"
