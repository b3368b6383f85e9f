"""Indices that keep open work as quick to find among a million finished runs; the keys of pruned runs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_index("runs_open", "runs")
    op.create_index("runs_by_status", "runs", ["status", "id"])
    is_timed = sa.text("wake_at IS NOT NULL")
    op.create_index("runs_due", "runs", ["status", "wake_at"], sqlite_where=is_timed, postgresql_where=is_timed)
    op.create_table(
        "pruned_keys",
        sa.Column("dedupe_key", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, nullable=False),
    )
