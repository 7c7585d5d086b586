"""What the log hands out, as values: records, changes, pages and the ways it says no; no storage, no waiting.

Values are the JSON bytes of one API object each. Decoding is lazy and remembered, because most objects are
written once, streamed as bytes, and looked into only when a selector or a patch asks.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import msgspec

DECODED_BYTES = 32 * 1024 * 1024
"""How much JSON may be held decoded at one time, over all records; decoded it takes about twice as much."""


class _Decoded:
    """The records that hold a decoded object, oldest first, which gives it up when there are too many."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._records: deque[Record] = deque()

    def remember(self, record: Record) -> None:
        self._records.append(record)
        self._size += len(record.value)
        while self._size > self._limit and len(self._records) > 1:
            oldest = self._records.popleft()
            self._size -= len(oldest.value)
            oldest._object = None


_decoded = _Decoded(DECODED_BYTES)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Record(msgspec.Struct, gc=False, eq=False):
    """One object at one revision.

    `key` is `group/plural/namespace/name`, `revision` the revision that wrote it (its resourceVersion),
    `value` its JSON. Treat all of it as immutable, `object` too: every reader shares the same one.
    """

    key: str
    revision: int
    value: bytes
    _object: dict[str, Any] | None = None

    @property
    def object(self) -> dict[str, Any]:
        """The decoded value, shared by all readers: copy before you change anything."""
        found = self._object
        if found is None:
            found = self._object = _decode(self.value)
            _decoded.remember(self)
        return found

    def __repr__(self) -> str:
        return f"Record({self.key!r}, {self.revision}, {len(self.value)} bytes)"


class Change(msgspec.Struct, gc=False, eq=False):
    """One write as a watcher sees it.

    `record` is the object as written; for a deletion, its last state with the deletion's revision inside.
    `before` is the live record the write replaced, None for a creation.
    """

    record: Record
    before: Record | None
    deleted: bool

    @property
    def revision(self) -> int:
        """The revision this write was given."""
        return self.record.revision

    @property
    def key(self) -> str:
        """The key that was written."""
        return self.record.key

    @property
    def value(self) -> bytes:
        """The JSON as written."""
        return self.record.value

    @property
    def previous(self) -> bytes | None:
        """The JSON that was replaced, None for a creation."""
        return None if self.before is None else self.before.value


class Page(msgspec.Struct, frozen=True):
    """Part of a list: `records` in key order and the `revision` they are consistent at.

    `remaining` is how many follow, and 0 only when none do; at an older revision it is an estimate.
    """

    records: list[Record]
    revision: int
    remaining: int


class LogError(Exception):
    """What every refusal of the log has in common."""


class Conflict(LogError):  # noqa: N818 - named after the answer it becomes
    """The key is not at the expected revision; `actual` is where it is, 0 when there is no live object."""

    def __init__(self, key: str, expected: int, actual: int) -> None:
        super().__init__(f"{key} is at revision {actual}, not {expected}")
        self.key = key
        self.expected = expected
        self.actual = actual


class TooOld(LogError):  # noqa: N818 - as above
    """The revision asked for is below the compaction floor: HTTP 410, list again."""

    def __init__(self, revision: int, floor: int) -> None:
        super().__init__(f"too old resource version: {revision} ({floor})")
        self.revision = revision
        self.floor = floor


class TooNew(LogError):  # noqa: N818 - as above
    """The revision asked for has not been written yet."""

    def __init__(self, revision: int, current: int) -> None:
        super().__init__(f"too large resource version: {revision}, current: {current}")
        self.revision = revision
        self.current = current


class WriteFailed(LogError):  # noqa: N818 - as above
    """The write could not be made durable and did not happen; try again when the cause is gone."""


class Closed(LogError):  # noqa: N818 - as above
    """The log has been closed."""

    def __init__(self) -> None:
        super().__init__("the log is closed")
