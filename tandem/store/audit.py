"""The audit trail: what people decided."""

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select

from tandem.store.schema import audit


def record(
    connection: Connection, *, at: datetime, actor: str, action: str, subject: str, detail: dict[str, Any]
) -> None:
    """Add one decision. ``subject`` names what it was about, such as ``ticket 318``."""
    connection.execute(
        insert(audit).values(
            at=at, actor=actor, action=action, subject=subject, detail=json.dumps(detail, ensure_ascii=False)
        )
    )


def list_newest(connection: Connection, limit: int) -> list[dict[str, Any]]:
    """The newest decisions first."""
    query = select(audit).order_by(audit.c.id.desc()).limit(limit)
    return [dict(row._mapping) | {"detail": json.loads(row.detail)} for row in connection.execute(query)]
