"""Orders per second of the whole bot, journal on, against the same HTTP calls in a bare httpx loop in the same run.

``python -m tests.bench.bench_bot [--orders 300]`` prints, for 1, 16 and 64 orders in flight: orders/s of the bot and
of the loop, their ratio, vendor calls per order, CPU of this process per order, and peak memory. Each measurement
has sandboxes of its own, without faults, in processes of their own.
"""

import argparse
import asyncio
import resource
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from tandem import log
from tandem.workspace.demonstration import Stage, staged
from tandem.workspace.engine import working_engine
from tests.e2e.conftest import BOT, demonstration

_DROPPED = {"authorization", "cookie", "x-csrf-token", "host", "content-length"}


@dataclass(frozen=True)
class Call:
    """One request as the bot sent it, without what belongs to its session."""

    system: str
    method: str
    path: str
    headers: dict[str, str]
    content: bytes


@dataclass(frozen=True)
class Measured:
    orders: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        return self.orders / self.seconds

    @property
    def cpu_ms(self) -> float:
        """Of this process, per order."""
        return self.cpu_s * 1000 / self.orders


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=300)
    orders = parser.parse_args().orders
    log.configure(level="ERROR")
    columns = ("in flight", "bot/s", "bare/s", "ratio", "calls/order", "CPU ms", "bare", "MB")
    _print(columns)
    for in_flight in (1, 16, 64):
        with _stage(orders) as stage:
            bot, calls = asyncio.run(_bot(stage, in_flight))
        with _stage(orders) as stage:
            bare = asyncio.run(_bare(stage, calls, in_flight, bot.orders))
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rates = f"{bot.rate:.1f}", f"{bare.rate:.1f}", f"{bot.rate / bare.rate:.2f}"
        costs = f"{len(calls) / bot.orders:.2f}", f"{bot.cpu_ms:.1f}", f"{bare.cpu_ms:.1f}", f"{peak_mb:.0f}"
        _print((str(in_flight), *rates, *costs))


def _print(cells: Iterable[str]) -> None:
    print(" ".join(f"{cell:>11}" for cell in cells))  # noqa: T201


@contextmanager
def _stage(orders: int) -> Iterator[Stage]:
    with (
        tempfile.TemporaryDirectory() as folder,
        staged(Path(folder) / "bench", "en", demonstration(), str(orders)) as stage,
    ):
        yield stage


async def _bot(stage: Stage, in_flight: int) -> tuple[Measured, list[Call]]:
    systems = {urlsplit(sandbox.url).netloc: name for name, sandbox in stage.sandboxes.items()}
    async with working_engine(stage.workspace) as engine:
        run_ids = await engine.poll(BOT)
        with _recorded(systems) as calls:
            started, cpu = time.perf_counter(), time.process_time()
            tally = await engine.work(concurrency=in_flight, only=run_ids)
            measured = Measured(len(run_ids), time.perf_counter() - started, time.process_time() - cpu)
    assert sum(tally.finished.values()) == len(run_ids), tally
    return measured, calls


@contextmanager
def _recorded(systems: dict[str, str]) -> Iterator[list[Call]]:
    """Every request that httpx sends meanwhile, logins left out."""
    calls: list[Call] = []
    send = httpx.AsyncClient.send

    async def recording(client: httpx.AsyncClient, request: httpx.Request, **options: Any) -> httpx.Response:
        headers = {name: value for name, value in request.headers.items() if name not in _DROPPED}
        if "oauth2" not in request.url.path and request.headers.get("x-csrf-token", "").lower() != "fetch":
            system = systems[request.url.netloc.decode()]
            calls.append(Call(system, request.method, request.url.raw_path.decode(), headers, request.content))
        return await send(client, request, **options)

    httpx.AsyncClient.send = recording  # type: ignore[method-assign]
    try:
        yield calls
    finally:
        httpx.AsyncClient.send = send  # type: ignore[method-assign]


async def _bare(stage: Stage, calls: list[Call], in_flight: int, orders: int) -> Measured:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:
        logins = {name: await _login(client, stage, name) for name in stage.sandboxes}
        queue = iter(calls)
        started, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(_worker(client, stage, logins, queue) for _ in range(in_flight)))
        return Measured(orders, time.perf_counter() - started, time.process_time() - cpu)


async def _worker(
    client: httpx.AsyncClient, stage: Stage, logins: dict[str, dict[str, str]], queue: Iterable[Call]
) -> None:
    for call in queue:
        url = stage.sandboxes[call.system].url.rstrip("/") + call.path
        headers = call.headers | logins[call.system]
        response = await client.request(call.method, url, headers=headers, content=call.content)
        response.raise_for_status()


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
