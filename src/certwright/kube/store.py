"""The cache of one kind of object, with indexes. It does no I/O: a watcher and our own writes feed it.

Invariants: an object never goes back to an older resourceVersion, and a deleted one (by uid) never comes
back, whatever order watch events and the answers to our own writes arrive in. Subscribers hear of real
changes only.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar

from certwright.kube.packing import Packing

log = logging.getLogger(__name__)

Key = tuple[str, str]
"""Namespace (empty for cluster-scoped objects) and name."""


class Metadata(Protocol):
    """What a store needs to know of an object's metadata."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def namespace(self) -> str | None: ...  # noqa: D102
    @property
    def uid(self) -> str: ...  # noqa: D102
    @property
    def resource_version(self) -> str: ...  # noqa: D102


class HasMetadata(Protocol):
    """Anything that can be stored; it need not be an API struct."""

    @property
    def metadata(self) -> Metadata: ...  # noqa: D102


T = TypeVar("T", bound=HasMetadata)
Subscriber = Callable[[T | None, T | None], None]

_TOMBSTONES = 4096
"""How many deleted uids are remembered: an event is late by seconds, not by thousands of deletions."""


def key_of(obj: HasMetadata) -> Key:
    """The key an object is stored under."""
    return (obj.metadata.namespace or "", obj.metadata.name)


def version_of(obj: HasMetadata) -> int | None:
    """The resourceVersion as a number; None where it is not one (then the order of arrival counts)."""
    return parse_version(obj.metadata.resource_version)


def parse_version(text: str) -> int | None:
    """A resourceVersion as a number, None when it is absent or not a decimal number."""
    return int(text) if text.isdecimal() else None


class Store(Generic[T]):
    """Objects of one kind by namespace and name.

    `indexers` maps an index's name to a pure function that gives the values an object is found under.
    `synced` is set by `reflect` after the first complete list. With `packing`, objects are kept packed and
    made anew whenever they are asked for.
    """

    def __init__(
        self,
        indexers: Mapping[str, Callable[[T], Iterable[str]]] | None = None,
        packing: Packing[T] | None = None,
    ) -> None:
        self.synced = asyncio.Event()
        self.packing = packing
        self._objects: dict[Key, Any] = {}
        self._pack: Callable[[T], Any] = packing.pack if packing else _as_it_is
        self._unpack: Callable[[Any], T] = packing.unpack if packing else _as_it_is
        self._indexers = dict(indexers or {})
        self._indexes: dict[str, dict[str, Key | dict[Key, None]]] = {name: {} for name in self._indexers}
        self._tombstones: dict[str, float] = {}
        self._subscribers: list[Subscriber[T]] = []

    def get(self, namespace: str | None, name: str) -> T | None:
        """The object, or None; the namespace of a cluster-scoped object is None or empty."""
        return self._at((namespace or "", name))

    def by_index(self, index: str, value: str) -> list[T]:
        """The objects found under `value`, in order of arrival. Raises KeyError for an unknown index."""
        keys = self._indexes[index].get(value, {})
        return [self._unpack(self._objects[key]) for key in ([keys] if isinstance(keys, tuple) else keys)]

    def all(self) -> list[T]:
        """Every object, in order of arrival."""
        return list(map(self._unpack, self._objects.values()))

    def each(self) -> Iterator[T]:
        """Every object there is now, one at a time; what goes meanwhile is left out."""
        for key in tuple(self._objects):
            obj = self._at(key)
            if obj is not None:
                yield obj

    def __len__(self) -> int:
        """How many objects are stored."""
        return len(self._objects)

    def put(self, obj: T) -> bool:
        """Take in an object from a watch event or from the response to our own write.

        Ignored, with False, when the object is not newer than the stored one or is known to be deleted.
        """
        if self._is_buried(obj):
            return False
        key = key_of(obj)
        old = self._at(key)
        if old is None:
            self._set(key, None, obj)
            return True
        if not _is_newer(obj, old):
            return False
        if _same_identity(obj, old):
            self._set(key, old, obj)
        else:
            self._delete(key, old)
            self._set(key, None, obj)
        return True

    def swap(self, obj: T) -> None:
        """Keep another form of an object: one with less in it, say, but of the version that is stored."""
        key = key_of(obj)
        old = self._at(key)
        if old is not None and old.metadata.resource_version == obj.metadata.resource_version:
            self._objects[key] = self._pack(obj)

    def remove(self, obj: T) -> bool:
        """Take note that we deleted `obj` and it is gone: no later event brings its uid back.

        Returns False when it was not stored. A namesake that was created later stays.
        """
        self._bury(obj, math.inf)
        key = key_of(obj)
        old = self._at(key)
        if old is None or (old is not obj and not _same_identity(obj, old) and not _is_newer(obj, old)):
            return False
        self._delete(key, old)
        return True

    def discard(self, obj: T) -> bool:
        """Take in the DELETED event of a watch: as of its version, `obj` is gone or is watched no more.

        Returns False when it was not stored. What is newer stays: a namesake, or the object come back.
        """
        self._bury(obj, version_of(obj))
        key = key_of(obj)
        old = self._at(key)
        if old is None or _outlives(old, obj):
            return False
        self._delete(key, old)
        return True

    def replace(self, objects: Iterable[T], resource_version: str = "", keep: Collection[Key] = ()) -> None:
        """Make the content that of a complete list: put what is in it, remove what is not.

        `resource_version` is the list's; a stored object newer than that (our own write, made after the list
        was taken) stays. `keep` names objects that exist but could not be read.
        """
        listed: set[Key] = set(keep)
        for obj in objects:
            listed.add(key_of(obj))
            self.put(obj)
        at = parse_version(resource_version)
        for key in [key for key in self._objects if key not in listed]:
            old = self._unpack(self._objects[key])
            version = version_of(old)
            if at is None or version is None or version <= at:
                self._bury(old, at)
                self._delete(key, old)

    def reset(self) -> None:
        """Forget everything, tombstones too: the server's history was rewound (restored from a backup)."""
        self._tombstones.clear()
        for key, stored in list(self._objects.items()):
            self._delete(key, self._unpack(stored))

    def subscribe(self, callback: Subscriber[T]) -> Callable[[], None]:
        """Call `callback(old, new)` on every real change: old is None on arrival, new is None on removal.

        It is called synchronously, after the store has changed. What it raises is logged and reaches neither
        the writer nor other subscribers. Returns a function that ends the subscription.
        """
        self._subscribers.append(callback)
        return lambda: self._subscribers.remove(callback)

    def _at(self, key: Key) -> T | None:
        stored = self._objects.get(key)
        return None if stored is None else self._unpack(stored)

    def _set(self, key: Key, old: T | None, new: T) -> None:
        before = self._index_values(old) if old is not None else {}
        self._objects[key] = self._pack(new)
        self._reindex(key, before, self._index_values(new))
        self._notify(old, new)

    def _delete(self, key: Key, old: T) -> None:
        del self._objects[key]
        self._reindex(key, self._index_values(old), {})
        self._notify(old, None)

    def _bury(self, obj: T, version: float | None) -> None:
        """Refuse what is not newer than `version` of this uid from now on."""
        uid = obj.metadata.uid
        if not uid or version is None:
            return
        self._tombstones[uid] = max(version, self._tombstones.pop(uid, 0))
        if len(self._tombstones) > _TOMBSTONES:
            del self._tombstones[next(iter(self._tombstones))]

    def _is_buried(self, obj: T) -> bool:
        buried = self._tombstones.get(obj.metadata.uid)
        if buried is None:
            return False
        version = version_of(obj)
        return buried == math.inf if version is None else version <= buried

    def _index_values(self, obj: T) -> dict[str, set[str]]:
        values: dict[str, set[str]] = {}
        for name, indexer in self._indexers.items():
            try:
                values[name] = set(indexer(obj))
            except Exception:
                log.exception("index %s failed for %s", name, "/".join(key_of(obj)))
        return values

    def _reindex(self, key: Key, before: dict[str, set[str]], after: dict[str, set[str]]) -> None:
        for name, index in self._indexes.items():
            old, new = before.get(name, set()), after.get(name, set())
            for value in old - new:
                _drop(index, value, key)
            for value in new - old:
                _note(index, value, key)

    def _notify(self, old: T | None, new: T | None) -> None:
        for callback in tuple(self._subscribers):
            try:
                callback(old, new)
            except Exception:
                log.exception("a subscriber failed")


def _as_it_is(obj: Any) -> Any:
    return obj


def _note(index: dict[str, Key | dict[Key, None]], value: str, key: Key) -> None:
    """Find `key` under `value`; most values have one key, which takes no dict of its own."""
    keys = index.get(value)
    if keys is None:
        index[value] = key
    elif isinstance(keys, dict):
        keys[key] = None
    elif keys != key:
        index[value] = {keys: None, key: None}


def _drop(index: dict[str, Key | dict[Key, None]], value: str, key: Key) -> None:
    keys = index[value]
    if isinstance(keys, dict):
        keys.pop(key, None)
        if len(keys) > 1:
            return
        if keys:
            index[value] = next(iter(keys))
            return
    elif keys != key:
        return
    del index[value]


def _same_identity(a: HasMetadata, b: HasMetadata) -> bool:
    return not a.metadata.uid or not b.metadata.uid or a.metadata.uid == b.metadata.uid


def _outlives(stored: HasMetadata, deleted: HasMetadata) -> bool:
    """Whether what is stored came after the deletion that an event tells of."""
    version, at = version_of(stored), version_of(deleted)
    if version is None or at is None:
        return not _same_identity(stored, deleted)
    return version > at


def _is_newer(obj: HasMetadata, stored: HasMetadata) -> bool:
    if obj.metadata.resource_version == stored.metadata.resource_version:
        return not obj.metadata.resource_version and obj != stored
    new, old = version_of(obj), version_of(stored)
    return new is None or old is None or new > old
