"""The garbage collector: objects whose owners are gone go too, in background or foreground, or are orphaned.

It follows upstream's collector (k8s.io/kubernetes, pkg/controller/garbagecollector) in what it decides. It is
level-triggered: every decision is made from the index of what there is now, guarded by uid and revision, and
can be made again. What deleting an object or leaving out a finalizer amounts to is the `Deleter`'s business.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from enum import Enum
from typing import Any, Literal, Protocol

from certwright.apiserver.log import Closed, Conflict, Cursor, Log, TooOld
from certwright.apiserver.ownership import (
    FOREGROUND,
    ORPHAN,
    Graph,
    Node,
    Reference,
    node_of,
    references_without,
)

Propagation = Literal["Background", "Foreground", "Orphan"]

WORKERS = 32
"""How many objects are worked on at once: enough to share disk syncs."""
FIRST_DELAY = 0.005
LONGEST_DELAY = 30.0
"""Seconds to wait before an object is tried again, doubling from one to the other."""

_log = logging.getLogger(__name__)


class Deleter(Protocol):
    """What the collector needs from the API server. `key` and `revision` are the log's.

    Both writing methods raise `Conflict` when the object is gone or no longer at that revision; whatever else
    they raise is logged, and the object tried again later.
    """

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of a kind live in namespaces; None when the kind is not served."""

    async def delete(self, key: str, uid: str, revision: int, propagation: Propagation) -> None:
        """Do what an API DELETE with these preconditions and this propagationPolicy does."""

    async def patch_metadata(self, key: str, revision: int, fields: dict[str, list[Any]]) -> None:
        """Replace `ownerReferences` or `finalizers`; an object being deleted goes with its last finalizer."""


class _Bond(Enum):
    """What one owner reference means for its dependent."""

    SOLID = "the owner is there"
    DANGLING = "there is no such owner"
    WAITING = "the owner is waiting for its dependents to go"
    IMPOSSIBLE = "a namespaced owner of a cluster-scoped object"
    UNKNOWN = "the owner's kind is not served"


class GarbageCollector:
    """Runs over a log until cancelled or the log is closed: `await collector.run()`."""

    def __init__(self, log: Log, deleter: Deleter) -> None:
        self._source = log
        self._deleter = deleter
        self._graph = Graph()
        self._queue = _Queue()
        self._unknown: set[str] = set()
        self._seen = -1

    async def run(self) -> None:
        """Collect garbage; returns when the log is closed."""
        async with asyncio.TaskGroup() as group:
            workers = [group.create_task(self._work()) for _ in range(WORKERS)]
            try:
                await self._follow()
            finally:
                for worker in workers:
                    worker.cancel()
                self._queue.stop()

    def kinds_changed(self) -> None:
        """Look at objects with owners of unknown kinds again: to be called when kinds begin to be served."""
        for uid in self._unknown:
            self._queue.add(uid)
        self._unknown.clear()

    async def settled(self) -> None:
        """Wait until everything written so far has been looked at and there is nothing to do or to retry."""
        while self._seen < self._source.revision or self._queue.busy:
            await self._queue.progress()

    async def _follow(self) -> None:
        while True:
            try:
                cursor = self._start()
                while True:
                    for change in await cursor.next():
                        for uid in self._graph.apply(change):
                            self._queue.add(uid)
                    self._caught_up(cursor.revision)
            except TooOld:
                continue  # overtaken by compaction: begin again from what there is
            except Closed:
                return

    def _start(self) -> Cursor:
        page = self._source.range("")
        self._graph = Graph()
        nodes = [node for node in map(node_of, page.records) if node is not None]
        for node in nodes:
            self._graph.put(node)
        for node in nodes:
            # every object that anything may have to be done about; the rest only matters to these
            if node.references or node.waiting or node.orphaning:
                self._queue.add(node.uid)
        self._caught_up(page.revision)
        return self._source.watch("", page.revision)

    def _caught_up(self, revision: int) -> None:
        self._seen = revision
        self._queue.note_progress()

    async def _work(self) -> None:
        while True:
            uid = await self._queue.get()
            try:
                await self._look_at(uid)
            except Conflict:
                self._queue.done(uid, failed=True)
            except Closed:
                return
            except Exception as error:  # noqa: BLE001 - one object that cannot be collected must not stop the others
                node = self._graph.nodes.get(uid)
                _log.warning("cannot collect %s, will try again: %s", node.key if node else uid, error)
                self._queue.done(uid, failed=True)
            else:
                self._queue.done(uid, failed=False)

    async def _look_at(self, uid: str) -> None:
        node = self._graph.nodes.get(uid)
        if node is None:
            return
        if await self._forget_orphaning_owners(node):
            return
        if node.orphaning:
            if not self._graph.has_dependents(uid):
                await self._drop_finalizer(node, ORPHAN)
        elif node.waiting:
            if not self._graph.is_blocked(uid):
                await self._drop_finalizer(node, FOREGROUND)
        elif node.references and not node.deleting:
            await self._collect(node)

    async def _forget_orphaning_owners(self, node: Node) -> bool:
        owners = {ref.uid for ref in node.references if self._graph.is_orphaning(ref.uid)}
        if owners:
            await self._drop_references(node, owners)
        return bool(owners)

    async def _collect(self, node: Node) -> None:
        bonds: dict[_Bond, set[str]] = {}
        for reference in node.references:
            bonds.setdefault(self._bond(reference, node), set()).add(reference.uid)
        if _Bond.UNKNOWN in bonds:
            self._unknown.add(node.uid)
            return
        if _Bond.IMPOSSIBLE in bonds:
            return
        useless = bonds.get(_Bond.DANGLING, set()) | bonds.get(_Bond.WAITING, set())
        if _Bond.SOLID in bonds:
            if useless:
                await self._drop_references(node, useless - bonds[_Bond.SOLID])
        elif _Bond.WAITING in bonds and self._graph.has_dependents(node.uid):
            await self._delete_in_turn(node)
        else:
            await self._deleter.delete(node.key, node.uid, node.revision, _propagation(node))

    async def _delete_in_turn(self, node: Node) -> None:
        """Pass a foreground deletion on to the node's own dependents."""
        dependents = map(self._graph.nodes.get, self._graph.dependents(node.uid))
        if any(ref.block_owner_deletion for ref in node.references) and any(
            dep and dep.waiting for dep in dependents
        ):
            # perhaps a circle, in which everyone would wait for everyone: this one waits no longer
            references = [
                {**ref, "blockOwnerDeletion": False} for ref in references_without(self._object(node), set())
            ]
            await self._deleter.patch_metadata(node.key, node.revision, {"ownerReferences": references})
        else:
            await self._deleter.delete(node.key, node.uid, node.revision, "Foreground")

    def _bond(self, reference: Reference, node: Node) -> _Bond:
        namespaced = self._deleter.namespaced(reference.api_version, reference.kind)
        if namespaced and not node.namespace:
            return _Bond.IMPOSSIBLE
        if reference.uid in self._graph.gone:
            return _Bond.DANGLING
        if namespaced is None:
            return _Bond.UNKNOWN
        owner = self._graph.nodes.get(reference.uid)
        if (
            owner is None
            or (owner.group, owner.kind, owner.name) != (reference.group, reference.kind, reference.name)
            or (namespaced and owner.namespace != node.namespace)
        ):
            return _Bond.DANGLING
        return _Bond.WAITING if owner.waiting else _Bond.SOLID

    async def _drop_references(self, node: Node, uids: set[str]) -> None:
        references = references_without(self._object(node), uids)
        await self._deleter.patch_metadata(node.key, node.revision, {"ownerReferences": references})

    async def _drop_finalizer(self, node: Node, finalizer: str) -> None:
        finalizers = [name for name in node.finalizers if name != finalizer]
        await self._deleter.patch_metadata(node.key, node.revision, {"finalizers": finalizers})

    def _object(self, node: Node) -> dict[str, Any]:
        record = self._source.get(node.key)
        if record is None or record.revision != node.revision:
            raise Conflict(node.key, node.revision, 0 if record is None else record.revision)
        return record.object


def _propagation(node: Node) -> Propagation:
    if ORPHAN in node.finalizers:
        return "Orphan"
    return "Foreground" if FOREGROUND in node.finalizers else "Background"


class _Queue:
    """What to look at: each uid once, never in two hands at a time, with a growing delay after failures."""

    def __init__(self) -> None:
        self._ready: deque[str] = deque()
        self._wanted: set[str] = set()
        self._held: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._takers: deque[asyncio.Future[None]] = deque()
        self._watchers: list[asyncio.Future[None]] = []

    @property
    def busy(self) -> bool:
        """Whether anything is waiting, being worked on or to be tried again."""
        return bool(self._wanted or self._held or self._timers)

    def add(self, uid: str) -> None:
        if uid in self._wanted:
            return
        self._wanted.add(uid)
        if uid not in self._held:
            self._push(uid)

    def _push(self, uid: str) -> None:
        self._ready.append(uid)
        while self._takers:
            taker = self._takers.popleft()
            if not taker.done():
                taker.set_result(None)
                return

    async def get(self) -> str:
        while not self._ready:
            taker: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._takers.append(taker)
            await taker
        uid = self._ready.popleft()
        self._wanted.discard(uid)
        self._held.add(uid)
        return uid

    def done(self, uid: str, *, failed: bool) -> None:
        self._held.discard(uid)
        if not failed:
            self._failures.pop(uid, None)
        elif uid not in self._timers:
            tries = self._failures[uid] = self._failures.get(uid, 0) + 1
            delay = min(FIRST_DELAY * 2 ** min(tries - 1, 20), LONGEST_DELAY)
            self._timers[uid] = asyncio.get_running_loop().call_later(delay, self._retry, uid)
        if uid in self._wanted:
            self._push(uid)
        self.note_progress()

    def _retry(self, uid: str) -> None:
        del self._timers[uid]
        self.add(uid)

    def stop(self) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    async def progress(self) -> None:
        watcher: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._watchers.append(watcher)
        await watcher

    def note_progress(self) -> None:
        watchers, self._watchers = self._watchers, []
        for watcher in watchers:
            if not watcher.done():
                watcher.set_result(None)
