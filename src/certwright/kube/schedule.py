"""When a key is due: the pure half of the work queue. It knows no event loop, no clock and no Kubernetes.

A key is in at most one of three places: waiting for its due time, ready, or running. Adding a key that
waits keeps the earlier of the two due times; adding a key that runs makes it run once more afterwards.
Nothing is shared between keys: a key that fails for ever never delays another.
"""

import heapq
import itertools
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Schedule(Generic[K]):
    """De-duplicated keys with due times. All times are seconds on one arbitrary, non-decreasing scale."""

    def __init__(self) -> None:
        self._due: dict[K, float] = {}
        self._heap: list[tuple[float, int, K]] = []
        self._running: set[K] = set()
        self._order = itertools.count()

    def add(self, key: K, due: float) -> None:
        """Make `key` due at `due`, unless it is already due earlier."""
        known = self._due.get(key)
        if known is not None and known <= due:
            return
        self._due[key] = due
        if key not in self._running:
            self._push(key, due)

    def pop(self, now: float) -> K | None:
        """Take the key that has been due longest and mark it running; None when nothing is due."""
        due = self.next_due()
        if due is None or due > now:
            return None
        key = heapq.heappop(self._heap)[2]
        del self._due[key]
        self._running.add(key)
        return key

    def done(self, key: K) -> None:
        """Say that `key` runs no longer; if it was added meanwhile it waits for its due time again."""
        self._running.discard(key)
        due = self._due.get(key)
        if due is not None:
            self._push(key, due)

    def next_due(self) -> float | None:
        """The earliest due time of a key that is not running, None when there is none."""
        while self._heap:
            due, _, key = self._heap[0]
            if self._due.get(key) == due and key not in self._running:
                return due
            heapq.heappop(self._heap)
        return None

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
        heapq.heappush(self._heap, (due, next(self._order), key))
