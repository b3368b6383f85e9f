"""Operations: one business act on one system, with a typed request and result."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

from tandem.domain.record import Record

Effect = Literal["read", "create", "update", "irreversible"]
ChannelName = Literal["api", "browser", "desktop"]
CHANNELS: tuple[ChannelName, ...] = ("api", "browser", "desktop")

Request = TypeVar("Request", bound=Record)
Result = TypeVar("Result", bound=Record)


class Difference(Record):
    """One field that stands otherwise in the books than it was asked; values as text."""

    field: str
    asked: str
    found: str


def unequal(asked: Record, found: Record, fields: Iterable[str], where: str = "") -> Iterator[Difference]:
    """The differences in these fields, which both records have; ``where`` goes before the name of each."""
    for field in fields:
        wanted, got = getattr(asked, field), getattr(found, field)
        if wanted != got:
            yield Difference(field=f"{where}{field}", asked=str(wanted), found="" if got is None else str(got))


@runtime_checkable
class Document(Protocol):
    """A business document as a read-back finds it. ``void``: cancelled or rejected, so it counts as absent."""

    @property
    def document_id(self) -> str: ...

    @property
    def void(self) -> bool: ...

    def result(self) -> Record:
        """What the write that made this document would have returned."""
        ...


@runtime_checkable
class Renumbered(Document, Protocol):
    """A document that may be called otherwise later, such as a draft that gets its number when it is confirmed."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id by which it is, or was, known."""
        ...


def ids_of(document: Document) -> tuple[str, ...]:
    """Every id by which the document is, or was, known."""
    return document.ids if isinstance(document, Renumbered) else (document.document_id,)


@runtime_checkable
class Found(Protocol):
    """The result of every operation that serves as a read-back: the documents with the reference, oldest first."""

    @property
    def documents(self) -> tuple[Any, ...]: ...


@runtime_checkable
class Write(Protocol):
    """The request of every write: it knows its own identity, how to look itself up, and how to tell a difference."""

    @property
    def external_reference(self) -> str: ...

    def lookup(self) -> Record:
        """The request of the read-back operation that finds this write."""
        ...

    def differences(self, document: Any) -> tuple[Difference, ...]:
        """The fields in which the found document is not what was asked; empty when equal."""
        ...

    def expected(self) -> Record:
        """The result as far as it can be told without writing, for a dry run."""
        ...


@runtime_checkable
class Change(Write, Protocol):
    """The request of a write that changes one document: others with the same reference do not concern it."""

    def concerns(self, document: Any) -> bool:
        """Whether this is the document to be changed."""
        ...


@runtime_checkable
class Compensable(Protocol):
    """The result of a write that can be undone; ``document_id`` names what it made."""

    @property
    def document_id(self) -> str: ...

    def compensation(self) -> Record:
        """The request of the operation that undoes this write."""
        ...


def compensations(documents: Iterable[Document]) -> dict[str, Record]:
    """The requests that undo the writes which made these documents, by their numbers, of those that can be undone."""
    results = {document.document_id: document.result() for document in documents}
    return {number: result.compensation() for number, result in results.items() if isinstance(result, Compensable)}


@dataclass(frozen=True)
class Operation(Generic[Request, Result]):
    """One business act. Declaring it makes it known under its name; a second one of that name is refused.

    ``read_back`` and ``compensated_by`` name other operations. A request of a write is a ``Write``; the result of
    a read-back is a ``Found``; the result of a write with ``compensated_by`` is ``Compensable``.
    """

    name: str
    request: type[Request]
    result: type[Result]
    effect: Effect
    read_back: str | None = None
    compensated_by: str | None = None

    def __post_init__(self) -> None:
        known = _declared.setdefault(self.name, self)
        if known is not self and known != self:
            raise ValueError(f"operation {self.name} is declared twice")

    @property
    def writes(self) -> bool:
        """Whether the operation changes the vendor's books."""
        return self.effect != "read"


_declared: dict[str, Operation[Any, Any]] = {}


def operation_named(name: str) -> Operation[Any, Any]:
    """The declared operation of that name. Raises KeyError."""
    return _declared[name]


def operation_names() -> tuple[str, ...]:
    """The names of all declared operations, sorted."""
    return tuple(sorted(_declared))
