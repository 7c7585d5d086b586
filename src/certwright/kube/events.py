"""Kubernetes Events (core/v1) about what was done to an object. They are a courtesy to readers, never state.

Recording never waits and never fails: a background task posts, in order for each object and a few objects at
a time, and gives up on what an API server will not take. Where many other calls are under way, events wait a
little for those to end. Memory is bounded: events beyond the limit are dropped and counted.
"""

import asyncio
import contextlib
import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from certwright.api.foreign import Event, EventSource, ObjectReference
from certwright.api.meta import EVENTS, ObjectMeta, Resource, whole_second
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, ApiError, Forbidden, Invalid, NotFound
from certwright.kube.queue import Queue
from certwright.kube.runner import run
from certwright.kube.store import HasMetadata

log = logging.getLogger(__name__)

REPEAT_WINDOW: Final = timedelta(minutes=10)
"""An identical event this soon after the last one raises its count instead of making a new object."""

BUSY: Final = 4
"""So many other calls in flight, and an event waits for a quieter moment,"""
PATIENCE: Final = 0.5
"""but not longer than this, in seconds."""

_REMEMBERED: Final = 4096
_ATTEMPTS: Final = 5
_NAME_LIMIT: Final = 253

_Key = tuple[str, str, str, str]
"""Kind, namespace, name and uid of the object events are about."""


def reference(resource: Resource, obj: HasMetadata) -> ObjectReference:
    """Refer to `obj`, which is of the kind of `resource`."""
    return ObjectReference(
        api_version=resource.api_version,
        kind=resource.kind,
        name=obj.metadata.name,
        namespace=obj.metadata.namespace or "",
        uid=obj.metadata.uid,
        resource_version=obj.metadata.resource_version,
    )


class _Identity(msgspec.Struct, frozen=True, kw_only=True):
    """What makes two events the same event."""

    about: _Key
    type: str
    reason: str
    message: str
    component: str


class _Entry(msgspec.Struct, kw_only=True):
    """An event that waits to be posted. Its name is fixed, so a repeated attempt makes no second one."""

    identity: _Identity
    about: ObjectReference
    name: str
    first: datetime
    last: datetime
    count: int = 1

    @property
    def namespace(self) -> str:
        """Where the event lives: with its object, or in `default` for a cluster-scoped one."""
        return self.about.namespace or "default"


class _Posted(msgspec.Struct, kw_only=True):
    """An event object that exists on the server."""

    name: str
    last: datetime
    count: int


class EventRecorder:
    """Posts events through `client`; `clock` gives aware UTC times.

    At most `limit` events wait; `concurrency` objects are served at once.
    """

    def __init__(
        self,
        client: Client,
        clock: Callable[[], datetime] | None = None,
        *,
        concurrency: int = 8,
        limit: int = 10_000,
    ) -> None:
        self.dropped = 0
        self._client = client
        self._clock = clock or (lambda: datetime.now(UTC))
        self._concurrency = concurrency
        self._limit = limit
        self._queue: Queue[_Key] = Queue()
        self._waiting: dict[_Key, deque[_Entry]] = {}
        self._posted: OrderedDict[_Identity, _Posted] = OrderedDict()
        self._outstanding = 0
        self._posting = 0
        self._settled = asyncio.Event()
        self._settled.set()
        self._last_stamp = 0
        self._task: asyncio.Task[None] | None = None

    def record(self, about: ObjectReference, type_: str, reason: str, message: str, component: str) -> None:
        """Say that something happened to an object; `type_` is Normal or Warning. Needs a running loop."""
        key = (about.kind, about.namespace, about.name, about.uid)
        identity = _Identity(about=key, type=type_, reason=reason, message=message, component=component)
        now = self._clock()
        waiting = self._waiting.get(key, ())
        same = next((entry for entry in waiting if entry.identity == identity), None)
        if same is not None:
            same.count += 1
            same.last = now
        elif self._outstanding >= self._limit:
            self._drop("too many events wait")
        else:
            self._enqueue(_Entry(identity=identity, about=about, name=self._name(about), first=now, last=now))

    async def flush(self) -> None:
        """Wait until every event recorded so far was posted or given up."""
        await self._settled.wait()

    async def close(self, grace: float = 5.0) -> None:
        """Post what waits, for at most `grace` seconds, and stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.flush(), grace)
        self._queue.close()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def _enqueue(self, entry: _Entry) -> None:
        key = entry.identity.about
        self._waiting.setdefault(key, deque()).append(entry)
        self._outstanding += 1
        self._settled.clear()
        self._queue.add(key)
        if self._task is None:
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(run(self._queue, self._post_all, self._concurrency), name="events")

    async def _post_all(self, key: _Key) -> None:
        """Post the events of one object in order, until one fails for now."""
        waiting = self._waiting.get(key)
        while waiting:
            await self._turn()
            entry = waiting.popleft()
            self._posting += 1
            try:
                await self._post(entry)
            except (Forbidden, Invalid, NotFound) as error:  # its namespace is going away, or it is no good
                self._drop(error.message)
            except ApiError as error:
                if self._queue.failures(key) + 1 < _ATTEMPTS:
                    waiting.appendleft(entry)
                    self._queue.fail(key)
                    return
                self._drop(error.message)
            finally:
                self._posting -= 1
            self._queue.forget(key)
            self._settle()
        self._waiting.pop(key, None)

    async def _turn(self) -> None:
        """Let the calls go first that events tell of, for a while."""
        calls = self._client.in_flight
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while calls.count - self._posting >= BUSY:
                    await calls.fewer()

    async def _post(self, entry: _Entry) -> None:
        posted = self._posted.get(entry.identity)
        if posted is not None and entry.last - posted.last < REPEAT_WINDOW:
            try:
                await self._raise_count(entry, posted)
            except NotFound:  # the server forgets events after an hour or so
                del self._posted[entry.identity]
            else:
                return
        await self._create(entry)

    async def _raise_count(self, entry: _Entry, posted: _Posted) -> None:
        count = posted.count + entry.count
        patch = {"count": count, "lastTimestamp": whole_second(entry.last)}
        await self._client.merge_patch(EVENTS, posted.name, entry.namespace, patch, type_=_unread)
        posted.count, posted.last = count, entry.last
        self._posted.move_to_end(entry.identity)

    async def _create(self, entry: _Entry) -> None:
        # A name that is taken is this very event: the answer to an earlier attempt was lost.
        with contextlib.suppress(AlreadyExists):
            await self._client.create(EVENTS, _event(entry))
        self._posted[entry.identity] = _Posted(name=entry.name, last=entry.last, count=entry.count)
        self._posted.move_to_end(entry.identity)
        if len(self._posted) > _REMEMBERED:
            self._posted.popitem(last=False)

    def _name(self, about: ObjectReference) -> str:
        """The object's name and the time in hexadecimal nanoseconds, as client-go names events."""
        now = self._clock()
        micros = (now - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        self._last_stamp = max(self._last_stamp + 1, micros * 1000)
        suffix = f".{self._last_stamp:x}"
        return about.name[: _NAME_LIMIT - len(suffix)].rstrip(".-") + suffix

    def _drop(self, why: str) -> None:
        self.dropped += 1
        log.debug("an event was dropped: %s", why)

    def _settle(self) -> None:
        self._outstanding -= 1
        if not self._outstanding:
            self._settled.set()


def _event(entry: _Entry) -> Event:
    identity = entry.identity
    return Event(
        metadata=ObjectMeta(name=entry.name, namespace=entry.namespace),
        involved_object=entry.about,
        type=identity.type,
        reason=identity.reason,
        message=identity.message,
        source=EventSource(component=identity.component),
        reporting_component=identity.component,
        first_timestamp=whole_second(entry.first),
        last_timestamp=whole_second(entry.last),
        count=entry.count,
    )


def _unread(body: bytes) -> None:
    """Nobody needs the patched event."""
