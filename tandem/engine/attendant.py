"""The person at an attended run, and what is shown to them."""

from dataclasses import dataclass
from typing import Any, Protocol

from tandem.domain.operation import Operation
from tandem.domain.record import Record


@dataclass(frozen=True)
class WritePreview:
    """A write that is about to be made, or, in a dry run, would be. ``present``: it stands in the books already."""

    system: str
    operation: str
    reference: str | None
    ladder: tuple[str, ...]
    request: Record
    present: bool = False

    def fields(self) -> list[tuple[str, str]]:
        """The request field by field, nested ones by their path, for people to read."""
        return list(_flat("", self.request.model_dump(mode="json")))


class Attendant(Protocol):
    """Shows writes to a person and takes the answer."""

    async def approve(self, preview: WritePreview) -> bool:
        """Whether the write may be made."""
        ...

    async def answer(self, question: str, choices: tuple[str, ...]) -> str:
        """One of the choices."""
        ...


def preview_of(
    system: str, operation: Operation[Any, Any], request: Record, ladder: tuple[str, ...], *, present: bool = False
) -> WritePreview:
    """The preview of one write."""
    return WritePreview(system, operation.name, getattr(request, "external_reference", None), ladder, request, present)


def _flat(path: str, value: Any) -> Any:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flat(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value, start=1):
            yield from _flat(f"{path}[{number}]", inner)
    elif value is not None:
        yield path, str(value)
