"""Makes batches of writes durable, one after the other, off the event loop; it decides nothing about them.

Group commit falls out of taking everything that is waiting each time: while one batch is being synced to disk
the next one gathers.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Protocol

import apsw

from certwright.apiserver.journal import Journal, Row

MOST_ROWS = 1024
"""Batches are joined up to about this many rows in one transaction."""


class Write:
    """One write on its way to the disk."""

    __slots__ = ("future", "row", "waiters")

    def __init__(self, row: Row, future: asyncio.Future[int]) -> None:
        self.row = row
        self.future = future
        self.waiters: list[asyncio.Future[None]] = []


Batch = list[Write]
Done = Callable[[Batch, BaseException | None], None]


class Committer(Protocol):
    """What the log needs: batches in order, and single steps between them."""

    def submit(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Commit the batch; `done(batch, error)` is called on the loop, in the order of submission."""

    async def run(self, step: Callable[[], None]) -> None:
        """Run a step that needs the database, between two batches. Raises what the step raises."""

    def close(self) -> None:
        """Finish what was submitted and stop."""


class InlineCommitter(Committer):
    """Commits on the event loop itself: for databases in memory, where there is no disk to wait for."""

    def __init__(self, journal: Journal, done: Done) -> None:
        self._journal = journal
        self._done = done

    def submit(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Commit now; `done` is called before this returns."""
        self._done(batch, _attempt(self._journal, batch))

    async def run(self, step: Callable[[], None]) -> None:
        """Run the step now."""
        step()

    def close(self) -> None:
        """Nothing is left to finish."""


SWITCH_INTERVAL = 0.0005
"""Seconds after which the interpreter is taken from a busy event loop.

A loop that is never idle but lets go of the interpreter for an instant in every turn can starve a waiting
thread at the default of 5 ms: a commit then took up to 12 s, measured. At this value it takes a few turns of
the loop.
"""


class _Step:
    __slots__ = ("call", "future", "loop")

    def __init__(self, call: Callable[[], None], loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.call = call
        self.loop = loop
        self.future: asyncio.Future[None] | None = loop.create_future() if loop else None

    def run(self) -> None:
        try:
            self.call()
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever awaits the step; the thread lives on
            self._report(error)
        else:
            self._report(None)

    def _report(self, error: BaseException | None) -> None:
        if self.loop is not None and self.future is not None:
            _call(self.loop, _settle, self.future, error)


class ThreadCommitter(Committer):
    """Commits in one thread of its own: the event loop goes on while the disk syncs."""

    def __init__(self, journal: Journal, done: Done) -> None:
        self._journal = journal
        self._done = done
        self._running = True
        sys.setswitchinterval(min(sys.getswitchinterval(), SWITCH_INTERVAL))
        self._queue: SimpleQueue[tuple[Batch, asyncio.AbstractEventLoop] | _Step] = SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="log-writer", daemon=True)
        self._thread.start()

    def submit(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> None:
        """Hand the batch to the thread."""
        self._queue.put((batch, loop))

    async def run(self, step: Callable[[], None]) -> None:
        """Wait for the thread to run the step."""
        job = _Step(step, asyncio.get_running_loop())
        self._queue.put(job)
        if job.future is not None:
            await job.future

    def close(self) -> None:
        """Let the thread finish what it was given, and end it."""
        self._queue.put(_Step(self._stop))
        self._thread.join()

    def _stop(self) -> None:
        self._running = False

    def _work(self) -> None:
        step: _Step | None = None
        while self._running:
            job = step or self._queue.get()
            step = None
            if isinstance(job, _Step):
                job.run()
            else:
                step = self._commit(*job)

    def _commit(self, batch: Batch, loop: asyncio.AbstractEventLoop) -> _Step | None:
        step = None
        while len(batch) < MOST_ROWS and not self._queue.empty():
            job = self._queue.get()
            if isinstance(job, _Step):
                step = job
                break
            batch.extend(job[0])
        _call(loop, self._done, batch, _attempt(self._journal, batch))
        return step


def _attempt(journal: Journal, batch: Batch) -> BaseException | None:
    try:
        journal.append([write.row for write in batch])
    except BaseException as error:  # noqa: BLE001 - whatever it is, the writers must hear of it and not wait for ever
        return None if _happened(journal, batch) else error
    return None


def _happened(journal: Journal, batch: Batch) -> bool:
    """Whether a commit that reported an error took place all the same."""
    try:
        journal.roll_back()
        return journal.holds(batch[0].row[0])
    except apsw.Error:
        return False


def _settle(future: asyncio.Future[None], error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: object) -> None:
    # a closed loop means the process is on its way out: nobody waits for the answer
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)
