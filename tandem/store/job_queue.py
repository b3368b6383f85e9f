"""Procrastinate's own tables, beside ours: it carries ids of runs to workers, our tables say what they are."""

from sqlalchemy import Connection, text


def is_there(connection: Connection) -> bool:
    """Whether the tables have been made."""
    return connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None


def create(connection: Connection) -> None:
    """Make the tables, unless they are there; the caller holds a lock against others who would."""
    from procrastinate.schema import SchemaManager

    if not is_there(connection):
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(SchemaManager.get_schema())
