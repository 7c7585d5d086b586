"""A bounded cache of what was parsed from some bytes, keyed by their SHA-256; not a cache of the bytes
themselves.

Parsing is pure, and the same Secret or request is looked at many times per reconcile. Keys are digests so
that the cache of a parse that yields nothing secret does not keep private keys in memory.
"""

from collections.abc import Callable
from hashlib import sha256
from typing import Generic, TypeVar

T = TypeVar("T")


class Memo(Generic[T]):
    """Calls `parse` at most once per content while the result is among the `size` most recently used.

    `parse` takes one or more byte strings. Failures are not remembered. Safe to use from several threads:
    the worst case is parsing twice.
    """

    __slots__ = ("_parse", "_results", "_size")

    def __init__(self, parse: Callable[..., T], size: int) -> None:
        self._parse = parse
        self._size = size
        self._results: dict[bytes, T] = {}

    def __call__(self, *contents: bytes) -> T:
        """What `parse` makes of these bytes, or made of them before; raises what it raises."""
        digest = b"".join([sha256(content).digest() for content in contents])
        results = self._results
        # Dict order is order of use: what is used is taken out and put back.
        found = results.pop(digest, None)
        if found is None:
            found = self._parse(*contents)
        results[digest] = found
        if len(results) > self._size:
            # An eighth at a time, so that copying the digests (atomic, unlike iterating) costs little.
            for oldest in list(results)[: len(results) - self._size * 7 // 8]:
                results.pop(oldest, None)
        return found

    def __len__(self) -> int:
        return len(self._results)

    def clear(self) -> None:
        """Forget everything."""
        self._results.clear()
