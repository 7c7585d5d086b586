"""One loop for every kind: gather, plan, apply. It knows no kind and decides nothing.

A pass runs the plan's actions in order and stops at the first that fails. A conflict means that
somebody else wrote: the object is read anew and planned again at once. Every other error backs off
this key alone. The plan says when to look again; everything else comes from changes in the stores.
"""

import asyncio
import logging
from collections.abc import Callable, Hashable
from datetime import datetime
from typing import Final, Generic, Protocol, TypeVar

from certwright.kube.errors import ApiError, Conflict, Forbidden, Invalid
from certwright.kube.queue import Queue
from certwright.kube.runner import run
from certwright.plan.actions import Action, Plan

REFUSED_CAP: Final = 300.0
"""Seconds that a key waits at most whose writes are refused: that lasts longer than a broken line."""

log = logging.getLogger(__name__)

K = TypeVar("K", bound=Hashable)
K_contra = TypeVar("K_contra", bound=Hashable, contravariant=True)
W = TypeVar("W")


class Retry(Exception):  # noqa: N818 - asks for something, as StopIteration does
    """Stop this pass and come back after the key's backoff; the reason is for the log.

    `told` says that the log has it already.
    """

    def __init__(self, message: str, *, told: bool = False) -> None:
        super().__init__(message)
        self.told = told


class Replan(Exception):  # noqa: N818
    """Stop this pass and plan again at once: the world is not what the plan was made for."""


class Controller(Protocol[K_contra, W]):
    """What one kind has to offer: how to read its world, decide, and act."""

    name: str

    async def gather(self, key: K_contra) -> W | None:
        """The world of an object, or None when it is gone."""

    def plan(self, world: W, now: datetime) -> Plan:
        """The pure decision."""

    async def perform(self, world: W, action: Action) -> None:
        """Do one action and emit its events."""

    async def refresh(self, key: K_contra) -> None:
        """Read the object anew, after a conflict."""


class Counters:
    """How often keys were synced and how often that failed, as upstream's metrics count it."""

    def __init__(self) -> None:
        self.syncs = 0
        self.errors = 0
        self.conflicts = 0


class Engine(Generic[K, W]):
    """Runs one controller over its queue.

    `clock` gives aware UTC times, `timer` seconds for the queue (default: the running loop's).
    """

    def __init__(
        self,
        controller: Controller[K, W],
        clock: Callable[[], datetime],
        *,
        concurrency: int = 16,
        base: float = 1.0,
        cap: float = 30.0,
        timer: Callable[[], float] | None = None,
    ) -> None:
        self.controller = controller
        self.queue: Queue[K] = Queue(timer, base=base, cap=cap)
        self.counters = Counters()
        self._clock = clock
        self._concurrency = concurrency

    async def run(self) -> None:
        """Work until cancelled or until the queue is closed."""
        await run(self.queue, self._pass, self._concurrency, self._failed)

    async def _pass(self, key: K) -> None:
        self.counters.syncs += 1
        world = await self.controller.gather(key)
        if world is None:
            self.queue.forget(key)
            return
        now = self._clock()
        plan = self.controller.plan(world, now)
        try:
            for action in plan.actions:
                await self.controller.perform(world, action)
        except Replan:
            await asyncio.sleep(0)  # calls into a server of this process may never wait: let the watches run
            self.queue.add(key)
            return
        except Conflict as error:
            self.counters.conflicts += 1
            log.debug("%s %s: %s; planning again", self.controller.name, _words(key), error)
            await self.controller.refresh(key)
            self.queue.add(key)
            return
        self.queue.forget(key)
        if plan.wake_at is not None:
            self.queue.add_after(key, max(0.0, (plan.wake_at - self._clock()).total_seconds()))

    def _failed(self, key: K, error: Exception) -> None:
        self.counters.errors += 1
        delay = self.queue.fail(key, REFUSED_CAP if isinstance(error, (Forbidden, Invalid)) else None)
        what = f"{self.controller.name} {_words(key)}"
        if isinstance(error, Retry):  # expected: the object's condition says it too
            level = logging.DEBUG if error.told else logging.INFO
            log.log(level, "%s: %s; next try in %.0f s", what, error, delay)
        elif isinstance(error, ApiError):
            log.warning("%s: %s; next try in %.0f s", what, error, delay)
        else:
            log.error("%s: unexpected error; next try in %.0f s", what, delay, exc_info=error)


def _words(key: Hashable) -> str:
    """A key as people write it: namespace/name."""
    return "/".join(str(part) for part in key if part) if isinstance(key, tuple) else str(key)
