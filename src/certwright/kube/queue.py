"""The work queue of a controller: level-triggered keys, the earliest due time wins, back-off per key.

It is not a rate limiter: no bucket is shared between keys, so what cannot succeed never delays what can.
Keys that failed wait in a lane of their own; what was begun comes before what is new.
It says when a key runs; `runner` says how many run at once.
"""

import asyncio
import contextlib
import zlib
from collections import deque
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar

from certwright.kube.schedule import LANES, Lane, Schedule

K = TypeVar("K", bound=Hashable)

HEAD_START: Final = 30.0
"""Seconds that a key which ran this recently goes ahead of others: work that takes several turns is finished
before more is begun, and no new key waits longer for it than this."""


class QueueClosed(Exception):  # noqa: N818 - says what happened, as StopIteration does
    """The queue was closed; no key will ever come again."""


def backoff(key: Hashable, failures: int, base: float, cap: float) -> float:
    """Seconds to wait after the `failures`-th failure in a row: base, doubled each time, at most `cap`.

    Up to a quarter is taken off, by an amount that depends on the key and the count only: keys that fail
    together do not retry together, and a test sees the same delays every time.
    """
    full = min(cap, base * 2.0 ** min(failures - 1, 60))
    seed = zlib.crc32(f"{key!r}:{failures}".encode())
    return full * (1 - 0.25 * seed / 0xFFFFFFFF)


class Queue(Generic[K]):
    """A de-duplicated queue of keys for one event loop.

    `clock` gives seconds on the loop's scale (default: the running loop's `time`). `base` and `cap` bound
    the back-off of one key, in seconds. `owns` drops keys that another shard works on.
    """

    def __init__(
        self,
        clock: Callable[[], float] | None = None,
        *,
        base: float = 1.0,
        cap: float = 30.0,
        owns: Callable[[K], bool] | None = None,
    ) -> None:
        self._clock = clock
        self._base = base
        self._cap = cap
        self._owns = owns
        self._schedule: Schedule[K] = Schedule(self.lane)
        self._failures: dict[K, int] = {}
        self._ran: dict[K, float] = {}
        """When keys ended their last turn, the latest last."""
        self._getters: deque[tuple[asyncio.Future[None], Lane | None]] = deque()
        self._idlers: list[asyncio.Future[None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._timer_due: float | None = None
        self._closed = False

    def add(self, key: K) -> None:
        """Run `key` as soon as possible; if it runs now, once more afterwards."""
        now = self._now()
        ran = self._ran.get(key)
        self._add(key, now if ran is None or ran < now - HEAD_START else now - HEAD_START)

    def add_after(self, key: K, seconds: float) -> None:
        """Run `key` in `seconds` (at once if not positive), or earlier if it was due earlier."""
        if seconds <= 0:
            self.add(key)
        else:
            self._add(key, self._now() + seconds)

    def _add(self, key: K, due: float) -> None:
        if self._closed or (self._owns is not None and not self._owns(key)):
            return
        self._schedule.add(key, due)
        self._wake()

    def fail(self, key: K, cap: float | None = None) -> float:
        """Count a failure of `key` and run it again after its back-off; returns that delay in seconds.

        `cap` bounds this delay instead of the usual one.
        """
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        delay = backoff(key, failures, self._base, self._cap if cap is None else cap)
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """Reset the back-off of `key`. Its due time, if any, stays."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        """How often `key` failed since it was last forgotten."""
        return self._failures.get(key, 0)

    def lane(self, key: K) -> Lane:
        """Whether the last turn of `key` failed."""
        return Lane.FAILING if key in self._failures else Lane.HEALTHY

    async def get(self, lane: Lane | None = None) -> K:
        """Wait for the key that has been due longest, of one lane or of all; `done` must be called with it.

        Raises QueueClosed once the queue is closed.
        """
        while True:
            if self._closed:
                raise QueueClosed
            key = self._schedule.pop(self._now(), lane)
            if key is not None:
                self._wake()  # another key may be due as well, and the timer belongs to the next one
                return key
            await self._wait_turn(lane)

    def done(self, key: K) -> None:
        """Say that the work on `key` ended, well or not."""
        self._note_run(key)
        self._schedule.done(key)
        self._wake()

    def _note_run(self, key: K) -> None:
        now = self._now()
        self._ran.pop(key, None)
        self._ran[key] = now
        while self._ran[oldest := next(iter(self._ran))] < now - HEAD_START:
            del self._ran[oldest]

    def look_again(self) -> None:
        """See what is due now: the clock was moved by hand, and timers know nothing of that."""
        self._wake()

    def is_idle(self) -> bool:
        """Whether nothing is due and nothing runs; keys that are due later do not count."""
        return self._schedule.is_idle(self._now())

    async def idle(self) -> None:
        """Wait until the queue is idle, or closed."""
        while not self._closed and not self.is_idle():
            future = asyncio.get_running_loop().create_future()
            self._idlers.append(future)
            await future

    def close(self) -> None:
        """Hand out no more keys; everyone who waits is woken."""
        self._closed = True
        self._set_timer(None)
        self._wake_idlers()
        for future, _ in self._getters:
            if not future.done():
                future.set_result(None)

    @property
    def running(self) -> int:
        """How many keys are being worked on."""
        return self._schedule.running

    def next_due(self) -> float | None:
        """When the next key that does not run is due, on the clock's scale; None if there is none."""
        return self._schedule.next_due()

    def __len__(self) -> int:
        """How many keys wait, whenever they are due."""
        return len(self._schedule)

    def __contains__(self, key: object) -> bool:
        return key in self._schedule

    def _now(self) -> float:
        return self._clock() if self._clock is not None else asyncio.get_running_loop().time()

    async def _wait_turn(self, lane: Lane | None) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._getters.append((future, lane))
        self._wake()
        try:
            await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self._wake()  # this turn was ours and nobody took it: pass it on
            raise
        finally:
            with contextlib.suppress(ValueError):
                self._getters.remove((future, lane))

    def _wake(self) -> None:
        """Let one waiting getter of each lane look if a key is due there, and set the timer for the next."""
        if self._closed:
            return
        now = self._now()
        upcoming: float | None = None
        for lane in LANES:
            due = self._schedule.next_due(lane)
            if due is None:
                continue
            if due <= now:
                self._wake_getter(lane)
            elif upcoming is None or due < upcoming:
                upcoming = due
        if self._idlers and self._schedule.is_idle(now):
            self._wake_idlers()
        self._set_timer(upcoming)

    def _wake_getter(self, lane: Lane) -> None:
        for getter in self._getters:
            future, wanted = getter
            if wanted in (None, lane) and not future.done():
                self._getters.remove(getter)
                future.set_result(None)
                return

    def _wake_idlers(self) -> None:
        idlers, self._idlers = self._idlers, []
        for future in idlers:
            if not future.done():
                future.set_result(None)

    def _set_timer(self, due: float | None) -> None:
        if due == self._timer_due:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._timer_due = due
        if due is not None:
            self._timer = asyncio.get_running_loop().call_later(due - self._now(), self._ring)

    def _ring(self) -> None:
        self._timer = self._timer_due = None
        self._wake()
