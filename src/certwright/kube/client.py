"""A typed client over any transport: it encodes, counts, maps errors and waits when the server says so.

It caches nothing, watches nothing and holds no opinion on concurrency: the server's API Priority and
Fairness is the limit.
"""

import asyncio
import email.utils
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Generic, TypeVar, cast

import msgspec

from certwright.api import codec
from certwright.api.meta import Resource
from certwright.kube import requests
from certwright.kube.errors import (
    ApiError,
    Conflict,
    ServerUnavailable,
    TooManyRequests,
    Unreachable,
    Unreadable,
    error_from,
)
from certwright.kube.requests import Propagation, Request, Selection
from certwright.kube.transport import Transport

T = TypeVar("T")
Decodable = type[T] | Callable[[bytes], T]
"""A type to decode a JSON object into, or a function from its bytes."""

_MAX_WAIT = 30.0
"""Seconds. A server that asks for more gets its error handed to the caller, who can wait without blocking."""

_LIST_PATIENCE = 4
"""How much longer than other calls a list may take: it can be large."""


class Calls:
    """How many calls were made, by verb, resource (with subresource) and HTTP code; 0 means no answer.

    An attempt that is repeated because the server asked for it counts each time.
    """

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self.conflicts: Counter[str] = Counter()

    def total(self, verb: str | None = None, resource: str | None = None) -> int:
        """How many calls there were, of all verbs and resources or of one."""
        return sum(
            count
            for (call_verb, call_resource, _), count in self.counts.items()
            if verb in (None, call_verb) and resource in (None, call_resource)
        )


class InFlight:
    """How many calls wait for their answer, watches aside; what can wait may wait until there are fewer."""

    def __init__(self) -> None:
        self.count = 0
        self._waiting: list[asyncio.Future[None]] = []

    async def fewer(self) -> None:
        """Wait until the next call has ended; at once when there is none."""
        if self.count:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            await future

    def __enter__(self) -> None:
        self.count += 1

    def __exit__(self, *_: object) -> None:
        self.count -= 1
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A part of a list; `continue_` is empty on the last page."""

    items: list[T]
    resource_version: str
    continue_: str = ""


class ListMeta(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The metadata of a list (meta/v1 ListMeta)."""

    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class RawPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page whose objects are not decoded yet."""

    metadata: ListMeta = ListMeta()
    items: list[msgspec.Raw] | None = None


class Client:
    """Calls to one API server.

    `timeout` bounds one attempt in seconds (a list has more, a watch no bound), `attempts` how often a call
    is made when the server answers 429 or 503 with Retry-After. `clock` reads a Retry-After that is a date;
    `sleep` waits.
    """

    def __init__(
        self,
        transport: Transport,
        user_agent: str = "certwright",
        clock: Callable[[], datetime] | None = None,
        *,
        timeout: float = 30.0,
        attempts: int = 5,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.transport = transport
        self.calls = Calls()
        self.in_flight = InFlight()
        self._user_agent = user_agent
        self._clock = clock or (lambda: datetime.now(UTC))
        self._timeout = timeout
        self._attempts = attempts
        self._sleep = sleep

    async def get(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        type_: Decodable[T],
        metadata_only: bool = False,
    ) -> T:
        """Read one object. Raises NotFound, or another ApiError."""
        request = requests.get(resource, name, namespace, metadata_only=metadata_only)
        return self._decode(request, await self.send(request), type_)

    async def list_page(
        self, selection: Selection, *, type_: Decodable[T], limit: int = 500, continue_: str = ""
    ) -> Page[T]:
        """List one page. Raises Gone when the token `continue_` has expired."""
        request = requests.list_(selection, limit=limit, continue_=continue_)
        page = await self.list_raw(request)
        decode = decoder(type_)
        items = [self._decode(request, bytes(raw), decode) for raw in page.items or ()]
        return Page(
            items=items, resource_version=page.metadata.resource_version, continue_=page.metadata.continue_
        )

    async def list_raw(self, request: Request) -> RawPage:
        """Send a list request and give its objects undecoded, for those who decode them one by one."""
        return self._decode(request, await self.send(request), RawPage)

    async def list_(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        type_: Decodable[T],
        label_selector: str = "",
        field_selector: str = "",
    ) -> list[T]:
        """List everything, page by page."""
        selection = Selection(
            resource=resource,
            namespace=namespace,
            label_selector=label_selector,
            field_selector=field_selector,
        )
        items: list[T] = []
        token = ""
        while True:
            page = await self.list_page(selection, type_=type_, continue_=token)
            items += page.items
            token = page.continue_
            if not token:
                return items

    async def create(
        self,
        resource: Resource,
        obj: T,
        namespace: str | None = None,
        *,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> T:
        """Create `obj` (a struct or a dict) and return it as stored. Raises AlreadyExists, Invalid, ...

        The namespace is the object's own unless given. The result has the type of `obj`.
        """
        where = namespace or _namespace_of(obj)
        request = requests.create(
            resource, encode_object(resource, obj), where, field_manager=field_manager, dry_run=dry_run
        )
        return self._decode(request, await self.send(request), type(obj))

    async def update(
        self,
        resource: Resource,
        obj: T,
        *,
        subresource: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> T:
        """Replace an object; its resourceVersion, if set, is the precondition. Raises Conflict, ..."""
        request = requests.update(
            resource,
            _name_of(obj),
            encode_object(resource, obj),
            _namespace_of(obj),
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        return self._decode(request, await self.send(request), type(obj))

    async def merge_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        patch: Mapping[str, Any],
        *,
        type_: Decodable[T],
        subresource: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> T:
        """Merge `patch` (RFC 7386) into an object and return the result.

        `metadata.resourceVersion` and `metadata.uid` in the patch are preconditions: raises Conflict.
        """
        request = requests.patch(
            resource,
            name,
            msgspec.json.encode(patch),
            namespace,
            kind="merge",
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        return self._decode(request, await self.send(request), type_)

    async def json_patch(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        operations: Sequence[Mapping[str, Any]],
        *,
        type_: Decodable[T],
        subresource: str | None = None,
        field_manager: str = "",
        dry_run: bool = False,
    ) -> T:
        """Run the operations of RFC 6902 on an object and return the result."""
        request = requests.patch(
            resource,
            name,
            msgspec.json.encode(operations),
            namespace,
            kind="json",
            subresource=subresource,
            field_manager=field_manager,
            dry_run=dry_run,
        )
        return self._decode(request, await self.send(request), type_)

    async def apply(
        self,
        resource: Resource,
        name: str,
        namespace: str | None,
        obj: Mapping[str, Any],
        *,
        field_manager: str,
        type_: Decodable[T],
        force: bool = True,
        subresource: str | None = None,
        dry_run: bool = False,
    ) -> T:
        """Server-side apply `obj` and return the result. Without `force`, owned fields raise Conflict."""
        request = requests.patch(
            resource,
            name,
            encode_object(resource, obj),
            namespace,
            kind="apply",
            subresource=subresource,
            field_manager=field_manager,
            force=force,
            dry_run=dry_run,
        )
        return self._decode(request, await self.send(request), type_)

    async def delete(
        self,
        resource: Resource,
        name: str,
        namespace: str | None = None,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Propagation | None = None,
    ) -> bool:
        """Delete an object, only while its uid and resourceVersion are these. Raises NotFound, Conflict, ...

        Returns whether it is gone; False means that finalizers still hold it.
        """
        request = requests.delete(
            resource, name, namespace, uid=uid, resource_version=resource_version, propagation=propagation
        )
        answer = self._decode(request, await self.send(request), dict)
        return answer.get("kind") == "Status" or not (answer.get("metadata") or {}).get("finalizers")

    async def send(self, request: Request) -> bytes:
        """Send any request and return the body of the answer. Raises ApiError.

        An answer 429 or 503 with Retry-After is waited for and repeated a few times.
        """
        request = msgspec.structs.replace(request, user_agent=self._user_agent)
        for attempt in range(1, self._attempts + 1):
            try:
                return await self._attempt(request)
            except (TooManyRequests, ServerUnavailable) as error:
                wait = error.retry_after
                if wait is None or wait > _MAX_WAIT or attempt == self._attempts:
                    raise
                await self._sleep(wait)
        raise AssertionError("attempts is at least 1")

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a watch and give its body in chunks. Raises ApiError; nothing is retried or timed out here."""
        request = msgspec.structs.replace(request, user_agent=self._user_agent)
        async with AsyncExitStack() as stack:
            try:
                opened = await stack.enter_async_context(self.transport.stream(request))
            except Unreachable:
                self._count(request, 0)
                raise
            status, headers, chunks = opened
            if status >= 300:
                body = b"".join([chunk async for chunk in chunks])
                raise self._error(request, status, headers, body)
            self._count(request, status)
            yield chunks

    async def close(self) -> None:
        """Close the transport."""
        await self.transport.close()

    async def _attempt(self, request: Request) -> bytes:
        seconds = self._timeout * (_LIST_PATIENCE if request.verb == "list" else 1)
        try:
            with self.in_flight:
                async with asyncio.timeout(seconds):
                    response = await self.transport.send(request)
        except TimeoutError:
            self._count(request, 0)
            raise Unreachable(message=f"{request.call}: no answer within {seconds:g} s") from None
        except Unreachable:
            self._count(request, 0)
            raise
        if response.status >= 300:
            raise self._error(request, response.status, response.headers, response.body)
        self._count(request, response.status)
        return response.body

    def _error(self, request: Request, status: int, headers: Mapping[str, str], body: bytes) -> ApiError:
        error = error_from(status, body, request.call, retry_after(headers, self._clock))
        self._count(request, status)
        if isinstance(error, Conflict):
            self.calls.conflicts[request.resource] += 1
        return error

    def _count(self, request: Request, code: int) -> None:
        self.calls.counts[(request.verb, request.resource, code)] += 1

    def _decode(self, request: Request, body: bytes, type_: Decodable[T]) -> T:
        try:
            return decoder(type_)(body)
        except ValueError as error:  # names a path but no value
            raise Unreadable(200, "Unreadable", f"{request.call}: unreadable answer: {error}") from None


def decoder(type_: Decodable[T]) -> Callable[[bytes], T]:
    """The function that decodes into `type_`; a function is returned as it is."""
    if not isinstance(type_, type):
        return type_
    return cast("Callable[[bytes], T]", _type_decoder(type_))


@lru_cache(maxsize=128)
def _type_decoder(type_: type[T]) -> Callable[[bytes], T]:
    return lambda body: codec.decode(body, type_)


def encode_object(resource: Resource, obj: object) -> bytes:
    """The JSON of an object, with the apiVersion and kind of its resource where it does not carry its own."""
    head = {"apiVersion": resource.api_version, "kind": resource.kind}
    if isinstance(obj, Mapping):
        return msgspec.json.encode(head | dict(obj))
    present = _wire_names(cast("type[msgspec.Struct]", type(obj)))
    missing = {key: value for key, value in head.items() if key not in present}
    body = codec.encode(obj)
    if not missing:
        return body
    prefix = msgspec.json.encode(missing)[:-1]
    return prefix + b"}" if body == b"{}" else prefix + b"," + body[1:]


@lru_cache(maxsize=128)
def _wire_names(type_: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.encode_name for field in msgspec.structs.fields(type_))


def retry_after(headers: Mapping[str, str], clock: Callable[[], datetime]) -> float | None:
    """The delay in seconds a Retry-After header asks for (RFC 9110, 10.2.3); None without a usable one."""
    text = next((value for name, value in headers.items() if name.lower() == "retry-after"), "").strip()
    if text.isdecimal():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (at - clock()).total_seconds()) if at.tzinfo else None


def _name_of(obj: object) -> str:
    if isinstance(obj, Mapping):
        return str((obj.get("metadata") or {}).get("name") or "")
    return str(cast("Any", obj).metadata.name)


def _namespace_of(obj: object) -> str | None:
    if isinstance(obj, Mapping):
        return (obj.get("metadata") or {}).get("namespace")
    return cast("str | None", cast("Any", obj).metadata.namespace)
