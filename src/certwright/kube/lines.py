"""Splitting a stream of byte chunks into lines of any length. It does not decode them."""

from typing import Final

MAX_LINE: Final = 64 * 1024 * 1024
"""Bytes. etcd stores objects of at most about 1.5 MB, so a longer line is no watch event."""


class LineTooLong(ValueError):  # noqa: N818 - the name is the message
    """A line exceeds what any object can need."""


class LineSplitter:
    """Collects chunks and gives out complete lines, without their newline; empty lines are dropped."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take in a chunk and return the lines it completes. Raises LineTooLong."""
        if b"\n" not in chunk:
            self._hold(chunk)
            return []
        head, *lines = chunk.split(b"\n")
        rest = lines.pop()
        self._hold(head)
        first = b"".join(self._parts)
        self._parts, self._held = [], 0
        self._hold(rest)
        return [line for line in (first, *lines) if line and not line.isspace()]

    @property
    def pending(self) -> int:
        """How many bytes of an incomplete line are held."""
        return self._held

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._limit:
            raise LineTooLong(f"a line of more than {self._limit} bytes")
        if part:
            self._parts.append(part)
