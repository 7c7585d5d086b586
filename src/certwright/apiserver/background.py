"""What the server does on its own: garbage collection, emptying namespaces and kinds that go, expiry,
compaction.

Every job looks at the log and can be begun again at any time; none is needed for a request to be answered.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from certwright.apiserver.changes import Body
from certwright.apiserver.cluster import Cluster, Target
from certwright.apiserver.compactor import Compactor
from certwright.apiserver.definitions import CLEANUP
from certwright.apiserver.deletion import delete
from certwright.apiserver.garbage import GarbageCollector, Propagation
from certwright.apiserver.kinds import Kind, Object
from certwright.apiserver.log import Closed, Conflict, Record, TooOld, WriteFailed
from certwright.apiserver.namespaces import AT_START, PREFIX
from certwright.apiserver.options import DeleteOptions, WriteOptions
from certwright.apiserver.status import StatusError
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.apiserver.write_path import write

SYSTEM: Final = UserInfo("system:apiserver", (MASTERS,))
EVENT_LIFE: Final = timedelta(hours=1)
"""How long an Event is kept after it was last written."""
TICK_SECONDS: Final = 60.0
FIRST_DELAY: Final = 0.01
LONGEST_DELAY: Final = 2.0
"""Seconds between two looks at something that cannot be emptied yet, doubling from one to the other."""
_DEFINITIONS: Final = "apiextensions.k8s.io/customresourcedefinitions/"
_EVENTS: Final = "/events/"
_log = logging.getLogger(__name__)
_encode = msgspec.json.Encoder().encode


async def ensure_namespaces(cluster: Cluster) -> None:
    """Create the namespaces that have to be there, where they are not."""
    kind = cluster.kinds.of_resource("", "namespaces")
    if kind is None:
        return
    for name in AT_START:
        if cluster.log.get(PREFIX + name) is None:
            body = _encode({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
            change = Body(body, "", creates=True, names_object=False)
            await write(cluster, Target(kind), change, WriteOptions("certwright"), SYSTEM)


class Background:
    """The jobs of one server: `start`, then `stop`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._collector = GarbageCollector(cluster.log, _Deleter(cluster))
        self._tasks: set[asyncio.Task[None]] = set()
        self._emptying: set[str] = set()

    def start(self) -> None:
        """Begin all jobs on the running loop."""
        self._spawn(self._collector.run(), "garbage collector")
        self._spawn(self._follow(PREFIX, self._empty_namespace), "namespaces")
        self._spawn(self._follow(_DEFINITIONS, self._empty_kind), "definitions")
        self._spawn(self._expire(), "expiry of events")
        self._spawn(Compactor(self._cluster.log, self._cluster.clock).run(), "compaction")

    async def stop(self) -> None:
        """End all jobs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def kinds_changed(self) -> None:
        """New kinds are served: what their owners were waiting for may now be known."""
        self._collector.kinds_changed()

    async def settled(self) -> None:
        """Wait until garbage collection has nothing to do."""
        await self._collector.settled()

    def _spawn(self, job: Any, name: str) -> None:
        task = asyncio.create_task(job, name=f"apiserver {name}")
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("%s ended: %r", task.get_name(), error, exc_info=error)

    async def _follow(self, prefix: str, empty: Callable[[str], Any]) -> None:
        """Start emptying whatever below `prefix` is marked for deletion."""
        while True:
            page = self._cluster.log.range(prefix)
            for record in page.records:
                self._begin(record, empty)
            try:
                cursor = self._cluster.log.watch(prefix, page.revision)
                while True:
                    for change in await cursor.next():
                        if not change.deleted:
                            self._begin(change.record, empty)
            except TooOld:
                continue
            except Closed:
                return

    def _begin(self, record: Record, empty: Callable[[str], Any]) -> None:
        if record.key not in self._emptying and "deletionTimestamp" in record.object["metadata"]:
            self._emptying.add(record.key)
            self._spawn(self._until_gone(record.key, empty), f"emptying {record.key}")

    async def _until_gone(self, key: str, empty: Callable[[str], Any]) -> None:
        delay = FIRST_DELAY
        try:
            while self._cluster.log.get(key) is not None:
                try:
                    if await empty(key):
                        return
                except (Conflict, StatusError, WriteFailed) as error:
                    _log.debug("emptying %s: %s", key, error)
                except Closed:
                    return
                await asyncio.sleep(delay)
                delay = min(delay * 2, LONGEST_DELAY)
        finally:
            self._emptying.discard(key)

    async def _empty_namespace(self, key: str) -> bool:
        """Delete what is in a namespace; let the namespace go when it is empty. True when there is nothing
        left to do.
        """
        name = key.removeprefix(PREFIX)
        kinds = [kind for kind in self._cluster.kinds.resources() if kind.namespaced]
        for kind in kinds:
            await self._delete_all(kind, name)
        left = [kind for kind in kinds if self._cluster.log.range(kind.prefix_in(name), limit=1).records]
        record = self._cluster.log.get(key)
        if record is None or "deletionTimestamp" not in record.object["metadata"]:
            return True
        if left:
            await self._say_what_remains(record, [kind.plural for kind in left])
            return False
        obj = record.object
        kept = [name for name in (obj.get("spec") or {}).get("finalizers") or () if name != "kubernetes"]
        await _replace(self._cluster, record, {**obj, "spec": {"finalizers": kept} if kept else {}}, kept)
        return not kept

    async def _say_what_remains(self, record: Record, plurals: list[str]) -> None:
        status = record.object.get("status") or {}
        time = next((c["lastTransitionTime"] for c in status.get("conditions") or ()), None)
        condition = {
            "type": "NamespaceContentRemaining",
            "status": "True",
            "lastTransitionTime": time or self._cluster.clock().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "reason": "SomeResourcesRemain",
            "message": "Objects with finalizers remain: " + ", ".join(sorted(plurals)),
        }
        if status.get("conditions") != [condition]:
            await _replace(
                self._cluster, record, {**record.object, "status": {**status, "conditions": [condition]}}, [1]
            )

    async def _empty_kind(self, key: str) -> bool:
        """Delete the objects of a kind whose definition goes, then let the definition go."""
        record = self._cluster.log.get(key)
        if record is None:
            return True
        spec, metadata = record.object["spec"], record.object["metadata"]
        kind = self._cluster.kinds.of_resource(spec["group"], spec["names"]["plural"])
        if kind is not None:
            await self._delete_all(kind, "")
        if self._cluster.log.range(f"{spec['group']}/{spec['names']['plural']}/", limit=1).records:
            return False
        record = self._cluster.log.get(key)
        if record is None or CLEANUP not in (metadata.get("finalizers") or ()):
            return True
        metadata = {**record.object["metadata"]}
        metadata["finalizers"] = [name for name in metadata.get("finalizers") or () if name != CLEANUP]
        await _replace(self._cluster, record, {**record.object, "metadata": metadata}, metadata["finalizers"])
        return True

    async def _delete_all(self, kind: Kind, namespace: str) -> None:
        for record in self._cluster.log.range(kind.prefix_in(namespace)).records:
            target = target_of(self._cluster, record.key)
            if target is None or "deletionTimestamp" in record.object["metadata"]:
                continue
            try:
                await delete(self._cluster, target, DeleteOptions(policy="Background"), SYSTEM)
            except StatusError as error:
                _log.debug("deleting %s: %s", record.key, error)

    async def _expire(self) -> None:
        """Remember which revision was current when; drop the events last written long enough ago."""
        clock, log = self._cluster.clock, self._cluster.log
        ticks: deque[tuple[datetime, int]] = deque()
        while not log.closed:
            ticks.append((clock(), log.revision))
            while ticks[0][0] <= clock() - EVENT_LIFE:
                try:
                    await self._expire_events(ticks[0][1])
                except (WriteFailed, Conflict) as error:
                    _log.warning("cannot drop old events: %s", error)
                    break
                except Closed:
                    return
                ticks.popleft()
            await asyncio.sleep(TICK_SECONDS)

    async def _expire_events(self, revision: int) -> None:
        """Drop the events that were last written at `revision` or before."""
        for record in self._cluster.log.range(_EVENTS).records:
            if record.revision <= revision:
                await _replace(self._cluster, record, record.object, [])


async def _replace(cluster: Cluster, record: Record, obj: Object, holders: list[Any]) -> None:
    """Write an object anew, or delete it when nothing holds it. Raises Conflict when it has changed
    meanwhile.
    """
    metadata = {**obj["metadata"]}
    if not metadata.get("finalizers"):
        metadata.pop("finalizers", None)
    held = holders or metadata.get("finalizers")

    def make(revision: int) -> bytes:
        metadata["resourceVersion"] = str(revision)
        return _encode({**obj, "metadata": metadata})

    await (cluster.log.write if held else cluster.log.delete)(record.key, record.revision, make)
    target = target_of(cluster, record.key)
    if target is not None:
        cluster.committed(target.kind, obj, not held)


def target_of(cluster: Cluster, key: str) -> Target | None:
    """The object behind a key of the log, None when its kind is not served."""
    group, plural, namespace, name = key.split("/", 3)
    kind = cluster.kinds.of_resource(group, plural)
    return None if kind is None else Target(kind, namespace, name)


class _Deleter:
    """What garbage collection may do, by way of the ordinary delete."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        found = self._cluster.kinds.of_object(api_version, kind)
        return None if found is None else found.namespaced

    async def delete(self, key: str, uid: str, revision: int, propagation: Propagation) -> None:
        target = target_of(self._cluster, key)
        if target is None:
            raise Conflict(key, revision, 0)
        try:
            await delete(self._cluster, target, DeleteOptions(uid, str(revision), propagation), SYSTEM)
        except StatusError as error:
            if error.code in (404, 409):
                raise Conflict(key, revision, 0) from None
            raise

    async def patch_metadata(self, key: str, revision: int, fields: dict[str, list[Any]]) -> None:
        record, target = self._cluster.log.get(key), target_of(self._cluster, key)
        if record is None or record.revision != revision or target is None:
            raise Conflict(key, revision, 0 if record is None else record.revision)
        metadata = {**record.object["metadata"], **fields}
        for name in fields:
            if not fields[name]:
                del metadata[name]
        obj = {**record.object, "metadata": metadata}
        stays = "deletionTimestamp" not in metadata or target.kind.strategy.held(obj)
        await _replace(self._cluster, record, obj, [stays] if stays else [])
