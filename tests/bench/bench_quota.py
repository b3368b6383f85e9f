"""How much of a quota of 50 calls a second is used, and whether a call is refused, by vendors that count differently.

``python -m tests.bench.bench_quota [--calls 550] [--latency-ms 10] [--json]``. The HTTP port calls a server on
loopback, a process of its own, that counts as vendors do (any second that ends now; whole seconds; a bucket that
refills) and refuses with 429. The baseline is the quota itself: ``used`` is calls a second by 50, from the end of the
first second's worth on. Latency is drawn from a seed, half to one and a half times the given one.
"""

import asyncio
import math
import random
import time
from collections import deque
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

from tandem import log
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings, Quota
from tests.bench.ratio import options, show
from tests.http.wire import Asked, answer, serving

PER_S = 50
_SEED = 20261125
Admits = Callable[[float], bool]


def sliding_window() -> Admits:
    """At most 50 in any second that ends now."""
    seen: deque[float] = deque()

    def admits(now_s: float) -> bool:
        while seen and seen[0] <= now_s - 1:
            seen.popleft()
        if len(seen) == PER_S:
            return False
        seen.append(now_s)
        return True

    return admits


def whole_seconds() -> Admits:
    """At most 50 in each second of the clock."""
    counts: dict[int, int] = {}

    def admits(now_s: float) -> bool:
        count = counts[int(now_s)] = counts.get(int(now_s), 0) + 1
        return count <= PER_S

    return admits


def token_bucket() -> Admits:
    """A bucket of 50, full at first, that gets 50 more a second."""
    tokens, filled_at_s = 0.0, -math.inf

    def admits(now_s: float) -> bool:
        nonlocal tokens, filled_at_s
        tokens, filled_at_s = min(PER_S, tokens + (now_s - filled_at_s) * PER_S), now_s
        if tokens < 1:
            return False
        tokens -= 1
        return True

    return admits


VENDORS: dict[str, Callable[[], Admits]] = {
    "sliding window": sliding_window,
    "whole seconds": whole_seconds,
    "token bucket": token_bucket,
}


async def measure(vendor: str, calls: int, latency_ms: float) -> dict[str, Any]:
    """One row: what share of the quota was used, and how many calls were refused."""
    spawning = get_context("spawn")
    ours, theirs = spawning.Pipe()
    server = spawning.Process(target=_serve, args=(vendor, latency_ms, theirs), daemon=True)
    server.start()
    url = await asyncio.to_thread(ours.recv)
    port = HttpPort("vendor", ApiSettings(url=url, quota=Quota(calls_per_s=PER_S)))
    started_s = time.process_time()
    await asyncio.gather(*(port.send("GET", "/") for _ in range(calls)))
    cpu_ms = (time.process_time() - started_s) * 1000 / calls
    await port.aclose()
    ours.send(None)
    admitted_s, refused = await asyncio.to_thread(ours.recv)
    await asyncio.to_thread(server.join)
    took_s = admitted_s[-1] - admitted_s[PER_S - 1]
    used = (len(admitted_s) - PER_S) / took_s / PER_S
    return {"vendor": vendor, "used": round(used, 3), "refused": refused, "cpu_ms_per_call": round(cpu_ms, 2)}


def _serve(vendor: str, latency_ms: float, pipe: Connection) -> None:
    """The vendor, a process of its own: tells its address, and when asked to end, when it admitted which call."""
    asyncio.run(_vendor(VENDORS[vendor](), latency_ms, pipe))


async def _vendor(admits: Admits, latency_ms: float, pipe: Connection) -> None:
    chance = random.Random(_SEED)
    admitted_s: list[float] = []
    refused = 0

    async def handle(_: Asked) -> bytes:
        nonlocal refused
        now_s = time.monotonic()
        if admits(now_s):
            admitted_s.append(now_s)
            await asyncio.sleep(latency_ms / 1000 * chance.uniform(0.5, 1.5))
            return answer()
        refused += 1
        return answer(429, retry_after="1")

    async with serving(handle) as server:
        pipe.send(server.url)
        await asyncio.to_thread(pipe.recv)
    pipe.send((admitted_s, refused))


def main() -> None:
    given = options(__doc__, calls=550, latency_ms=10)
    log.configure(level="ERROR")
    rows = [asyncio.run(measure(vendor, given.calls, given.latency_ms)) for vendor in VENDORS]
    show(rows, as_json=given.json)


if __name__ == "__main__":
    main()
