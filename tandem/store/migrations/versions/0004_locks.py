"""Locks of runs on business objects such as a material, and the turnstile that numbers those who queue."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "locks",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("place", sa.BigInteger, nullable=False),
        sa.Column("shared", sa.Integer, nullable=False),
        sa.Column("held", sa.Integer, nullable=False),
    )
    op.create_index("locks_by_run", "locks", ["run_id", "place"])
    op.create_index("locks_by_place", "locks", ["key", "place"])
    turnstile = op.create_table(
        "turnstile",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("place", sa.BigInteger, nullable=False),
    )
    op.bulk_insert(turnstile, [{"id": 1, "place": 0}])
