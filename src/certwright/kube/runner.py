"""How many keys run at once, and never the same key twice at once. It decides neither when nor what."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable
from typing import TypeVar

from certwright.kube.queue import Queue, QueueClosed

K = TypeVar("K", bound=Hashable)

log = logging.getLogger(__name__)


async def run(
    queue: Queue[K],
    handle: Callable[[K], Awaitable[None]],
    concurrency: int,
    on_error: Callable[[K, Exception], None] | None = None,
) -> None:
    """Call `handle` for every key that falls due, `concurrency` keys at a time, until the queue is closed.

    An exception ends only that key's turn. It is handed to `on_error`, which decides whether the key comes
    again; without one it is logged and the key backs off. Cancelling this cancels the handlers; closing the
    queue lets those that run finish first.
    """
    async with asyncio.TaskGroup() as group:
        for number in range(concurrency):
            group.create_task(_work(queue, handle, on_error or _back_off(queue)), name=f"worker-{number}")


async def _work(
    queue: Queue[K], handle: Callable[[K], Awaitable[None]], on_error: Callable[[K, Exception], None]
) -> None:
    while True:
        try:
            key = await queue.get()
        except QueueClosed:
            return
        try:
            await handle(key)
        except Exception as error:  # noqa: BLE001 - a bug in one key's turn must not stop the others
            on_error(key, error)
        finally:
            queue.done(key)


def _back_off(queue: Queue[K]) -> Callable[[K, Exception], None]:
    def on_error(key: K, error: Exception) -> None:
        delay = queue.fail(key)
        log.error("%s failed, next try in %.1f s", key, delay, exc_info=error)

    return on_error
