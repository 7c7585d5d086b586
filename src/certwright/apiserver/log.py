"""The append-only log every object lives in: compare-and-swap writes, reads from memory, watches, compaction.

It knows keys, revisions and bytes; what an object means is the business of the layers above. The rules:

* A revision is a resourceVersion. It is handed out on the event loop when the value is made, so that the
  value can carry it, and never twice: not after a failed write, not after a crash.
* A write is acknowledged, and visible to readers and watchers, only once it is durable.
* Two writes to one key take turns: the second is judged when the first has been committed or has failed. So
  no write rests on one that may still fail, and a failed batch (disk full) takes nothing else with it.
* One process writes, on one event loop; `DataDirectory` sees to the first.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from functools import partial

from certwright.apiserver.committer import Batch, Committer, Done, InlineCommitter, ThreadCommitter, Write
from certwright.apiserver.cursor import Cursor, Window
from certwright.apiserver.head import Head
from certwright.apiserver.journal import COMPACT_STEP, MEMORY, Journal
from certwright.apiserver.record import (
    Change,
    Closed,
    Conflict,
    LogError,
    Page,
    Record,
    TooNew,
    TooOld,
    WriteFailed,
)

__all__ = [
    "MEMORY",
    "Change",
    "Closed",
    "Conflict",
    "Cursor",
    "Log",
    "LogError",
    "Page",
    "Record",
    "TooNew",
    "TooOld",
    "WriteFailed",
]


def _committer(journal: Journal, done: Done) -> Committer:
    return InlineCommitter(journal, done) if journal.in_memory else ThreadCommitter(journal, done)


class Log:
    """All objects of one server, now and as far back as the compaction floor. Use `Log.open`."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        live: list[Record] = []
        self._graves: dict[str, int] = {}
        """Tombstones by key, oldest first: the revision a re-created key has to follow in the journal."""
        for record, gone in journal.newest():
            if gone:
                self._graves[record.key] = record.revision
            else:
                live.append(record)
        self._head = Head(live)
        self._assigned, self._floor = journal.bounds()
        self._compacted = self._floor
        self._window = Window(self._assigned)
        self._in_flight: dict[str, Write] = {}
        self._pending: Batch = []
        self._compacting = asyncio.Lock()
        self._closed = False
        self._committer: Committer = _committer(journal, self._finish)

    @classmethod
    def open(cls, path: str | os.PathLike[str] = MEMORY) -> Log:
        """Open the log at `path`, or a new one that lives in memory only.

        Raises `DataDirectoryError` when the file is damaged, foreign, of a newer format or not writable.
        """
        journal = Journal.open(path)
        try:
            return cls(journal)
        except BaseException:
            journal.close()
            raise

    def __len__(self) -> int:
        """How many objects are live."""
        return len(self._head)

    @property
    def revision(self) -> int:
        """The newest visible revision."""
        return self._window.revision

    @property
    def floor(self) -> int:
        """The oldest revision that can still be listed at or watched from."""
        return self._floor

    @property
    def closed(self) -> bool:
        """Whether `close` has been called."""
        return self._closed

    def get(self, key: str) -> Record | None:
        """The live object at a key."""
        return self._head.get(key)

    def range(self, prefix: str, after_key: str = "", limit: int = 0, at_revision: int = 0) -> Page:
        """The live objects whose key starts with `prefix`, in key order, beginning after `after_key`.

        `limit` 0 means all; `at_revision` 0 means now, otherwise the state at that revision (for `continue`
        tokens). Raises `TooOld` below the floor, `TooNew` above the current revision.
        """
        now = self.revision
        if at_revision in (0, now):
            records, remaining = self._head.range(prefix, after_key, limit)
            return Page(records, now, remaining)
        if at_revision < self._floor:
            raise TooOld(at_revision, self._floor)
        if at_revision > now:
            raise TooNew(at_revision, now)
        if self._closed:
            raise Closed
        records = self._journal.list_at(prefix, after_key, limit + 1 if limit else 0, at_revision)
        if not limit or len(records) <= limit:
            return Page(records, at_revision, 0)
        del records[limit:]
        # counting what there was then would mean reading all of it; what there is now is near enough
        return Page(records, at_revision, max(self._head.count(prefix, records[-1].key), 1))

    async def write(self, key: str, expected: int, make: Callable[[int], bytes]) -> int:
        """Create (`expected` 0: there must be no live object) or update (`expected`: its revision) an object.

        `make(revision)` returns the JSON with that revision inside; what it raises is raised here and nothing
        is written. Returns the revision once the write is durable. Cancelling does not undo a write that has
        begun. Raises `Conflict`, or `WriteFailed` when the disk refuses.
        """
        return await self._append(key, expected, make, False)

    async def delete(self, key: str, expected: int, make_last: Callable[[int], bytes]) -> int:
        """Delete the live object, which must be at revision `expected` (greater than 0).

        `make_last(revision)` returns its last state with the deletion's revision inside: what watchers are
        told. Otherwise as `write`.
        """
        if expected <= 0:
            raise ValueError(f"delete of {key} expects no live object")
        return await self._append(key, expected, make_last, True)

    async def _append(self, key: str, expected: int, make: Callable[[int], bytes], gone: bool) -> int:
        loop = asyncio.get_running_loop()
        while (ahead := self._in_flight.get(key)) is not None:
            await _settled(ahead)
        if self._closed:
            raise Closed
        live = self._head.get(key)
        actual = 0 if live is None else live.revision
        if actual != expected:
            raise Conflict(key, expected, actual)
        revision = self._assigned + 1
        value = make(revision)
        self._assigned = revision
        write = Write((revision, key, actual or self._graves.get(key, 0), gone, value), loop.create_future())
        self._in_flight[key] = write
        if not self._pending:
            loop.call_soon(self._flush, loop)
        self._pending.append(write)
        return await write.future

    def _flush(self, loop: asyncio.AbstractEventLoop) -> None:
        # once per turn of the loop, so that what many tasks write in one turn is one batch
        batch, self._pending = self._pending, []
        self._committer.submit(batch, loop)

    def _finish(self, batch: Batch, error: BaseException | None) -> None:
        """Called on the event loop when a batch is durable, or has failed."""
        changes = [] if error is not None else [self._apply(write) for write in batch]
        for write in batch:
            del self._in_flight[write.row[1]]
            if not write.future.done():
                if error is None:
                    write.future.set_result(write.row[0])
                else:
                    write.future.set_exception(WriteFailed(f"cannot write {self._journal.path}: {error}"))
            for turn in write.waiters:
                if not turn.done():
                    turn.set_result(None)
        self._window.wake(changes)

    def _apply(self, write: Write) -> Change:
        revision, key, _, gone, value = write.row
        record = Record(key, revision, value)
        change = Change(record, self._head.get(key), gone)
        if gone:
            self._head.remove(key)
            self._graves[key] = revision
        else:
            self._head.put(record)
            self._graves.pop(key, None)
        self._window.add(change)
        return change

    def watch(self, prefix: str, after_revision: int) -> Cursor:
        """A cursor over the changes after a revision to keys that start with `prefix`.

        With the revision of a `Page` it continues where that list ends. Raises `TooOld` below the floor.
        """
        if after_revision < self._floor:
            raise TooOld(after_revision, self._floor)
        return Cursor(self, self._window, prefix, after_revision)

    def stored_changes(self, prefix: str, after: int, upto: int, limit: int) -> tuple[list[Change], int]:
        """History from the journal, for cursors: changes in `after` < revision <= `upto`."""
        return self._journal.changes(prefix, after, upto, limit)

    async def compact(self, revision: int) -> None:
        """Make `revision` the floor and drop what is only needed below it; a lower one than now does nothing.

        Writes go on meanwhile. Raises `TooNew` above the current revision, `WriteFailed` when the disk
        refuses (the floor stays; what is left is dropped next time).
        """
        if revision > self.revision:
            raise TooNew(revision, self.revision)
        if self._closed:
            raise Closed
        self._floor = max(self._floor, revision)
        async with self._compacting:
            while self._compacted < self._floor and not self._closed:
                end = min(self._compacted + COMPACT_STEP, self._floor)
                try:
                    await self._committer.run(partial(self._journal.compact, self._compacted, end))
                except Exception as error:
                    raise WriteFailed(f"cannot compact {self._journal.path}: {error}") from error
                self._compacted = end
                self._forget_graves(end)

    def _forget_graves(self, upto: int) -> None:
        # only now: until its rows are gone, a re-created key has to follow its tombstone
        for key, revision in list(self._graves.items()):
            if revision > upto:
                return
            del self._graves[key]

    async def close(self) -> None:
        """Wait for the writes that have begun, end all watches with `Closed`, close the file. Idempotent."""
        if self._closed:
            return
        self._closed = True
        self._window.wake_all()
        while self._in_flight:
            await _settled(next(iter(self._in_flight.values())))
        async with self._compacting:
            self._committer.close()
        self._journal.close()


async def _settled(write: Write) -> None:
    """Wait until a write has been committed or has failed, whatever its own caller does."""
    turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    write.waiters.append(turn)
    await turn
