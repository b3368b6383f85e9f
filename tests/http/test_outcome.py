"""The table of outcomes: every exception of httpx has its row, and each row its meaning."""

import inspect
from collections.abc import Iterator
from types import ModuleType

import httpcore
import httpx
import pytest

from tandem.errors import Unavailable, UnknownOutcome, Unreachable
from tandem.http.outcome import TABLE, Call, of_failure, of_status

NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol", "InvalidURL"}


def exceptions_of(module: ModuleType) -> Iterator[type[Exception]]:
    for _, member in inspect.getmembers(module, inspect.isclass):
        if issubclass(member, Exception):
            yield from _family(member, module.__name__)


def _family(kind: type[Exception], package: str) -> Iterator[type[Exception]]:
    if kind.__module__.partition(".")[0] == package:
        yield kind
    for child in kind.__subclasses__():
        yield from _family(child, package)


EXCEPTIONS = sorted({*exceptions_of(httpx), *exceptions_of(httpcore)}, key=str)


def call(*, safe: bool) -> Call:
    return Call("erp", "https://erp.example.com", "GET" if safe else "POST", "/orders", safe)


def raised(kind: type[Exception]) -> Exception:
    return kind.__new__(kind)


def test_the_walk_finds_the_exceptions_of_both_libraries():
    assert {httpx.ReadTimeout, httpx.InvalidURL, httpx.StreamClosed, httpcore.ReadError} <= set(EXCEPTIONS)


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
def test_every_exception_has_a_row_of_its_own(kind):
    assert kind in TABLE


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
def test_write_is_not_sent_only_when_no_byte_can_have_left(kind):
    expected = Unreachable if kind.__name__ in NEVER_SENT else UnknownOutcome
    assert type(of_failure(raised(kind), call(safe=False))) is expected


@pytest.mark.parametrize("kind", EXCEPTIONS, ids=lambda kind: f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
def test_read_is_never_of_unknown_outcome(kind):
    expected = Unreachable if kind.__name__ in NEVER_SENT else Unavailable
    assert type(of_failure(raised(kind), call(safe=True))) is expected


@pytest.mark.parametrize("error", [OSError("reset"), RuntimeError("closed"), KeyError(3)])
def test_exception_nobody_foresaw_leaves_a_write_unknown(error):
    assert type(of_failure(error, call(safe=False))) is UnknownOutcome


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 599, 301, 302, 303, 307, 308])
def test_status_that_tells_nothing_leaves_a_write_unknown_and_a_read_unavailable(status):
    assert type(of_status(status, call(safe=False))) is UnknownOutcome
    assert type(of_status(status, call(safe=True))) is Unavailable


@pytest.mark.parametrize("status", [200, 201, 204, 300, 304, 400, 403, 404, 409, 412, 428])
def test_status_the_vendor_means_is_left_to_the_vendors_client(status):
    assert of_status(status, call(safe=False)) is None


def test_sentence_names_system_and_call_but_no_personal_datum():
    text = str(of_status(500, Call("erp", "https://erp", "POST", "/partners/ann@example.com", safe=False)))
    assert "erp" in text
    assert "POST /partners/***" in text
    assert "ann@example.com" not in text
