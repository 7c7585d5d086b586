"""Watching one kind of object: the list first, then every change, for ever, whatever the connection does.

It keeps no objects (a `Store` does, through `reflect`) and decides nothing about order: `watch_states` does.
"""

import asyncio
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Collection, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import Any, Generic, TypeVar

import msgspec

from certwright.api.codec import DecodeError
from certwright.api.meta import Resource
from certwright.kube import requests
from certwright.kube.client import Client, Decodable, decoder
from certwright.kube.errors import ApiError, Gone, Unreachable, error_from
from certwright.kube.lines import LineSplitter, LineTooLong
from certwright.kube.packing import Packing
from certwright.kube.requests import Selection
from certwright.kube.store import HasMetadata, Key, Store, key_of, parse_version
from certwright.kube.watch_states import (
    Ended,
    Failed,
    Happening,
    ListComplete,
    Outcome,
    Page,
    Phase,
    Quiet,
    Seen,
    State,
    start,
    step,
)

log = logging.getLogger(__name__)

T = TypeVar("T", bound=HasMetadata)

_INITIAL_END = "k8s.io/initial-events-end"
_TURN = 64
"""How many objects are decoded before other tasks get a turn."""


class Restarted(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A complete list. What is not in it is gone, except `unreadable` objects, which exist.

    `rewound` says that the server's history went back (a restored backup): nothing known before counts.
    """

    objects: Collection[T]
    resource_version: str
    unreadable: frozenset[Key] = frozenset()
    rewound: bool = False


class Applied(msgspec.Struct, Generic[T], frozen=True):
    """An object was created or changed, or came into the selection."""

    obj: T


class Deleted(msgspec.Struct, Generic[T], frozen=True):
    """An object was deleted, or left the selection; this is its last state."""

    obj: T


class Malformed(msgspec.Struct, frozen=True, kw_only=True):
    """An object that could not be decoded, and why (the message names a path, no value)."""

    resource: str
    namespace: str
    name: str
    resource_version: str
    error: str


class Tuning(msgspec.Struct, frozen=True, kw_only=True):
    """Times in seconds and sizes in objects.

    The server is asked to end a watch after `lifetime`; one silent for `grace` longer than that is
    taken for dead. `open_timeout` bounds the wait for an answer, `quiet` that between initial events.
    """

    page_size: int = 500
    lifetime: int = 300
    grace: float = 20.0
    open_timeout: float = 60.0
    quiet: float = 10.0
    can_stream: bool = True


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Skeleton(msgspec.Struct, frozen=True):
    """As much of an object as is needed when the rest cannot be read."""

    metadata: _Meta = _Meta()
    code: int = 0


class _Line(msgspec.Struct, frozen=True):
    """One line of a watch (meta/v1 WatchEvent)."""

    type: str
    object: msgspec.Raw


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_skeleton = msgspec.json.Decoder(_Skeleton).decode

Change = Applied[T] | Deleted[T]


class Watcher(Generic[T]):
    """Watches a kind, in one namespace or all, whole objects or (`metadata_only`) their metadata.

    `type_` is a type or a function from an object's JSON; an object it cannot read is reported once to
    `on_malformed` and skipped. A list under way is kept packed, if there is a `packing`. `jitter` gives
    numbers from 0 to 1, `sleep` waits for seconds.
    """

    def __init__(
        self,
        client: Client,
        resource: Resource,
        type_: Decodable[T],
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        metadata_only: bool = False,
        *,
        packing: Packing[T] | None = None,
        on_malformed: Callable[[Malformed], None] | None = None,
        tuning: Tuning | None = None,
        jitter: Callable[[], float] = random.random,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.selection = Selection(
            resource=resource,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
            metadata_only=metadata_only,
        )
        self.error: ApiError | None = None
        self._client = client
        self._decode = decoder(type_)
        self._on_malformed = on_malformed or _log_malformed
        self._tuning = tuning or Tuning()
        self._jitter = jitter
        self._sleep = sleep
        self._reported: dict[Key, str] = {}
        self._collected: _Collected[T] = _Collected(packing)
        self._unreadable: set[Key] = set()

    def __aiter__(self) -> AsyncIterator[Restarted[T] | Applied[T] | Deleted[T]]:
        """The same as `events`; prefer that within `contextlib.aclosing`."""
        return self.events()

    async def events(self) -> AsyncGenerator[Restarted[T] | Applied[T] | Deleted[T]]:
        """Everything that happens, for ever. Nothing is raised: what fails is tried again, see `error`."""
        state = start(self._tuning.can_stream)
        delay = 0.0
        while True:
            async with aclosing(self._perform(state)) as happenings:
                async for happening, change in happenings:
                    collecting = state.phase is not Phase.WATCH
                    before = state.resource_version
                    state, outcome, delay = step(state, happening)
                    self._note(happening)
                    if outcome is Outcome.COMPLETE:
                        yield self._restarted(before, state.resource_version)
                    if outcome is not Outcome.NONE:
                        self._collected, self._unreadable = self._collected.anew(), set()
                    if change is None:
                        continue
                    if collecting:
                        self._collect(change)
                    else:
                        yield change
            if delay:
                await self._sleep(delay * (1 + 0.2 * self._jitter()))

    def _perform(self, state: State) -> AsyncGenerator[tuple[Happening, Change[T] | None]]:
        return self._list(state) if state.phase is Phase.LIST else self._watch(state)

    async def _list(self, state: State) -> AsyncGenerator[tuple[Happening, Change[T] | None]]:
        limit = self._tuning.page_size if state.paged else 0
        request = requests.list_(self.selection, limit=limit, continue_=state.token)
        try:
            page = await self._client.list_raw(request)
        except ApiError as error:
            yield Failed(error), None
            return
        for number, raw in enumerate(page.items or ()):
            if number % _TURN == _TURN - 1:
                await asyncio.sleep(0)
            obj = self._read_object(bytes(raw))
            if obj is not None:
                self._collected.add(obj)
        yield Page(page.metadata.resource_version, page.metadata.continue_), None

    async def _watch(self, state: State) -> AsyncGenerator[tuple[Happening, Change[T] | None]]:
        time = asyncio.get_running_loop().time
        began, seen, initial = time(), 0, state.phase is Phase.STREAM
        splitter = LineSplitter()
        try:
            async with AsyncExitStack() as stack:
                chunks = await self._open(stack, state)
                while (chunk := await self._next_chunk(chunks, initial)) is not None:
                    for line in splitter.feed(chunk):
                        happening, change = self._read_line(line)
                        yield happening, change
                        if isinstance(happening, Failed):
                            return
                        seen += 1
                        initial = initial and not isinstance(happening, ListComplete)
                        if seen % _TURN == 0:
                            await asyncio.sleep(0)
        except ApiError as error:
            yield Failed(error), None
        except LineTooLong as error:
            yield self._broken(str(error)), None
        except TimeoutError:
            yield (Quiet() if initial else self._broken("the connection went silent")), None
        else:
            yield Ended(time() - began, seen), None

    async def _open(self, stack: AsyncExitStack, state: State) -> AsyncIterator[bytes]:
        initial = state.phase is Phase.STREAM
        request = requests.watch(
            self.selection,
            resource_version="" if initial else state.resource_version,
            timeout_seconds=self._tuning.lifetime,
            initial_events=initial,
        )
        try:
            async with asyncio.timeout(self._tuning.open_timeout):
                return await stack.enter_async_context(self._client.stream(request))
        except TimeoutError:
            raise Unreachable(message=f"{request.call}: no answer") from None

    async def _next_chunk(self, chunks: AsyncIterator[bytes], initial: bool) -> bytes | None:
        """The next bytes, None at the end. Raises TimeoutError when the server is silent for too long."""
        tuning = self._tuning
        async with asyncio.timeout(tuning.quiet if initial else tuning.lifetime + tuning.grace):
            return await anext(chunks, None)

    def _read_line(self, line: bytes) -> tuple[Happening, Change[T] | None]:
        try:
            event = _decode_line(line)
        except msgspec.MsgspecError:
            return self._broken("a line is not a watch event"), None
        body = bytes(event.object)
        if event.type == "BOOKMARK":
            return _bookmark(body), None
        if event.type == "ERROR":
            code = _skeleton(body).code or 500
            return Failed(error_from(code, body, f"watch {self.selection}")), None
        obj = self._read_object(body)
        if obj is not None:
            change = Deleted(obj) if event.type == "DELETED" else Applied(obj)
            return Seen(obj.metadata.resource_version), change
        if event.type == "DELETED":  # what is stored under that key can only be found by listing
            return Failed(Gone(410, "Gone", f"watch {self.selection}: an unreadable object is gone")), None
        return Seen(_skeleton(body).metadata.resource_version), None

    def _read_object(self, body: bytes) -> T | None:
        try:
            obj = self._decode(body)
        except Exception as error:  # noqa: BLE001 - one odd object, or a bug it sets off, must not stop the list
            self._report(_skeleton(body).metadata, error)
            return None
        if self._reported:
            self._reported.pop(key_of(obj), None)
            self._unreadable.discard(key_of(obj))
        return obj

    def _report(self, meta: _Meta, error: Exception) -> None:
        key = (meta.namespace, meta.name)
        self._unreadable.add(key)
        if self._reported.get(key) == meta.resource_version:
            return
        self._reported[key] = meta.resource_version
        self._on_malformed(
            Malformed(
                resource=self.selection.resource.plural,
                namespace=meta.namespace,
                name=meta.name,
                resource_version=meta.resource_version,
                error=str(error) if isinstance(error, DecodeError) else type(error).__name__,
            )
        )

    def _collect(self, change: Change[T]) -> None:
        if isinstance(change, Applied):
            self._collected.add(change.obj)
        else:
            self._collected.drop(change.obj)

    def _restarted(self, before: str, now: str) -> Restarted[T]:
        old, new = parse_version(before), parse_version(now)
        return Restarted(
            objects=self._collected,
            resource_version=now,
            unreadable=frozenset(self._unreadable),
            rewound=old is not None and new is not None and new < old,
        )

    def _broken(self, what: str) -> Failed:
        return Failed(Unreachable(message=f"watch {self.selection}: {what}"))

    def _note(self, happening: Happening) -> None:
        """Keep `error` and tell the log once about each new kind of trouble."""
        if isinstance(happening, Failed):
            error = happening.error
            if isinstance(error, Gone):
                log.debug("%s: listing again: %s", self.selection, error.message)
                return
            if self.error is None or self.error.message != error.message:
                log.warning("watch of %s: %s", self.selection, error.message)
            self.error = error
        elif self.error is not None and not isinstance(happening, Quiet):
            log.info("watch of %s works again", self.selection)
            self.error = None


class _Collected(Collection[T]):
    """The objects of a list under way, or of a complete one; packed, they cost a tenth of the memory."""

    def __init__(self, packing: Packing[T] | None) -> None:
        self._packing = packing
        self._objects: dict[Key, Any] = {}

    def anew(self) -> "_Collected[T]":
        """An empty one."""
        return _Collected(self._packing)

    def add(self, obj: T) -> None:
        """Take in an object, in place of an earlier state of it."""
        self._objects[key_of(obj)] = self._packing.pack(obj) if self._packing else obj

    def drop(self, obj: T) -> None:
        """Take out an object."""
        self._objects.pop(key_of(obj), None)

    def __iter__(self) -> Iterator[T]:
        """Each object, made anew if it was packed."""
        unpack = self._packing.unpack if self._packing else None
        return iter(self._objects.values()) if unpack is None else map(unpack, self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def __contains__(self, obj: object) -> bool:
        return any(obj == each for each in self)


async def reflect(watcher: Watcher[T], store: Store[T]) -> None:
    """Keep `store` like the server, for ever; `store.synced` is set after the first complete list."""
    async with aclosing(watcher.events()) as events:
        async for event in events:
            _take_in(store, event)
            del event  # a complete list is large, and the next event may be far


def _take_in(store: Store[T], event: Restarted[T] | Change[T]) -> None:
    match event:
        case Applied(obj):
            store.put(obj)
        case Deleted(obj):
            store.discard(obj)
        case Restarted():
            if event.rewound:
                store.reset()
            store.replace(event.objects, event.resource_version, event.unreadable)
            store.synced.set()


def _skeleton(body: bytes) -> _Skeleton:
    try:
        return _decode_skeleton(body)
    except msgspec.MsgspecError:
        return _Skeleton()


def _bookmark(body: bytes) -> Happening:
    meta = _skeleton(body).metadata
    if (meta.annotations or {}).get(_INITIAL_END) == "true":
        return ListComplete(meta.resource_version)
    return Seen(meta.resource_version)


def _log_malformed(malformed: Malformed) -> None:
    where = "/".join(part for part in (malformed.namespace, malformed.name) if part)
    log.warning("%s %s is skipped, it cannot be read: %s", malformed.resource, where, malformed.error)
