"""Decides when the log forgets history, as a task of the server; what may be dropped is the log's rule."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta

from certwright.apiserver.log import Closed, Log, WriteFailed

KEEP_TIME = timedelta(minutes=5)
KEEP_REVISIONS = 10_000
INTERVAL = timedelta(minutes=1)

_logger = logging.getLogger(__name__)


class Compactor:
    """Keeps the history of the last `keep_time`, and in any case the last `keep_revisions` revisions.

    So a list can be paged, and a watch resumed, for that long; on a quiet server for much longer.
    """

    def __init__(
        self,
        log: Log,
        clock: Callable[[], datetime],
        keep_time: timedelta = KEEP_TIME,
        keep_revisions: int = KEEP_REVISIONS,
    ) -> None:
        self._source = log
        self._clock = clock
        self._keep_time = keep_time
        self._keep_revisions = keep_revisions
        self._samples: deque[tuple[datetime, int]] = deque()
        """When which revision was the newest, oldest first."""

    async def step(self) -> int:
        """Note the time, and compact what has become old enough; returns the floor."""
        now, newest = self._clock(), self._source.revision
        self._samples.append((now, newest))
        old = 0
        while self._samples and self._samples[0][0] <= now - self._keep_time:
            old = self._samples.popleft()[1]
        floor = min(old, newest - self._keep_revisions)
        if floor > self._source.floor:
            await self._source.compact(floor)
        return self._source.floor

    async def run(self, interval: timedelta = INTERVAL) -> None:
        """Step for ever; returns when the log is closed. A full disk is logged and tried again."""
        while True:
            try:
                await self.step()
            except WriteFailed as error:
                _logger.warning("%s; history is kept until there is room", error)
            except Closed:
                return
            await asyncio.sleep(interval.total_seconds())
