"""The driver that speaks to the host process of a display, and keeps the event loop free."""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np

from tandem.channels.desktop.driver import Action, Box, DriverRefusal, Picture, Window, as_json

_ENDS_WITHIN_S = 10.0
_ANSWERS_WITHIN_S = 60.0
"""Longer than any request takes: a paste that nobody fetches and a client that must be killed take 5 s each."""
_LINE_LIMIT_BYTES = 1 << 20


class X11Driver:
    """One display through its host process. Requests are carried out one after the other.

    ``patience_s``: a host that takes longer for an answer is ended.
    """

    def __init__(self, process: asyncio.subprocess.Process, *, patience_s: float = _ANSWERS_WITHIN_S) -> None:
        self._process = process
        self._patience_s = patience_s
        self._turn = asyncio.Lock()
        self._accessibility_bus: str | None = None
        self._held: tuple[Box, Picture] | None = None

    @classmethod
    async def on(
        cls, display: str | None, size: tuple[int, int], *, patience_s: float = _ANSWERS_WITHIN_S
    ) -> "X11Driver":
        """A driver on this display; None: on a display of its own, of this size. Raises DriverRefusal."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tandem.channels.desktop.x11.host"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LINE_LIMIT_BYTES,
            start_new_session=True,
        )
        driver = cls(process, patience_s=patience_s)
        try:
            told = await driver._ask({"display": display, "size": list(size)})
        except BaseException:
            await driver.aclose()
            raise
        driver._accessibility_bus = told["accessibility_bus"]
        return driver

    @property
    def accessibility_bus(self) -> str | None:
        return self._accessibility_bus

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        return int(await self._do("start", command=list(command), environment=dict(environment)))

    async def stop(self, pid: int) -> None:
        await self._do("stop", pid=pid)

    async def windows(self, pid: int) -> tuple[Window, ...]:
        return tuple(_window(data) for data in await self._do("windows", pid=pid))

    async def active(self) -> Window | None:
        data = await self._do("active")
        return None if data is None else _window(data)

    async def focus(self, window: Window) -> None:
        await self._do("focus", window=window.id)

    async def act(self, window: Window, actions: Sequence[Action]) -> None:
        await self._do("act", window=window.id, title=window.title, actions=[as_json(action) for action in actions])

    async def picture(self, box: Box) -> Picture:
        """The very same array as long as this place looks as it did: the host does not send it again."""
        held, self._held = self._held, None
        raw = await self._do("picture", box=list(box), held=held is not None and held[0] == box)
        if raw is not None:
            taken = np.frombuffer(raw, np.uint8).reshape(box.height, box.width, 4)
            held = (box, np.asarray(cv2.cvtColor(taken, cv2.COLOR_BGRA2BGR), np.uint8))
            held[1].setflags(write=False)
        assert held is not None
        self._held = held
        return held[1]

    async def answers(self, window: Window, within_s: float) -> bool:
        return bool(await self._do("answers", window=window.id, within_s=within_s))

    async def covered(self, window: Window) -> bool:
        return bool(await self._do("covered", window=window.id))

    async def aclose(self) -> None:
        """End the host, which ends everything on its display."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            async with asyncio.timeout(_ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._process._transport.close()  # type: ignore[attr-defined]

    async def _do(self, verb: str, **given: Any) -> Any:
        return await self._ask({"do": verb, **given})

    async def _ask(self, request: Mapping[str, Any]) -> Any:
        """One whose asker gives up is carried out all the same, and has its turn until then."""
        await self._turn.acquire()
        exchange = asyncio.ensure_future(self._exchange(request))
        exchange.add_done_callback(lambda _: self._turn.release())
        return await asyncio.shield(exchange)

    async def _exchange(self, request: Mapping[str, Any]) -> Any:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            async with asyncio.timeout(self._patience_s):
                stdin.write(json.dumps(request).encode() + b"\n")
                await stdin.drain()
                line = await stdout.readline()
                if not line:
                    raise DriverRefusal("gone")
                answer = json.loads(line)
                if "refused" in answer:
                    raise DriverRefusal(answer["refused"], answer["why"])
                return await stdout.readexactly(answer["bytes"]) if answer["bytes"] else answer["result"]
        except (ConnectionError, asyncio.IncompleteReadError):
            raise DriverRefusal("gone") from None
        except TimeoutError:
            self._process.kill()
            raise DriverRefusal("gone", "its host does not answer") from None


def _window(data: Mapping[str, Any]) -> Window:
    return Window(data["id"], data["title"], data["pid"], Box(*data["box"]))
