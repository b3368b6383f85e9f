"""The port against real sockets: what each failure of the wire means for a read and for a write."""

import asyncio
import gzip
import io
import json
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime

import httpx
import pytest

from tandem import log
from tandem.errors import AccessRefused, CircuitOpen, Throttled, Unavailable, UnknownOutcome, Unreachable
from tandem.http.answer import AnswerTooLarge, read_whole
from tandem.http.together import together
from tests.http.hand_clock import HandClock
from tests.http.wire import Asked, answer, closed_port, serving


async def hello(asked: Asked) -> bytes:
    return answer(body={"hello": asked.target})


async def reset(asked: Asked) -> bytes:
    asked.reset()
    raise ConnectionError


async def silence(asked: Asked) -> bytes:
    await asyncio.sleep(30)
    return b""


async def half_an_answer(asked: Asked) -> bytes:
    asked.writer.write(answer(201, {"order": "4711"})[:-4])
    await asked.writer.drain()
    asked.writer.close()
    raise ConnectionError


async def no_http(asked: Asked) -> bytes:
    return b"SSH-2.0-OpenSSH_9.6\r\n"


async def broken_gzip(asked: Asked) -> bytes:
    return answer(200, b"not packed at all", content_encoding="gzip")


async def test_answer_comes_back_whole_and_is_counted(port):
    async with serving(hello) as server:
        erp = port(server.url + "/base/")
        response = await erp.send("GET", "/orders", params={"top": "1"})
        assert response.json() == {"hello": "/base/orders?top=1"}
        assert erp.calls == 1


async def test_nobody_listens_and_the_write_was_not_sent(port):
    erp = port(f"http://127.0.0.1:{closed_port()}")
    with pytest.raises(Unreachable, match=r"erp cannot be reached at http://127\.0\.0\.1"):
        await erp.send("POST", "/orders", json={})


@pytest.mark.parametrize("failure", [reset, silence, half_an_answer, no_http, broken_gzip])
async def test_answer_lost_after_sending_leaves_a_write_unknown_and_a_read_unavailable(port, failure):
    async with serving(failure) as server:
        erp = port(server.url, timeouts={"read_s": 0.3})
        with pytest.raises(UnknownOutcome):
            await erp.send("POST", "/orders", json={})
        with pytest.raises(Unavailable):
            await erp.send("GET", "/orders")
        with pytest.raises(Unavailable):
            await erp.send("POST", "/query", content=b"select", safe=True)


async def test_server_error_and_redirect_are_not_believed(port):
    async def failing(asked: Asked) -> bytes:
        return answer(int(asked.target[1:]), b"<html>", location="/elsewhere")

    async with serving(failing) as server:
        erp = port(server.url)
        for status in (500, 503, 302, 307):
            with pytest.raises(UnknownOutcome, match=str(status)):
                await erp.send("PATCH", f"/{status}", json={})
        with pytest.raises(Unavailable, match="503"):
            await erp.send("GET", "/503")
        assert [asked.target for asked in server.asked if asked.target == "/elsewhere"] == []
        assert (await erp.send("POST", "/409", json={})).status_code == 409


async def test_cancelled_call_ends_as_cancelled_and_leaves_the_port_usable(port):
    answered = asyncio.Event()

    async def slow_once(asked: Asked) -> bytes:
        if not answered.is_set():
            answered.set()
            await asyncio.sleep(30)
        return answer()

    async with serving(slow_once) as server:
        erp = port(server.url, quota={"concurrent": 1})
        sending = asyncio.create_task(erp.send("POST", "/orders", json={}))
        await answered.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        assert (await erp.send("GET", "/orders")).status_code == 200


async def test_short_retry_after_is_waited_for_and_the_call_repeated(port):
    answers = iter([answer(429, retry_after="2"), answer(201, {"id": 1})])

    async def busy(asked: Asked) -> bytes:
        return next(answers)

    clock = HandClock()
    async with serving(busy) as server:
        response = await port(server.url, clock=clock).send("POST", "/orders", json={})
        assert response.status_code == 201
        assert clock.slept_s == [2]


async def test_caller_told_to_wait_is_not_overtaken_by_those_behind_it(port):
    refusals = [answer(429, retry_after="1"), answer(429, retry_after="1")]
    served: list[str] = []

    async def busy_at_first(asked: Asked) -> bytes:
        if refusals:
            return refusals.pop()
        served.append(asked.target)
        return answer()

    async with serving(busy_at_first) as server:
        erp = port(server.url, clock=HandClock(), quota={"concurrent": 1})
        await asyncio.gather(*(erp.send("POST", f"/{number}") for number in range(4)))
    assert served == ["/0", "/1", "/2", "/3"]


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_long_retry_after_throttles_every_caller_of_the_system_at_once(port, form):
    clock = HandClock()
    date = format_datetime(clock.now() + timedelta(seconds=120), usegmt=True)

    async def busy(asked: Asked) -> bytes:
        return answer(429, retry_after="120" if form == "seconds" else date)

    async with serving(busy) as server:
        erp = port(server.url, clock=clock)
        for _ in range(3):
            with pytest.raises(Throttled) as throttled:
                await erp.send("POST", "/orders", json={})
            assert throttled.value.retry_after_s == pytest.approx(120, abs=1)
        assert len(server.asked) == 1
        assert clock.slept_s == []


async def test_429_without_a_word_is_tried_again_later_and_later_then_throttled(port):
    async def busy(asked: Asked) -> bytes:
        return answer(429)

    clock = HandClock()
    async with serving(busy) as server:
        with pytest.raises(Throttled):
            await port(server.url, clock=clock).send("GET", "/orders")
        assert clock.slept_s == [1, 2]
        assert len(server.asked) == 3


@asynccontextmanager
async def left_alone(port, clock):
    """A vendor that failed five times and would now answer, and the port that leaves it alone."""
    statuses = [503] * 5

    async def recovering(asked: Asked) -> bytes:
        return answer(statuses.pop() if statuses else 200)

    async with serving(recovering) as server:
        erp = port(server.url, clock=clock)
        for _ in range(5):
            with pytest.raises(Unavailable):
                await erp.send("GET", "/orders")
        yield server, erp


async def test_vendor_that_keeps_failing_is_left_alone_and_tried_again_by_one_call(port):
    clock = HandClock()
    async with left_alone(port, clock) as (server, erp):
        with pytest.raises(CircuitOpen, match="5 times in a row"):
            await erp.send("POST", "/orders", json={})
        assert len(server.asked) == 5
        clock.at_s += 15
        assert (await erp.send("GET", "/orders")).status_code == 200
        assert (await erp.send("GET", "/orders")).status_code == 200


async def test_reads_made_together_close_a_circuit_though_one_only_is_let_through(port):
    clock = HandClock()
    async with left_alone(port, clock) as (server, erp):
        clock.at_s += 15
        with pytest.raises(CircuitOpen):
            await together(*(erp.send("GET", "/orders") for _ in range(3)))
        assert len(server.asked) == 6
        await together(*(erp.send("GET", "/orders") for _ in range(3)))
        assert len(server.asked) == 9


async def test_cookies_are_left_to_the_vendors_client(port):
    async def baking(asked: Asked) -> bytes:
        return answer(set_cookie="session=1; Path=/")

    async with serving(baking) as server:
        erp = port(server.url)
        first = await erp.send("GET", "/")
        await erp.send("GET", "/")
        await erp.send("GET", "/", headers={"cookie": "mine=2"})
        assert first.headers["set-cookie"] == "session=1; Path=/"
        assert [asked.headers.get("cookie") for asked in server.asked] == [None, None, "mine=2"]


async def test_another_host_gets_no_credentials(port):
    async with serving(hello) as own, serving(hello) as other:
        erp = port(own.url, auth={"kind": "basic", "username": "TANDEM", "password": "top-secret"})
        await erp.send("GET", f"{own.url}/page2")
        await erp.send("GET", f"{other.url}/page2")
        assert own.asked[0].headers["authorization"].startswith("Basic ")
        assert "authorization" not in other.asked[0].headers


@pytest.mark.parametrize("packed", [False, True])
async def test_answer_larger_than_the_measure_is_not_taken_in(packed):
    body = gzip.compress(b"0" * 100_000) if packed else b"0" * 100_000

    async def large(asked: Asked) -> bytes:
        return answer(200, body, **({"content_encoding": "gzip"} if packed else {}))

    async with serving(large) as server, httpx.AsyncClient() as client:
        streamed = await client.send(client.build_request("GET", server.url), stream=True)
        with pytest.raises(AnswerTooLarge):
            await read_whole(streamed, largest_bytes=50_000)
        await streamed.aclose()
        streamed = await client.send(client.build_request("GET", server.url), stream=True)
        response = await read_whole(streamed, largest_bytes=200_000)
        await streamed.aclose()
        assert response.content == b"0" * 100_000


async def test_log_tells_the_call_without_secret_query_or_personal_datum(port, tmp_path):
    async def named(asked: Asked) -> bytes:
        return answer(x_request_id="abc-1")

    log.configure(file=tmp_path / "log", terminal=io.StringIO())
    async with serving(named) as server:
        erp = port(server.url, auth={"kind": "basic", "username": "TANDEM", "password": "top-secret"})
        with log.correlated("run-1"):
            await erp.send("GET", "/partners/ann@example.com", params={"phone": "13800138000"})
    (line,) = (tmp_path / "log").read_text().splitlines()
    told = json.loads(line)
    expected = {"event": "http.called", "system": "erp", "status": 200, "request_id": "abc-1", "run": "run-1"}
    assert expected.items() <= told.items()
    assert told["path"] == "/partners/***"
    assert told["ms"] >= 0
    for secret in ("top-secret", "Basic", "13800138000", "ann@"):
        assert secret not in line


async def test_401_for_good_is_an_access_refused_after_one_repeat(port):
    async def closed(asked: Asked) -> bytes:
        return answer(401)

    async with serving(closed) as server:
        erp = port(server.url, auth={"kind": "basic", "username": "TANDEM", "password": "top-secret"})
        with pytest.raises(AccessRefused, match="401 after a fresh login") as refused:
            await erp.send("POST", "/orders", json={})
        assert len(server.asked) == 2
        assert "top-secret" not in str(refused.value)
