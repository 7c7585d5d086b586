"""Watching the log: a cursor is a revision and a prefix, never a queue, so slow readers cost nobody a thing.

History and live changes come from the same place by the same rule (everything after the cursor's revision),
so there is no hand-over between them in which a change could be lost or seen twice. Recent changes are shared
by all cursors in one bounded window in memory; what is older is read from the journal.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from operator import attrgetter
from typing import Protocol

from certwright.apiserver.record import Change, Closed, TooOld

WINDOW_CHANGES = 4096
WINDOW_BYTES = 32 * 1024 * 1024
BATCH = 500
"""The most changes one `Cursor.next` returns."""
SCAN = 4096
"""The most revisions looked at before the event loop gets a turn."""

_revision = attrgetter("record.revision")


class _Sleeper:
    """A cursor waiting for a change; `reached` is the first revision it has not been told about."""

    __slots__ = ("future", "reached")

    def __init__(self, future: asyncio.Future[None]) -> None:
        self.future = future
        self.reached = 0

    def wake(self, reached: int) -> None:
        self.reached = reached
        if not self.future.done():
            self.future.set_result(None)


class Source(Protocol):
    """What a cursor reads from: the log."""

    @property
    def revision(self) -> int:
        """The newest visible revision."""

    @property
    def floor(self) -> int:
        """The compaction floor."""

    @property
    def closed(self) -> bool:
        """Whether the log has been closed."""

    def stored_changes(self, prefix: str, after: int, upto: int, limit: int) -> tuple[list[Change], int]:
        """Changes from the journal, and the revision they reach up to."""


class Window:
    """The newest changes in memory, oldest first, and the cursors that sleep until there are more."""

    def __init__(self, revision: int) -> None:
        self.start = revision
        """Every change after this revision is in the window."""
        self.revision = revision
        self._changes: list[Change] = []
        self._bytes = 0
        self._sleepers: dict[str, set[_Sleeper]] = {}

    def add(self, change: Change) -> None:
        """Append a change; its revision is greater than all before."""
        self._changes.append(change)
        self._bytes += len(change.record.value)
        self.revision = change.record.revision
        if len(self._changes) > 2 * WINDOW_CHANGES or self._bytes > 2 * WINDOW_BYTES:
            self._trim()

    def _trim(self) -> None:
        drop = max(len(self._changes) - WINDOW_CHANGES, 0)
        kept = sum(len(change.record.value) for change in self._changes[drop:])
        while kept > WINDOW_BYTES and drop < len(self._changes):
            kept -= len(self._changes[drop].record.value)
            drop += 1
        self.start = self._changes[drop - 1].record.revision
        del self._changes[:drop]
        self._bytes = kept

    def read(self, prefix: str, after: int) -> tuple[list[Change], int]:
        """Changes below a prefix after a revision in the window, and the revision they reach up to."""
        changes = self._changes
        first = bisect_right(changes, after, key=_revision)
        found: list[Change] = []
        for change in changes[first : first + SCAN]:
            if change.record.key.startswith(prefix):
                found.append(change)
                if len(found) == BATCH:
                    return found, change.record.revision
        last = first + SCAN
        reached = self.revision if last >= len(changes) else changes[last - 1].record.revision
        return found, max(reached, after)

    def wake(self, changes: list[Change]) -> None:
        """Wake the cursors that one of the new changes is for, telling each the first such revision."""
        if not self._sleepers:
            return
        for change in changes:
            key = change.record.key
            for prefix in [prefix for prefix in self._sleepers if key.startswith(prefix)]:
                for sleeper in self._sleepers.pop(prefix):
                    sleeper.wake(change.record.revision)

    def wake_all(self) -> None:
        """Wake every cursor, whatever it waits for."""
        for sleepers in self._sleepers.values():
            for sleeper in sleepers:
                sleeper.wake(self.revision + 1)
        self._sleepers.clear()

    def lie_down(self, prefix: str) -> _Sleeper:
        """Register for the next change below the prefix."""
        sleeper = _Sleeper(asyncio.get_running_loop().create_future())
        self._sleepers.setdefault(prefix, set()).add(sleeper)
        return sleeper

    def get_up(self, prefix: str, sleeper: _Sleeper) -> int:
        """Take the registration back; every revision below the returned one has no change for the prefix."""
        if not sleeper.reached:
            sleeper.wake(self.revision + 1)
            sleepers = self._sleepers[prefix]
            sleepers.discard(sleeper)
            if not sleepers:
                del self._sleepers[prefix]
        return sleeper.reached


class Cursor:
    """Reads the changes below a prefix in order, each exactly once. Made by `Log.watch`, used by one task."""

    def __init__(self, source: Source, window: Window, prefix: str, after_revision: int) -> None:
        self._source = source
        self._window = window
        self._prefix = prefix
        self._position = after_revision
        self._asleep = False

    @property
    def revision(self) -> int:
        """Every change up to and including this revision has been returned: what a bookmark may say."""
        if self._asleep:
            return max(self._position, self._source.revision)
        return self._position

    async def next(self, timeout: float | None = None) -> list[Change]:  # noqa: ASYNC109 - an empty list, no error
        """The next changes, at least one; nothing when there was none for `timeout` seconds.

        Cancelling loses no change. Raises `TooOld` when compaction has overtaken this cursor, `Closed` when
        the log is closed.
        """
        while True:
            changes = self._read()
            if changes:
                return changes
            if self._position < self._source.revision:
                await asyncio.sleep(0)
                continue
            if await self._sleep(timeout):
                return []

    def _read(self) -> list[Change]:
        if self._source.closed:
            raise Closed
        if self._position < self._source.floor:
            raise TooOld(self._position, self._source.floor)
        if self._position >= self._window.start:
            changes, self._position = self._window.read(self._prefix, self._position)
            return changes
        upto = min(self._position + SCAN, self._window.start)
        changes, self._position = self._source.stored_changes(self._prefix, self._position, upto, BATCH)
        return changes

    async def _sleep(self, timeout: float | None) -> bool:  # noqa: ASYNC109 - as above
        """Sleep until there may be something to read; True when the time was up."""
        sleeper = self._window.lie_down(self._prefix)
        timer = None
        if timeout is not None:
            timer = asyncio.get_running_loop().call_later(timeout, self._window.get_up, self._prefix, sleeper)
        self._asleep = True
        try:
            await sleeper.future
        finally:
            self._asleep = False
            if timer is not None:
                timer.cancel()
            # also when cancelled: nothing for this cursor came in while it slept, so it is not behind
            reached = self._window.get_up(self._prefix, sleeper)
            self._position = max(self._position, reached - 1)
        return reached > self._source.revision and not self._source.closed
