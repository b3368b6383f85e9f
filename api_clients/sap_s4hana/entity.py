"""An entity as it stands in OData V2 JSON."""

from typing import Any

Entity = dict[str, Any]
"""Properties, ``__metadata`` and navigation properties by name."""


def expanded(value: Any) -> list[Entity]:
    """The entities of a collection or an expanded navigation property; none for a deferred or an empty one."""
    if isinstance(value, dict):
        value = value.get("results")
    return value if isinstance(value, list) else []


def etag_of(entity: Entity) -> str | None:
    """The entity's etag; None for an entity type that has none."""
    etag = entity.get("__metadata", {}).get("etag")
    return str(etag) if etag else None
