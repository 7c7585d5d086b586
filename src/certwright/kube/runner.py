"""How many keys run at once, and never the same key twice at once. It decides neither when nor what.

Keys that failed run in places of their own, and a turn that takes long gives its place to another: what hangs
or fails does not make the others wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from certwright.kube.queue import Queue, QueueClosed
from certwright.kube.schedule import Lane

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)


SLOW: Final = 1.0
"""Seconds after which a turn counts as slow: then it does not occupy a place any longer."""
SPARE: Final = 4
"""So many times the usual number of keys can be slow at once, and others still have places."""
GREEDY: Final = 0.02
"""Seconds of work without a wait after which watches, leases and whoever else is due get a turn."""


async def run(
    queue: Queue[K],
    handle: Callable[[K], Awaitable[None]],
    concurrency: int,
    on_error: Callable[[K, Exception], None] | None = None,
) -> None:
    """Call `handle` for every key that falls due, `concurrency` keys at a time, until the queue is closed.

    Beside them, up to a quarter as many keys run whose last turn failed, but at least one. Of the others, a
    turn that is `SLOW` gives its place to another.
    An exception ends only that key's turn. It is handed to `on_error`, which decides whether the key comes
    again; without one it is logged and the key backs off. Cancelling this cancels the handlers; closing the
    queue lets those that run finish first.
    """
    async with asyncio.TaskGroup() as group:
        for lane, places in ((Lane.HEALTHY, concurrency), (Lane.FAILING, max(1, concurrency // 4))):
            workers = _Workers(group, queue, lane, handle, on_error or _back_off(queue))
            workers.spare = SPARE * places if lane is Lane.HEALTHY else 0
            for _ in range(places):
                workers.hire()


class _Workers(Generic[K]):
    """The places of one lane. `spare` is how many more may be hired in place of those that are slow."""

    def __init__(
        self,
        group: asyncio.TaskGroup,
        queue: Queue[K],
        lane: Lane,
        handle: Callable[[K], Awaitable[None]],
        on_error: Callable[[K, Exception], None],
    ) -> None:
        self.spare = 0
        self._group = group
        self._queue = queue
        self._lane = lane
        self._handle = handle
        self._on_error = on_error
        self._shared = 0.0
        """When the loop last ran something else, on its own scale."""

    def hire(self) -> None:
        """Have one more key worked on at a time."""
        self._group.create_task(self._work(), name=f"worker-{self._lane.name.lower()}")

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                key = await self._queue.get(self._lane)
            except QueueClosed:
                return
            turn = _Turn()
            loop.call_soon(self._note_shared)
            timer = loop.call_later(SLOW, self._replace, turn)
            try:
                await self._handle(key)
            except Exception as error:  # noqa: BLE001 - a bug in one key's turn must not stop the others
                self._on_error(key, error)
            finally:
                timer.cancel()
                self._queue.done(key)
            if turn.replaced:
                self.spare += 1
                return
            if loop.time() - self._shared > GREEDY:  # turns that wait for nothing leave some to others
                await asyncio.sleep(0)

    def _note_shared(self) -> None:
        self._shared = asyncio.get_running_loop().time()

    def _replace(self, turn: "_Turn") -> None:
        if self.spare > 0:
            self.spare -= 1
            turn.replaced = True
            self.hire()


class _Turn:
    """One key's turn; whether its worker's place was given to another meanwhile."""

    replaced = False


def _back_off(queue: Queue[K]) -> Callable[[K, Exception], None]:
    def on_error(key: K, error: Exception) -> None:
        delay = queue.fail(key)
        log.error("%s failed, next try in %.1f s", key, delay, exc_info=error)

    return on_error
