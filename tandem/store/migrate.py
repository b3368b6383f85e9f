"""Bring a database to the newest schema, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, Engine

HEAD = "0005"
_MIGRATIONS = Path(__file__).parent / "migrations"


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema; one query."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision() == HEAD


def upgrade(connection: Connection) -> None:
    """Upgrade to HEAD, as part of the connection's transaction."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
