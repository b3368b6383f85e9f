"""SQL that goes straight to the driver: named rows, counts, and SQLAlchemy's own exceptions."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text, bindparam, create_engine, insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError

from tandem.store.statement import Statement

_TABLES = MetaData()
_goods = Table("goods", _TABLES, Column("id", Integer, primary_key=True), Column("name", Text))
ADD = Statement(insert(_goods))
FIND = Statement(select(_goods.c.id, _goods.c.name).where(_goods.c.id >= bindparam("least")))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{tmp_path / 'goods.db'}")
    with engine.begin() as connection:
        _TABLES.create_all(connection)
        yield connection
    engine.dispose()


def test_rows_have_names_and_changes_are_counted(connection: Connection) -> None:
    assert ADD.changed(connection, {"id": 1, "name": "cup"}) == 1
    assert ADD.changed_by_all(connection, [{"id": 2, "name": "jug"}, {"id": 3, "name": "bowl"}]) == 2
    assert [(row.id, row.name) for row in FIND.rows(connection, {"least": 2})] == [(2, "jug"), (3, "bowl")]
    assert FIND.rows(connection, {"least": 4}) == []


def test_what_the_driver_refuses_is_raised_as_sqlalchemys(connection: Connection) -> None:
    ADD.changed(connection, {"id": 1, "name": "cup"})
    with pytest.raises(IntegrityError):
        ADD.changed(connection, {"id": 1, "name": "jug"})
    _TABLES.drop_all(connection)
    with pytest.raises(OperationalError) as told:
        FIND.rows(connection, {"least": 1})
    assert isinstance(told.value, DBAPIError)
    assert not told.value.connection_invalidated
