"""Bring a database to the newest schema, by Alembic."""

from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

HEAD = "0005"
_MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION = text("SELECT version_num FROM alembic_version")


def is_current(engine: Engine) -> bool:
    """Whether the database has the newest schema."""
    with engine.connect() as connection:
        is_new = not inspect(connection).has_table("alembic_version")
        return not is_new and connection.execute(_REVISION).scalar() == HEAD


def upgrade(connection: Connection) -> None:
    """Upgrade to HEAD, as part of the connection's transaction."""
    from alembic import command  # loaded where there is something to upgrade: it takes as long as all of SQLAlchemy
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
