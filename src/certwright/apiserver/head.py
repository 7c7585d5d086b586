"""The live objects in memory, sorted by key: gets and lists are answered from it; no history, no storage."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator

from certwright.apiserver.record import Record

_BLOCK = 512


def after_prefix(prefix: str) -> str | None:
    """The smallest string greater than every string that starts with `prefix`; None when there is no end."""
    return prefix[:-1] + chr(ord(prefix[-1]) + 1) if prefix else None


class SortedKeys:
    """A sorted set of strings in blocks, so that an insertion among 100,000 moves a few hundred pointers."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        ordered = sorted(keys)
        self._blocks = [ordered[i : i + _BLOCK] for i in range(0, len(ordered), _BLOCK)]
        self._lasts = [block[-1] for block in self._blocks]

    def add(self, key: str) -> None:
        """Insert a key that is not there yet."""
        if not self._blocks:
            self._blocks.append([key])
            self._lasts.append(key)
            return
        at = min(bisect_left(self._lasts, key), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, key)
        if len(block) > 2 * _BLOCK:
            self._blocks[at : at + 1] = [block[:_BLOCK], block[_BLOCK:]]
            self._lasts[at : at + 1] = [block[_BLOCK - 1], block[-1]]
        else:
            self._lasts[at] = block[-1]

    def remove(self, key: str) -> None:
        """Take out a key that is there."""
        at = bisect_left(self._lasts, key)
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        if block:
            self._lasts[at] = block[-1]
        else:
            del self._blocks[at], self._lasts[at]

    def between(self, low: str, high: str | None, *, after: bool) -> Iterator[list[str]]:
        """The keys from `low` (beyond it when `after`) up to but not including `high`, block by block."""
        first = bisect_left(self._lasts, low)
        for at in range(first, len(self._blocks)):
            block = self._blocks[at]
            start = 0
            if at == first:
                start = bisect_right(block, low) if after else bisect_left(block, low)
            if high is not None and self._lasts[at] >= high:
                yield block[start : bisect_left(block, high)]
                return
            yield block[start:] if start else block


class Head:
    """The newest record of every live key."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = {record.key: record for record in records}
        self._keys = SortedKeys(self._records)
        self.get = self._records.get

    def __len__(self) -> int:
        return len(self._records)

    def put(self, record: Record) -> None:
        """Store a record; it replaces the one with the same key."""
        if record.key not in self._records:
            self._keys.add(record.key)
        self._records[record.key] = record

    def remove(self, key: str) -> None:
        """Forget a key that is there."""
        del self._records[key]
        self._keys.remove(key)

    def count(self, prefix: str, after_key: str) -> int:
        """How many keys start with `prefix` and are beyond `after_key`, which is one that does."""
        return sum(map(len, self._keys.between(after_key, after_prefix(prefix), after=True)))

    def range(self, prefix: str, after_key: str, limit: int) -> tuple[list[Record], int]:
        """The records below `prefix` with a key beyond `after_key`, and how many the limit left out."""
        after = after_key >= prefix and after_key != ""
        records = self._records
        found: list[Record] = []
        left = 0
        for keys in self._keys.between(after_key if after else prefix, after_prefix(prefix), after=after):
            room = len(keys) if not limit else max(limit - len(found), 0)
            found.extend([records[key] for key in keys[:room]])
            left += max(len(keys) - room, 0)
        return found, left
