"""A clock that tests can move ahead. It wakes nobody: whoever waits by it has to be told to look again."""

import time
from datetime import UTC, datetime, timedelta


class Clock:
    """Time that passes as usual, and jumps when told to. It never goes back.

    `start` is an aware time, the present by default.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._start = (start or datetime.now(UTC)).astimezone(UTC)
        self._origin = time.monotonic()
        self._jumped = 0.0

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return self._start + timedelta(seconds=self.seconds() - self._origin)

    def seconds(self) -> float:
        """The same time in seconds on a scale of its own, for queues."""
        return time.monotonic() + self._jumped

    def jump(self, by: timedelta) -> None:
        """Move ahead. Raises ValueError for a negative `by`."""
        if by < timedelta(0):
            raise ValueError("time does not go back")
        self._jumped += by.total_seconds()
