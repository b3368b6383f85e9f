"""Faults as a client sees them on the wire, and what they leave in the books."""

import json
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.control import control_routes
from fixtures.sandbox.faults import Act, FaultPlan, FaultRuleError, parse_rule
from fixtures.sandbox.faulty import Asked, Faulty, fault_of
from fixtures.sandbox.kinds import KINDS, table
from fixtures.sandbox.serve import ServeError, Server, serve


class Ledger:
    """A tiny vendor: POST writes the body down, GET counts."""

    def __init__(self, plan: FaultPlan) -> None:
        self.entries: list[str] = []
        self.shown: list[str] = []
        routes = [
            Route("/orders", self.write, methods=["POST"]),
            Route("/orders", self.count, methods=["GET"]),
            *control_routes(plan, SandboxClock(), lambda: {"orders": len(self.entries)}),
        ]
        faulty = Middleware(Faulty, plan=plan, recognise=self.recognise, answer=self.answer)
        self.app = Starlette(routes=routes, middleware=[faulty])

    async def write(self, request: Request) -> Response:
        self.entries.append((await request.body()).decode())
        fault = fault_of(request.scope)
        self.shown += [fault.kind] if fault else []
        return PlainTextResponse("written", 201)

    async def count(self, request: Request) -> Response:
        return PlainTextResponse(str(len(self.entries)))

    def recognise(self, asked: Asked) -> Act:
        writes = asked.method == "POST"
        return Act("api", "order.create" if writes else "order.find", writes, asked.body.decode())

    def answer(self, status: int, act: Act) -> Response:
        return PlainTextResponse(f"failed {status}", status)


@pytest.fixture
def plan() -> FaultPlan:
    return FaultPlan()


@pytest.fixture
def ledger(plan: FaultPlan) -> Ledger:
    return Ledger(plan)


@pytest.fixture
def server(ledger: Ledger) -> Iterator[Server]:
    with serve(ledger.app) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url, timeout=5) as client:
        yield client


def wait_for(entries: list[str], count: int) -> None:
    deadline = time.monotonic() + 5
    while len(entries) < count and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(entries) == count


def test_refused_connection_comes_back_when_the_pause_is_over(
    plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add("refuse:any:x1:0.4")
    with pytest.raises(httpx.TransportError):
        client.post("/orders", content="a")
    with pytest.raises(httpx.ConnectError):
        client.post("/orders", content="a")
    assert ledger.entries == []
    time.sleep(0.6)
    assert client.post("/orders", content="a").status_code == 201


def test_second_refusal_during_the_pause_changes_nothing(
    plan: FaultPlan, ledger: Ledger, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    plan.add("refuse:any:x2:0.3")
    with httpx.Client(base_url=server.url) as first, httpx.Client(base_url=server.url) as second:
        first.get("/_sandbox/census")
        second.get("/_sandbox/census")
        for client in (first, second):
            with pytest.raises(httpx.TransportError):
                client.post("/orders", content="a")
        time.sleep(0.5)
        assert first.post("/orders", content="a").status_code == 201
    assert ledger.entries == ["a"]
    assert caplog.records == []


@pytest.mark.parametrize(("kind", "written"), [("reset_before_commit", 0), ("reset_after_commit", 1)])
def test_reset_is_seen_as_connection_reset(
    kind: str, written: int, plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add(f"{kind}:write:1")
    with pytest.raises(httpx.ReadError, match="reset"):
        client.post("/orders", content="a")
    assert len(ledger.entries) == written


def test_lost_answer_ends_the_stream_after_the_work_is_done(
    plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add("lost_answer:order.create:1")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        client.post("/orders", content="a")
    assert ledger.entries == ["a"]


def test_late_answer_times_the_client_out_with_the_work_done(
    plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add("late_answer:order.create:1:0.5")
    with pytest.raises(httpx.ReadTimeout):
        client.post("/orders", content="a", timeout=0.2)
    assert ledger.entries == ["a"]
    assert client.post("/orders", content="b").status_code == 201


def test_late_commit_says_503_and_works_later(plan: FaultPlan, ledger: Ledger, client: httpx.Client) -> None:
    plan.add("late_commit:order.create:1:0.2")
    assert client.post("/orders", content="a").status_code == 503
    assert ledger.entries == []
    wait_for(ledger.entries, 1)


def test_silent_late_commit_drops_the_connection_and_works_later(
    plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add("silent_late_commit:order.create:1:0.2")
    with pytest.raises(httpx.RemoteProtocolError):
        client.post("/orders", content="a")
    assert ledger.entries == []
    wait_for(ledger.entries, 1)


def test_throttle_tells_when_to_come_back(plan: FaultPlan, ledger: Ledger, client: httpx.Client) -> None:
    plan.add("throttle:any:x1:3")
    refused = client.post("/orders", content="a")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3")
    assert ledger.entries == []
    assert client.post("/orders", content="a").status_code == 201


@pytest.mark.parametrize(
    ("kind", "status", "written"),
    [
        ("error_500_before_commit", 500, 0),
        ("error_500_after_commit", 500, 1),
        ("error_503_before_commit", 503, 0),
        ("error_503_after_commit", 503, 1),
    ],
)
def test_server_error_before_or_after_the_work(
    kind: str, status: int, written: int, plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add(f"{kind}:write:1")
    assert client.post("/orders", content="a").status_code == status
    assert len(ledger.entries) == written


def test_maintenance_is_an_html_page_for_reads_and_writes(
    plan: FaultPlan, ledger: Ledger, client: httpx.Client
) -> None:
    plan.add("maintenance:api/any:1")
    for answer in (client.get("/orders"), client.post("/orders", content="a")):
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/html")
    assert ledger.entries == []


def test_fault_only_the_vendor_can_show_reaches_its_code(plan: FaultPlan, ledger: Ledger, client: httpx.Client) -> None:
    plan.add("expired_token:order.create:1")
    client.post("/orders", content="a")
    assert ledger.shown == ["expired_token"]


def test_reset_works_under_tls(plan: FaultPlan, ledger: Ledger) -> None:
    plan.add("reset_after_commit:write:x1")
    with serve(ledger.app, tls=True) as server:
        trusted = ssl.create_default_context(cafile=server.ca_file)
        with httpx.Client(base_url=server.url, verify=trusted) as client:
            with pytest.raises(httpx.TransportError):
                client.post("/orders", content="a")
            assert client.get("/orders").text == "1"


def test_same_seed_strikes_the_same_orders_in_whatever_order_they_come() -> None:
    def struck(keys: list[str], seed: int) -> set[str]:
        plan = FaultPlan(["lost_answer:order.create:0.3"], seed=seed)
        return {key for key in keys if plan.draw(Act("api", "order.create", True, key))}

    keys = [f"order-{number}" for number in range(200)]
    assert struck(keys, 1) == struck(keys[::-1], 1)
    assert struck(keys, 1) != struck(keys, 2)
    assert 30 < len(struck(keys, 1)) < 90


def test_count_strikes_exactly_so_often_after_those_spared() -> None:
    plan = FaultPlan(["throttle:read:x2+1"])
    assert [plan.draw(Act("api", "order.find")) is not None for _ in range(5)] == [False, True, True, False, False]


def test_rule_narrowed_to_a_channel_spares_the_others() -> None:
    plan = FaultPlan(["maintenance:web/any:1"])
    assert plan.draw(Act("api", "order.find")) is None
    assert plan.draw(Act("web", "order.find")) is not None


def test_view_faults_spare_writes_and_commit_faults_spare_views() -> None:
    plan = FaultPlan(["changed_dom:any:1", "silent_noop:any:1"])
    viewed, saved = plan.draw(Act("web", "order.create")), plan.draw(Act("web", "order.create", True))
    assert viewed is not None
    assert saved is not None
    assert (viewed.kind, saved.kind) == ("changed_dom", "silent_noop")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_explained_and_its_rule_reads_back(kind: str) -> None:
    assert f"\n{kind} " in f"\n{table()}"
    assert str(parse_rule(f"{kind}:any:0.25")).startswith(f"{kind}:any:0.25")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lost_answer", "kind:where:amount"),
        ("lost_anser:any:1", "unknown kind 'lost_anser'; valid kinds: refuse, "),
        ("changed_dom:api/any:1", "channel 'api' is not one of web, gui"),
        ("throttle:everything:1", "'everything' is no operation"),
        ("throttle:any:1.5", "amount '1.5' is not a share"),
        ("throttle:any:1:soon", "'soon' is not a number of s"),
        ("locked:any:1:5", "kind locked takes no parameter"),
    ],
)
def test_rule_that_cannot_be_read_is_explained_in_one_sentence(text: str, says: str) -> None:
    with pytest.raises(FaultRuleError) as refused:
        parse_rule(text)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_control_endpoint_sets_lists_and_lifts_faults(ledger: Ledger, client: httpx.Client) -> None:
    assert client.post("/_sandbox/faults", json={"rules": ["error_500_after_commit:write:1"]}).status_code == 200
    assert client.post("/orders", content="a").status_code == 500
    told = client.get("/_sandbox/faults").json()
    assert told["rules"] == ["error_500_after_commit:write:1"]
    assert [(fault["kind"], fault["act"]["key"]) for fault in told["drawn"]] == [("error_500_after_commit", "a")]
    assert client.get("/_sandbox/census").json() == {"orders": 1}
    client.delete("/_sandbox/faults")
    assert client.post("/orders", content="b").status_code == 201


def test_control_endpoint_explains_a_wrong_rule_and_keeps_the_plan(plan: FaultPlan, client: httpx.Client) -> None:
    refused = client.post("/_sandbox/faults", json={"rules": ["throttle:any:1", "nonsense:any:1"]})
    assert refused.status_code == 400
    assert "unknown kind 'nonsense'" in refused.json()["error"]
    assert plan.rules == ()


@pytest.mark.parametrize("path", ["faults", "clock"])
@pytest.mark.parametrize("body", [b"", b"rules", b"[]", b"{}", b'{"rules": 1}', b'{"rules": [1]}', b"\xff"])
def test_control_endpoint_explains_a_body_it_cannot_read(path: str, body: bytes, client: httpx.Client) -> None:
    refused = client.post(f"/_sandbox/{path}", content=body)
    assert refused.status_code == 400
    assert refused.json()["error"].startswith("the body must be JSON of the form {")


def test_port_in_use_is_told_in_one_sentence(server: Server, ledger: Ledger) -> None:
    with (
        pytest.raises(ServeError, match=f"Port {server.port} of 127.0.0.1 is in use"),
        serve(ledger.app, port=server.port),
    ):
        pass


async def test_server_can_be_entered_from_a_loop(ledger: Ledger) -> None:
    async with serve(ledger.app) as server, httpx.AsyncClient() as client:
        assert (await client.get(f"{server.url}/orders")).text == "0"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_process_announces_itself_on_one_line_and_ends_quietly(number: signal.Signals) -> None:
    script = (
        "from starlette.applications import Starlette\nfrom fixtures.sandbox.serve import run\n"
        "run(Starlette(), tls=True, announce={'vendor': 'ledger'})"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        line = json.loads(process.stdout.readline())
        trusted = ssl.create_default_context(cafile=line["ca_file"])
        assert httpx.get(line["url"], verify=trusted).status_code == 404
        process.send_signal(number)
        _, told = process.communicate(timeout=10)
    assert (line["vendor"], process.returncode, told) == ("ledger", 0, b"")
    assert not Path(line["ca_file"]).exists()
