"""What we call a document of Tryton's: its number; before Tryton has given it one, the id of its record."""

from typing import Any

from api_clients.tryton.values import Row


def document_id(record: Row) -> str:
    """Its number; the id of its record as long as it has none."""
    return record["number"] or draft_id(record)


def draft_id(record: Row) -> str:
    """What it is called before it has a number."""
    return f"#{record['id']}"


def by_id(document: str) -> list[Any]:
    """The domain that finds a document by what we call it."""
    field, value = ("id", int(document[1:])) if document.startswith("#") else ("number", document)
    return [[field, "=", value]]
