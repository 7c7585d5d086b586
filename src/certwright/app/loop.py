"""Running a role: the event loop, signals and limits of the process; not what the role does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import signal
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from certwright.app.errors import RunError

T = TypeVar("T")


class Stop:
    """Whether the process was asked to end, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._asked = asyncio.Event()

    @property
    def asked(self) -> bool:
        """Whether somebody asked."""
        return self._asked.is_set()

    def ask(self, number: int | None = None) -> None:
        """Ask for a clean end. A second signal ends the process where it stands: the state survives that."""
        if self._asked.is_set() and number is not None:
            os._exit(128 + number)
        self.signal = number
        self._asked.set()

    async def wait(self) -> None:
        """Wait until somebody asks."""
        await self._asked.wait()


def run(role: Callable[[Stop], Coroutine[Any, Any, int]]) -> int:
    """Run a role until it returns its exit code; SIGINT and SIGTERM ask it to stop. Raises RunError."""
    _raise_file_limit()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_with_signals(role))


async def until(stop: Stop, work: Awaitable[T], *beside: Awaitable[object]) -> T | None:
    """Run `work` to its end, with other work beside it that goes on for ever; None when `stop` came first.

    Everything has ended when this returns. Raises what any of it raises.
    """
    main = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.wait())
    tasks: set[asyncio.Future[Any]] = {main, asked, *map(asyncio.ensure_future, beside)}
    pending = tasks
    try:
        while not main.done() and not asked.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        return main.result() if main.done() else None
    finally:
        await cancel(*tasks)


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancel tasks and wait until they have ended, whatever they end with."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _with_signals(role: Callable[[Stop], Coroutine[Any, Any, int]]) -> int:
    stop = Stop()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.ask, number)
    try:
        return await role(stop)
    except* RunError as group:
        raise first(group) from None


def first(group: BaseExceptionGroup[Any]) -> BaseException:
    """The first exception in a group of groups that is none itself."""
    inner: BaseException = group
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    return inner


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


def _raise_file_limit() -> None:
    # A watch is a connection of its own; the soft limit is often 1024.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
