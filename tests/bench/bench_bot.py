"""Orders per second of the whole bot, journal on, against the same HTTP calls in a bare httpx loop in the same run.

``python -m tests.bench.bench_bot [--orders 300] [--repeats 3] [--json]`` prints, for 1, 16 and 64 orders in flight:
orders/s of the bot and of the loop, their ratio, CPU of this process per order, vendor calls per order, and peak
memory. The two take turns; each measurement has sandboxes of its own, without faults, in processes of their own.

The loop is the script one would write by hand for these calls: logged in beforehand, as many workers as orders in
flight over one httpx client; each takes the next order and sends its calls one after the other, as soon as the answer
to the one before is read, about the number that the ERP gave the order in this very run. A call that the bot made for
several orders at once is sent once here, too, by the order that asked first. Nothing else is parsed, checked beyond
its status, or written down.
"""

import asyncio
import re
import resource
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tandem import log
from tandem.workspace.demonstration import Stage, staged
from tandem.workspace.engine import working_engine
from tests.bench.ratio import Measured, Stopwatch, in_turns, options, show
from tests.e2e.conftest import BOT, demonstration

_DROPPED = {"authorization", "cookie", "x-csrf-token", "host", "content-length"}
_ERP_NUMBER = re.compile(r"(A_SalesOrder\('|SalesOrder=')\d+")


@dataclass(frozen=True)
class Call:
    """One request as the bot sent it, without what belongs to its session."""

    system: str
    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def creates(self) -> bool:
        """Whether it makes the order in the ERP."""
        return self.method == "POST" and self.path.endswith("/A_SalesOrder")

    def about(self, number: str) -> "Call":
        """The same call about the ERP order of that number."""
        own = rf"\g<1>{number}"
        content = _ERP_NUMBER.sub(own, self.content.decode()).encode()
        return replace(self, path=_ERP_NUMBER.sub(own, self.path), content=content)


Calls = dict[str, list[Call]]
"""By the run that sent them, which is one for each order."""


async def measure(orders: int, in_flight: int, repeats: int) -> dict[str, Any]:
    """One row: the bot and the loop, in turns."""
    recorded: list[Calls] = []

    async def bot() -> Measured:
        with _stage(orders) as stage:
            measured, calls = await _bot(stage, in_flight)
            recorded.append(calls)
            return measured

    async def bare() -> Measured:
        with _stage(orders) as stage:
            return await _bare(stage, recorded[-1], in_flight, orders)

    compared = await in_turns(repeats, bot, bare)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    calls = round(sum(map(len, recorded[-1].values())) / orders, 2)
    return {"in_flight": in_flight, **compared.data(), "calls": calls, "peak_mb": round(peak_mb)}


def main() -> None:
    given = options(__doc__, orders=300, repeats=3)
    log.configure(level="ERROR")
    show([asyncio.run(measure(given.orders, count, given.repeats)) for count in (1, 16, 64)], as_json=given.json)


@contextmanager
def _stage(orders: int) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory() as folder,
        staged(Path(folder) / "bench", "en", demonstration(), str(orders)) as stage,
    ):
        yield stage


async def _bot(stage: Stage, in_flight: int) -> tuple[Measured, Calls]:
    systems = {urlsplit(sandbox.url).netloc: name for name, sandbox in stage.sandboxes.items()}
    async with working_engine(stage.workspace) as engine:
        run_ids = await engine.poll(BOT)
        with _recorded() as sent:
            watch = Stopwatch()
            tally = await engine.work(concurrency=in_flight, only=run_ids)
            measured = watch.measured(len(run_ids))
    assert sum(tally.finished.values()) == len(run_ids), tally
    return measured, _calls(sent, systems)


@contextmanager
def _recorded() -> Iterator[list[tuple[str, httpx.Request]]]:
    """Every request that httpx sends meanwhile, with the run that sends it; looked at later, when nobody is timed."""
    sent: list[tuple[str, httpx.Request]] = []
    send = httpx.AsyncClient.send

    async def recording(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        sent.append((log.correlation() or "", request))
        return await send(client, request, **options)

    httpx.AsyncClient.send = recording  # type: ignore[method-assign]
    try:
        yield sent
    finally:
        httpx.AsyncClient.send = send  # type: ignore[method-assign]


def _calls(sent: Iterable[tuple[str, httpx.Request]], systems: Mapping[str, str]) -> Calls:
    """What was sent, logins left out. ``systems``: their names by host and port."""
    calls: Calls = {}
    for run, request in sent:
        if "oauth2" not in request.url.path and request.headers.get("x-csrf-token", "").lower() != "fetch":
            headers = {name: value for name, value in request.headers.items() if name not in _DROPPED}
            system = systems[request.url.netloc.decode()]
            call = Call(system, request.method, request.url.raw_path.decode(), headers, request.content)
            calls.setdefault(run, []).append(call)
    return calls


async def _bare(stage: Stage, calls: Calls, in_flight: int, orders: int) -> Measured:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        logins = {name: await _login(client, stage, name) for name in stage.sandboxes}
        queue = iter(calls.values())
        watch = Stopwatch()
        await asyncio.gather(*(_worker(client, stage, logins, queue) for _ in range(in_flight)))
        return watch.measured(orders)


async def _worker(
    client: httpx.AsyncClient, stage: Stage, logins: dict[str, dict[str, str]], queue: Iterable[Sequence[Call]]
) -> None:
    for calls in queue:
        number = ""
        for recorded in calls:
            call = recorded.about(number) if number else recorded
            url = stage.sandboxes[call.system].url.rstrip("/") + call.path
            headers = call.headers | logins[call.system]
            response = await client.request(call.method, url, headers=headers, content=call.content)
            response.raise_for_status()
            if call.creates:
                number = response.json()["d"]["SalesOrder"]


async def _login(client: httpx.AsyncClient, stage: Stage, name: str) -> dict[str, str]:
    """What a hand-written script would do first: log in, and fetch the CSRF token where there is one."""
    block = stage.workspace.system(name).api
    assert block is not None
    auth: Any = block.auth
    url = stage.sandboxes[name].url.rstrip("/")
    secrets = stage.workspace.folder
    if auth.kind == "basic":
        password = _secret(secrets, auth.password.get_secret_value())
        basic = httpx.BasicAuth(auth.username, password)
        service = f"{url}/sap/opu/odata/sap/API_SALES_ORDER_SRV/"
        answer = await client.get(service, auth=basic, headers={"x-csrf-token": "Fetch"})
        request = next(basic.auth_flow(httpx.Request("GET", service)))
        return {"authorization": request.headers["authorization"], "x-csrf-token": answer.headers["x-csrf-token"]}
    client_secret = _secret(secrets, auth.client_secret.get_secret_value())
    answer = await client.post(
        f"{url}{auth.token_url}", data={"grant_type": "client_credentials"}, auth=(auth.client_id, client_secret)
    )
    return {"authorization": f"Bearer {answer.json()['access_token']}"}


def _secret(folder: Path, text: str) -> str:
    return (folder / text.removeprefix("file:")).read_text().strip() if text.startswith("file:") else text


if __name__ == "__main__":
    main()
