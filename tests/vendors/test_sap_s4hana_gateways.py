"""The SAP client against gateways that behave otherwise than the sandbox: each a few lines of a real HTTP server."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from api_clients.sap_s4hana.fault import Refused
from api_clients.sap_s4hana.service import Service
from fixtures.sandbox.serve import serve
from tandem.errors import AccessRefused, NotOffered, Throttled, Unavailable, UnknownOutcome
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

ROOT = "/sap/opu/odata/sap/API_X"
Handler = Callable[[Request, bytes], Response]


class Gateway:
    """One service, answered by ``handle``; remembers what was asked."""

    def __init__(self, handle: Handler) -> None:
        self.asked: list[str] = []
        self.sent: list[Request] = []
        self._handle = handle

    async def answer(self, request: Request) -> Response:
        self.sent.append(request)
        self.asked.append(f"{request.method} {request.url.path.removeprefix(ROOT)}")
        return self._handle(request, await request.body())


@asynccontextmanager
async def service_of(handle: Handler) -> AsyncIterator[tuple[Service, Gateway]]:
    gateway = Gateway(handle)
    methods = ["GET", "HEAD", "POST", "PATCH", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", gateway.answer, methods=methods)])
    async with serve(app) as server:
        port = HttpPort("erp", ApiSettings(url=server.url))
        try:
            yield Service(port, "API_X", {"sap-client": "100"}), gateway
        finally:
            await port.aclose()


def created(request: Request, body: bytes) -> Response:
    return JSONResponse({"d": json.loads(body)}, 201)


def token_by(method: str, slash: str, status: int = 200) -> Handler:
    """A gateway that hands its token out to one kind of fetch only and asks for it and its cookies."""

    def handle(request: Request, body: bytes) -> Response:
        if request.method == "POST":
            proven = request.headers.get("x-csrf-token") == "T0ken" and request.headers["cookie"] == "a=1; b=2"
            return created(request, body) if proven else Response(status_code=500)
        if (request.method, request.url.path) != (method, ROOT + slash):
            return Response(status_code=405)
        response = Response(status_code=status, headers={"x-csrf-token": "T0ken"})
        response.set_cookie("a", "1", path="/sap", httponly=True)
        response.set_cookie("b", "2", path="/")
        return response

    return handle


@pytest.mark.parametrize(
    ("method", "slash", "status"), [("HEAD", "/", 200), ("HEAD", "/", 403), ("GET", "/", 200), ("GET", "", 200)]
)
async def test_token_is_found_whichever_fetch_the_gateway_answers(method, slash, status):
    async with service_of(token_by(method, slash, status)) as (service, gateway):
        assert await service.create("A", {"Key": "1"}) == {"Key": "1"}
        await service.create("A", {"Key": "2"})
        assert gateway.asked[-3:] == [f"{method} {slash}", "POST /A", "POST /A"]


async def test_service_without_csrf_protection_is_written_to_without_a_token():
    def handle(request: Request, body: bytes) -> Response:
        return created(request, body) if request.method == "POST" else JSONResponse({"d": {"EntitySets": []}})

    async with service_of(handle) as (service, gateway):
        await service.create("A", {"Key": "1"})
        assert gateway.asked == ["HEAD /", "GET /", "POST /A"]
        assert "x-csrf-token" not in gateway.sent[-1].headers


async def test_client_is_named_in_every_request():
    async with service_of(token_by("HEAD", "/")) as (service, gateway):
        await service.create("A", {"Key": "1"})
        assert [request.headers["sap-client"] for request in gateway.sent] == ["100", "100"]


async def test_pages_are_followed_below_expansions_and_never_to_the_host_the_server_names():
    inner = f"https://internal.example:44300{ROOT}/A('1')/to_Item?$skiptoken=1"

    def handle(request: Request, body: bytes) -> Response:
        if "to_Item" in request.url.path:
            return JSONResponse({"d": {"results": [{"Item": "20"}]}})
        if request.query_params.get("$skiptoken"):
            return JSONResponse({"d": {"results": [{"Key": "2", "to_Item": {"results": []}}]}})
        first = {"Key": "1", "to_Item": {"results": [{"Item": "10"}], "__next": inner}}
        return JSONResponse({"d": {"results": [first], "__next": "A?$skiptoken=2"}})

    async with service_of(handle) as (service, gateway):
        assert await service.entities("A?$expand=to_Item") == [
            {"Key": "1", "to_Item": {"results": [{"Item": "10"}, {"Item": "20"}]}},
            {"Key": "2", "to_Item": {"results": []}},
        ]
        assert gateway.asked == ["GET /A", "GET /A('1')/to_Item", "GET /A"]


async def test_page_of_a_login_form_is_no_answer():
    async with service_of(lambda request, body: HTMLResponse("<form>Log on</form>")) as (service, _):
        with pytest.raises(Unavailable, match="not OData JSON"):
            await service.read("A('1')")
        with pytest.raises(UnknownOutcome, match="not OData JSON"):
            await service.create("A", {})


def batch_of(*parts: str) -> Handler:
    """A gateway that answers every batch with these parts, whatever was asked."""
    body = "".join(f"--b\r\nContent-Type: application/http\r\n\r\n{part}\r\n" for part in parts) + "--b--\r\n"

    def handle(request: Request, sent: bytes) -> Response:
        if request.method == "POST":
            return Response(body, 202, media_type="multipart/mixed; boundary=b")
        return Response(headers={"x-csrf-token": "T0ken"})

    return handle


GOOD = 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n{"d":{"Key":"1"}}'
SLOW = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 9\r\n\r\n"


async def test_each_part_of_a_batch_fails_for_its_own_reader_only():
    dump = "HTTP/1.1 500 Internal Server Error\r\n\r\n"
    denied = 'HTTP/1.1 403 Forbidden\r\n\r\n{"error":{"code":"/IWFND/CM_MGW/013"}}'
    async with service_of(batch_of(GOOD, dump, denied, SLOW)) as (service, gateway):
        results = await asyncio.gather(*(service.read(f"A('{n}')") for n in range(4)), return_exceptions=True)
        assert results[0] == {"Key": "1"}
        assert [type(result) for result in results[1:]] == [Unavailable, AccessRefused, Throttled]
        assert results[3].retry_after_s == 9
        assert gateway.asked == ["HEAD /", "POST /$batch"]


async def test_reads_behind_one_that_stopped_the_batch_are_asked_again():
    stopping = batch_of(GOOD, 'HTTP/1.1 404 Not Found\r\n\r\n{"error":{"code":"404"}}')

    def handle(request: Request, sent: bytes) -> Response:
        return JSONResponse({"d": {"Key": "3"}}) if request.method == "GET" else stopping(request, sent)

    async with service_of(handle) as (service, gateway):
        results = await asyncio.gather(*(service.read(f"A('{n}')") for n in range(1, 4)), return_exceptions=True)
        assert [results[0], type(results[1]), results[2]] == [{"Key": "1"}, Refused, {"Key": "3"}]
        assert gateway.asked[-2:] == ["POST /$batch", "GET /A('3')"]


async def test_batch_answer_with_a_part_too_few_is_believed_by_nobody():
    async with service_of(batch_of(GOOD)) as (service, _):
        results = await asyncio.gather(service.read("A('1')"), service.read("A('2')"), return_exceptions=True)
        assert [type(result) for result in results] == [Unavailable, Unavailable]


async def test_changeset_that_ended_in_a_dump_is_an_unknown_outcome():
    async with service_of(batch_of("HTTP/1.1 500 Internal Server Error\r\n\r\n")) as (service, _):
        with pytest.raises(UnknownOutcome):
            await service.change_all([])


async def test_service_path_nobody_serves_is_not_offered():
    async with service_of(lambda request, body: HTMLResponse("<h1>404</h1>", 404)) as (service, _):
        with pytest.raises(NotOffered, match="API_X"):
            await service.read("A('1')")


async def test_result_of_a_function_is_freed_of_its_wrapper():
    def handle(request: Request, body: bytes) -> Response:
        if request.method == "POST":
            return JSONResponse({"d": {"Release": {"Done": request.query_params["Order"] == "'1'"}}})
        return Response(headers={"x-csrf-token": "T0ken"})

    async with service_of(handle) as (service, gateway):
        assert await service.invoke("Release?Order='1'", etag='W/"7"') == {"Done": True}
        assert gateway.sent[-1].headers["if-match"] == 'W/"7"'
