"""Schedules and their firings, deliveries."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("rule", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("held_by", sa.Text),
        sa.Column("held_until", sa.BigInteger),
    )
    op.create_table(
        "firings",
        sa.Column("schedule", sa.Text, primary_key=True),
        sa.Column("due_at", sa.BigInteger, primary_key=True),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("noted_at", sa.BigInteger, nullable=False),
    )
    op.create_index("firings_by_noted_at", "firings", ["schedule", "noted_at"])
    op.create_index("firings_by_outcome", "firings", ["schedule", "outcome", "noted_at"])
    op.create_table(
        "firing_runs",
        sa.Column("schedule", sa.Text, primary_key=True),
        sa.Column("due_at", sa.BigInteger, primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
    )
    op.create_table(
        "deliveries",
        sa.Column("source", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("run_id", sa.Text),
    )
    op.create_index("deliveries_by_at", "deliveries", ["at"])
