"""How many keys run at once, and never the same key twice at once. It decides neither when nor what.

Keys that failed run in places of their own: however long they take to fail again, the others do not wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from certwright.kube.queue import Queue, QueueClosed
from certwright.kube.schedule import Lane

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)


async def run(
    queue: Queue[K],
    handle: Callable[[K], Awaitable[None]],
    concurrency: int,
    on_error: Callable[[K, Exception], None] | None = None,
) -> None:
    """Call `handle` for every key that falls due, `concurrency` keys at a time, until the queue is closed.

    Beside them, up to a quarter as many keys run whose last turn failed, but at least one.
    An exception ends only that key's turn. It is handed to `on_error`, which decides whether the key comes
    again; without one it is logged and the key backs off. Cancelling this cancels the handlers; closing the
    queue lets those that run finish first.
    """
    places = {Lane.HEALTHY: concurrency, Lane.FAILING: max(1, concurrency // 4)}
    async with asyncio.TaskGroup() as group:
        for lane, count in places.items():
            for number in range(count):
                work = _work(queue, lane, handle, on_error or _back_off(queue))
                group.create_task(work, name=f"worker-{lane.name.lower()}-{number}")


async def _work(
    queue: Queue[K],
    lane: Lane,
    handle: Callable[[K], Awaitable[None]],
    on_error: Callable[[K, Exception], None],
) -> None:
    while True:
        try:
            key = await queue.get(lane)
        except QueueClosed:
            return
        try:
            await handle(key)
        except Exception as error:  # noqa: BLE001 - a bug in one key's turn must not stop the others
            on_error(key, error)
        finally:
            queue.done(key)
        await asyncio.sleep(0)  # a turn that waited for nothing must not keep watches and leases from theirs


def _back_off(queue: Queue[K]) -> Callable[[K, Exception], None]:
    def on_error(key: K, error: Exception) -> None:
        delay = queue.fail(key)
        log.error("%s failed, next try in %.1f s", key, delay, exc_info=error)

    return on_error
