"""What Tryton's answers mean for its books, also those its server gives on a bad day only."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from api_clients.tryton.operations import Client, Settings, connect, sales_order_find
from tandem.domain.sales_order import SalesOrderLookup
from tandem.errors import (
    AccessRefused,
    CreditBlocked,
    DocumentLocked,
    DocumentNotFound,
    DuplicateReference,
    LoginExpired,
    NotOffered,
    TandemError,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tests.http.wire import Asked, answer, serving

AUTH = {"kind": "session", "username": "tandem", "password": "secret-4711"}


@asynccontextmanager
async def answering(told: bytes) -> AsyncIterator[Client]:
    """A client whose every business call is answered so, once it is logged in and knows the user's company."""

    async def server(asked: Asked) -> bytes:
        method = json.loads(asked.body)["method"]
        if method == "common.db.login":
            return answer(body={"id": 0, "result": [2, "session-key", None]})
        if method == "model.res.user.get_preferences":
            return answer(body={"id": 0, "result": {"company": 1}})
        return told

    async with serving(server) as running:
        port = HttpPort("erp", ApiSettings.model_validate({"url": running.url, "auth": AUTH}))
        yield connect(port, Settings(database="tandem"))
        await port.aclose()


def error(*parts: Any) -> bytes:
    return answer(body={"id": 0, "error": list(parts)})


WARNING = ["839b.credit_limit_amount", "Gift Ltd will exceed their limit", ""]


@pytest.mark.parametrize(
    ("told", "of_a_write", "of_a_read"),
    [
        (error("UserError", ["Quantity is missing", "", None]), ValidationFailed, ValidationFailed),
        (
            error("UserError", ["X will exceed their 300.00 credit limit by 1.00.", "", None]),
            CreditBlocked,
            CreditBlocked,
        ),
        (error("UserWarning", WARNING), CreditBlocked, CreditBlocked),
        (error("UserError", ['You are not allowed to access "Sale".', "", None]), AccessRefused, AccessRefused),
        (
            error("UserError", ['… records "9" of "Sale" that don\'t exist.', "", None]),
            DocumentNotFound,
            DocumentNotFound,
        ),
        (error("UserError", ["The UUID of timesheet line must be unique.", "", None]), *2 * (DuplicateReference,)),
        (error("ConcurrencyException", "This record was modified"), DocumentLocked, DocumentLocked),
        (error("LoginException", ["password", "Password", "password"]), LoginExpired, LoginExpired),
        (error("'sale.sale'", ""), NotOffered, NotOffered),
        (error("'reference'", ""), UnknownOutcome, NotOffered),
        (error("division by zero", "Traceback …"), UnknownOutcome, Unavailable),
        (error("database is locked", ""), UnknownOutcome, Unavailable),
        (error(), UnknownOutcome, Unavailable),
        (answer(body={"id": 0}), UnknownOutcome, Unavailable),
        (answer(body=["no object"]), UnknownOutcome, Unavailable),
        (answer(body={"id": 0, "result": {"__class__": "Decimal"}}), UnknownOutcome, Unavailable),
        (answer(403, body={}), AccessRefused, AccessRefused),
        (answer(404, body={}), NotOffered, NotOffered),
        (answer(409, body={}), UnknownOutcome, Unavailable),
        (answer(500, body={}), UnknownOutcome, Unavailable),
        (answer(503, body={}), UnknownOutcome, Unavailable),
        (answer(504, body={}), UnknownOutcome, Unavailable),
    ],
)
async def test_answer_has_one_meaning_for_a_write_and_one_for_a_read(
    told: bytes, of_a_write: type[TandemError], of_a_read: type[TandemError]
) -> None:
    async with answering(told) as client:
        with pytest.raises(TandemError) as written, client.about("R-1", safe=False):
            await client.call("sale.sale", "create", [{"reference": "R-1"}])
        with pytest.raises(TandemError) as read, client.about("R-1"):
            await client.search_read("sale.sale", [["reference", "=", "R-1"]], ["reference"])
    assert (type(written.value), type(read.value)) == (of_a_write, of_a_read)


async def test_rows_that_make_no_sense_are_not_taken_for_an_absent_order() -> None:
    async with answering(answer(body={"id": 0, "result": [{"id": 1}]})) as client:
        with pytest.raises(Unavailable):
            await sales_order_find(client, SalesOrderLookup(external_reference="R-1"))


async def test_result_that_is_no_list_is_not_taken_for_an_empty_one() -> None:
    async with answering(answer(body={"id": 0, "result": None})) as client:
        with pytest.raises(Unavailable):
            await sales_order_find(client, SalesOrderLookup(external_reference="R-1"))
