"""Short statements that are carried out for every run: their SQL is made once for each database system.

SQLAlchemy keeps a statement's SQL, too, but looks at it and at its parameters anew each time, and makes objects of what
happens around it: with that, one row of the journal takes several times as long as SQLite takes to write it. So the SQL
goes straight to the driver, in the transaction that SQLAlchemy keeps.
"""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import ClauseElement, Connection, Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

Values = Mapping[str, Any]


class Statement:
    """A query with named parameters, none of them ``expanding``: then its SQL would be another each time.

    Rows come as the driver gives them: an ``Instant`` is a number.
    """

    def __init__(self, query: ClauseElement) -> None:
        self._query = query
        self._prepared: dict[str, _Prepared] = {}

    def changed(self, connection: Connection, values: Values) -> int:
        """How many rows it changed. Like the others, raises what SQLAlchemy would raise."""
        prepared = self._for(connection)
        return int(_executed(connection, prepared.sql, prepared.bound(values)).rowcount)

    def changed_by_all(self, connection: Connection, values: Sequence[Values]) -> int:
        """Carry it out once for each of the values; how many rows were changed in all."""
        prepared = self._for(connection)
        bound = [prepared.bound(each) for each in values]
        return int(_executed(connection, prepared.sql, bound, many=True).rowcount)

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """What it found, or returned: named tuples."""
        prepared = self._for(connection)
        cursor = _executed(connection, prepared.sql, prepared.bound(values))
        return list(map(_row_of(tuple(column[0] for column in cursor.description)), cursor.fetchall()))

    def _for(self, connection: Connection) -> "_Prepared":
        name = connection.dialect.name
        if name not in self._prepared:
            self._prepared[name] = _prepare(self._query, connection.dialect)
        return self._prepared[name]


@dataclass(frozen=True)
class _Prepared:
    """``fixed``: the values that stand in the query itself. ``converters``: of what the driver does not take as it is.

    ``arranged``: the parameters as the driver wants them, by name or in order.
    """

    sql: str
    fixed: dict[str, Any]
    converters: Mapping[str, Callable[[Any], Any]]
    arranged: Callable[[dict[str, Any]], Any]

    def bound(self, values: Values) -> Any:
        bound = {**self.fixed, **values}
        for name, convert in self.converters.items():
            bound[name] = convert(bound[name])
        return self.arranged(bound)


def _executed(connection: Connection, sql: str, bound: Any, *, many: bool = False) -> Any:
    """The driver's cursor, the SQL carried out."""
    cursor = connection.connection.cursor()
    try:
        if many:
            cursor.executemany(sql, bound)
        else:
            cursor.execute(sql, bound)
    except connection.dialect.loaded_dbapi.Error as error:
        raise _of_driver(connection, sql, error) from error
    return cursor


@cache
def _row_of(names: tuple[str, ...]) -> Callable[[Sequence[Any]], Any]:
    """What makes a named tuple of a row with these columns."""
    make: Callable[[Sequence[Any]], Any] = cast(Any, namedtuple("Row", names, rename=True))._make
    return make


def _of_driver(connection: Connection, sql: str, error: Exception) -> DBAPIError:
    """The driver's exception as SQLAlchemy's; a connection that broke is given up."""
    dialect = connection.dialect
    is_broken = dialect.is_disconnect(error, connection.connection, None)  # type: ignore[arg-type]
    if is_broken:
        connection.invalidate(error)
    made = DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error, connection_invalidated=is_broken, dialect=dialect
    )
    assert isinstance(made, DBAPIError)
    return made


def _prepare(query: ClauseElement, dialect: Dialect) -> _Prepared:
    compiled = query.compile(dialect=dialect)
    assert isinstance(compiled, SQLCompiler)
    kinds = {name: parameter.type.dialect_impl(dialect) for name, parameter in compiled.binds.items()}
    converters = {name: kind.bind_processor(dialect) for name, kind in kinds.items()}
    fixed = {name: parameter.value for name, parameter in compiled.binds.items() if not parameter.required}
    return _Prepared(
        sql=str(compiled),
        fixed=fixed,
        converters={name: convert for name, convert in converters.items() if convert is not None},
        arranged=_in_order(compiled.positiontup) if dialect.positional else dict,
    )


def _in_order(names: Sequence[str] | None) -> Callable[[dict[str, Any]], Any]:
    assert names is not None
    if len(names) > 1:
        return itemgetter(*names)
    return lambda bound: tuple(bound[name] for name in names)
