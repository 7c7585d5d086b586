"""When a key is due: the pure half of the work queue. It knows no event loop, no clock and no Kubernetes.

A key is in at most one of three places: waiting for its due time, ready, or running. Adding a key that
waits keeps the earlier of the two due times; adding a key that runs makes it run once more afterwards.
Nothing is shared between keys: a key that fails for ever never delays another. Those that fail wait in a lane
of their own, so that whoever runs keys can keep places free for the others.
"""

import enum
import heapq
import itertools
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Lane(enum.IntEnum):
    """Where a key waits."""

    HEALTHY = 0
    FAILING = 1


LANES = tuple(Lane)


class Schedule(Generic[K]):
    """De-duplicated keys with due times. All times are seconds on one arbitrary, non-decreasing scale.

    `lane_of` is asked for a key's lane whenever the key begins to wait (default: all are healthy).
    """

    def __init__(self, lane_of: Callable[[K], Lane] = lambda _: Lane.HEALTHY) -> None:
        self._due: dict[K, float] = {}
        self._entries: dict[K, int] = {}
        """Which entry of a heap is a waiting key's; all others are left over."""
        self._heaps: tuple[list[tuple[float, int, K]], ...] = tuple([] for _ in LANES)
        self._running: set[K] = set()
        self._lane_of = lane_of
        self._order = itertools.count()

    def add(self, key: K, due: float) -> None:
        """Make `key` due at `due`, unless it is already due earlier."""
        known = self._due.get(key)
        if known is not None and known <= due:
            return
        self._due[key] = due
        if key not in self._running:
            self._push(key, due)

    def pop(self, now: float, lane: Lane | None = None) -> K | None:
        """Take the key that has been due longest, of one lane or of all, and mark it running.

        None when nothing is due.
        """
        heap = self._first(lane)
        if heap is None or heap[0][0] > now:
            return None
        key = heapq.heappop(heap)[2]
        del self._due[key], self._entries[key]
        self._running.add(key)
        return key

    def done(self, key: K) -> None:
        """Say that `key` runs no longer; if it was added meanwhile it waits for its due time again."""
        self._running.discard(key)
        due = self._due.get(key)
        if due is not None:
            self._push(key, due)

    def next_due(self, lane: Lane | None = None) -> float | None:
        """The earliest due time of a key that is not running, in one lane or in all; None without one."""
        heap = self._first(lane)
        return None if heap is None else heap[0][0]

    def is_idle(self, now: float) -> bool:
        """Whether nothing runs and nothing is due."""
        due = self.next_due()
        return not self._running and (due is None or due > now)

    @property
    def running(self) -> int:
        """How many keys run now."""
        return len(self._running)

    def __len__(self) -> int:
        """How many keys wait or are ready, running ones that were added again included."""
        return len(self._due)

    def __contains__(self, key: object) -> bool:
        return key in self._due

    def _push(self, key: K, due: float) -> None:
        number = self._entries[key] = next(self._order)
        heapq.heappush(self._heaps[self._lane_of(key)], (due, number, key))

    def _first(self, lane: Lane | None) -> list[tuple[float, int, K]] | None:
        """The heap on top of which the key waits that is due first, in one lane or in all."""
        if lane is not None:
            return self._settled(lane)
        healthy, failing = (self._settled(each) for each in LANES)
        if healthy is None or failing is None:
            return healthy or failing
        return min(healthy, failing, key=lambda heap: heap[0][:2])

    def _settled(self, lane: Lane) -> list[tuple[float, int, K]] | None:
        """The heap of a lane, without left-over entries on top; None when nobody waits there."""
        heap = self._heaps[lane]
        while heap:
            _, number, key = heap[0]
            if self._entries.get(key) == number:
                return heap
            heapq.heappop(heap)
        return None
