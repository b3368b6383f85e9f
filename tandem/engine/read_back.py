"""What a read-back says about a write: not there, there as asked, there but different, there more than once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from tandem.domain.operation import Change, Difference, Document, Found, Operation, Write
from tandem.errors import DocumentNotFound
from tandem.text import listed, phrase, tr

VerdictKind = Literal["absent", "equal", "different", "several"]


@dataclass(frozen=True)
class Verdict:
    """``documents``: those that carry the reference and count, oldest first."""

    kind: VerdictKind
    documents: tuple[Document, ...] = ()
    differences: tuple[Difference, ...] = ()

    def as_data(self) -> dict[str, Any]:
        """JSON-safe, for the journal."""
        return {
            "verdict": self.kind,
            "documents": [document.document_id for document in self.documents],
            "differences": [difference.model_dump() for difference in self.differences],
        }


def judge(operation: Operation[Any, Any], request: Write, found: Found) -> Verdict:
    """Compare what was asked with what was found.

    A create is judged by the documents that are not void. An update changes documents that are there already, those it
    concerns: one that still differs has not been changed yet, so it counts as absent; raises DocumentNotFound when
    there is none.
    """
    if operation.effect == "create":
        return _judge_create(request, tuple(document for document in found.documents if not document.void))
    return _judge_change(operation, request, concerned(request, found.documents))


def concerned(request: Write, documents: Sequence[Document]) -> tuple[Document, ...]:
    """Those of the documents with the request's reference that it is to change: one of them, where it names one."""
    is_one = isinstance(request, Change)
    return tuple(document for document in documents if not is_one or cast(Change, request).concerns(document))


def describe(differences: Sequence[Difference]) -> str:
    """The differing fields as people read them."""
    told = phrase("{field}: asked {asked}, found {found}")
    return "; ".join(tr(told, field=item.field, asked=repr(item.asked), found=repr(item.found)) for item in differences)


def numbers(documents: Sequence[Document]) -> str:
    """The numbers of the documents as people read them."""
    return listed(document.document_id for document in documents)


def _judge_create(request: Write, documents: tuple[Document, ...]) -> Verdict:
    if not documents:
        return Verdict("absent")
    if len(documents) > 1:
        return Verdict("several", documents, request.differences(documents[0]))
    differences = request.differences(documents[0])
    return Verdict("different" if differences else "equal", documents, differences)


def _judge_change(operation: Operation[Any, Any], request: Write, documents: tuple[Document, ...]) -> Verdict:
    if not documents:
        raise DocumentNotFound(
            "{operation} cannot be carried out: there is no document with reference {reference}. Nothing was changed.",
            operation=operation.name,
            reference=request.external_reference,
        )
    differences = tuple(difference for document in documents for difference in request.differences(document))
    return Verdict("absent" if differences else "equal", documents, differences)
