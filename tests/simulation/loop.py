"""One event loop under virtual time: what runs next is drawn from the seed, and whole processes stop or die on it."""

import asyncio
import contextvars
import heapq
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

_process: contextvars.ContextVar["Process | None"] = contextvars.ContextVar("process", default=None)


class Deadlock(Exception):
    """Nothing is ready and nothing will ever become due."""


class TimeOut(Exception):
    """The history did not come to rest within its virtual time."""


class Process:
    """An operating-system process: all that was started ``within`` it stops, goes on, or dies with it.

    Between two of its steps only, as the kernel does it to a thread that does not share memory with others. A killed
    process runs no ``finally``: what it had under way simply never goes on.
    """

    def __init__(self, name: str, loop: "SimulatedLoop") -> None:
        self.name, self.loop = name, loop
        self.alive, self.stopped_at = True, -1.0
        self._held: list[_Handle] = []
        self._tasks: list[asyncio.Task[Any]] = []
        loop.processes.append(self)

    @property
    def stopped(self) -> bool:
        return self.stopped_at >= 0

    def run(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """Start work within this process."""
        context = contextvars.copy_context()
        context.run(_process.set, self)
        task = self.loop.create_task(work, context=context)
        self._tasks.append(task)
        return task

    @property
    def failures(self) -> list[BaseException]:
        """With what its work broke off."""
        ended = [task for task in self._tasks if task.done() and not task.cancelled()]
        return [error for task in ended if (error := task.exception()) is not None]

    def later(self, delay_s: float, act: Callable[..., object], *args: Any) -> None:
        """Do something later within this process: never, if it is dead by then."""
        context = contextvars.copy_context()
        context.run(_process.set, self)
        self.loop.call_later(delay_s, act, *args, context=context)

    def kill(self) -> None:
        self.alive = False

    def stop(self) -> None:
        """As SIGSTOP does."""
        self.stopped_at = self.loop.time()

    def resume(self) -> None:
        """As SIGCONT does."""
        self.stopped_at = -1.0
        if self.alive:
            self.let_go()

    def hold(self, handle: "_Handle") -> None:
        self._held.append(handle)

    def let_go(self) -> None:
        """Let what was held back be done after all."""
        held, self._held = self._held, []
        for handle in held:
            self.loop.admit(handle)


class _Handle:
    __slots__ = ("args", "callback", "cancelled_", "context", "process", "when_s")

    def __init__(
        self, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None, when_s: float
    ) -> None:
        self.callback, self.args, self.when_s = callback, args, when_s
        self.context = contextvars.copy_context() if context is None else context
        self.process = self.context.get(_process)
        self.cancelled_ = False

    def cancel(self) -> None:
        self.cancelled_ = True

    def cancelled(self) -> bool:
        return self.cancelled_

    def when(self) -> float:
        return self.when_s


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Time is virtual and passes only when nothing is ready. ``failures``: what asyncio reported as never retrieved."""

    def __init__(self, random: Random, longest_s: float) -> None:
        self._random, self._longest_s = random, longest_s
        self._time_s = 0.0
        self._ready: list[_Handle] = []
        self._timers: list[tuple[float, int, _Handle]] = []
        self._count = 0
        self._tasks: list[asyncio.Task[Any]] = []
        self.processes: list[Process] = []
        self.failures: list[str] = []
        self.steps = 0

    def run(self, main: Coroutine[Any, Any, Any]) -> Any:
        """Run until ``main`` returns. Raises Deadlock, TimeOut, and what it raises."""
        asyncio._set_running_loop(self)
        try:
            task = self.create_task(main)
            while not task.done():
                handle = self._next()
                self.steps += 1
                handle.context.run(handle.callback, *handle.args)
            return task.result()
        finally:
            asyncio._set_running_loop(None)

    def close(self) -> None:
        """Unwind what never went on, that of dead processes included: of no effect on what has been said and done."""
        asyncio._set_running_loop(self)
        try:
            while under_way := [task for task in self._tasks if not task.done()]:
                for task in under_way:
                    task.cancel()
                for process in self.processes:
                    process.let_go()
                while self._ready:
                    handle = self._ready.pop()
                    if not handle.cancelled_:
                        handle.context.run(handle.callback, *handle.args)
            for task in self._tasks:
                if not task.cancelled():
                    task.exception()
        finally:
            asyncio._set_running_loop(None)

    def world(self, delay_s: float, act: Callable[..., object], *args: Any) -> None:
        """Do something later outside every process."""
        context = contextvars.copy_context()
        context.run(_process.set, None)
        self.call_later(delay_s, act, *args, context=context)

    def admit(self, handle: _Handle) -> None:
        self._ready.append(handle)

    def time(self) -> float:
        return self._time_s

    def call_soon(self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None) -> Any:
        handle = _Handle(callback, args, context, self._time_s)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        return self.call_at(self._time_s + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> Any:
        handle = _Handle(callback, args, context, when)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, handle))
        return handle

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: contextvars.Context | None = None) -> Any:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> Awaitable[Any]:
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(f"{context['message']}: {context.get('exception')!r}")

    def _next(self) -> _Handle:
        while True:
            while self._ready:
                handle = self._drawn()
                process = handle.process
                if handle.cancelled_:
                    continue
                if process is not None and (process.stopped or not process.alive):
                    process.hold(handle)
                    continue
                return handle
            self._pass_time()

    def _drawn(self) -> _Handle:
        ready = self._ready
        if len(ready) == 1:
            return ready.pop()
        place = int(self._random.random() * len(ready))
        ready[place], ready[-1] = ready[-1], ready[place]
        return ready.pop()

    def _pass_time(self) -> None:
        if not self._timers:
            raise Deadlock
        self._time_s = max(self._time_s, self._timers[0][0])
        if self._time_s > self._longest_s:
            raise TimeOut
        while self._timers and self._timers[0][0] <= self._time_s:
            handle = heapq.heappop(self._timers)[2]
            if not handle.cancelled_:
                self._ready.append(handle)
