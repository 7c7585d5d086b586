"""From a client to an API server in the same process: the same bytes as over HTTP, no socket, no TLS.

Where the server knows what is wrong field by field and HTTP has no place for it, the caller is told here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import unquote

import msgspec

from certwright.apiserver import wire
from certwright.apiserver.listener import BODY_LIMIT
from certwright.apiserver.status import too_large
from certwright.kube.errors import Unreachable
from certwright.kube.requests import Request
from certwright.kube.transport import Response, Stream


class Handler(Protocol):
    """An API server that answers calls."""

    async def handle(self, request: wire.Request) -> wire.Response:
        """Answer one call."""
        ...


class InProcess:
    """A kube transport that calls a handler directly, as one certain user."""

    def __init__(self, server: Handler, user: wire.UserInfo) -> None:
        self._server = server
        self._user = user
        self._closed = False

    async def send(self, request: Request) -> Response:
        """Call the handler and read the answer to its end. Raises Unreachable once closed."""
        answer = await self._call(request)
        body = answer.body
        if not isinstance(body, bytes):
            body = b"".join([chunk async for chunk in body])
        if answer.causes:
            body = _with_causes(body, answer.causes)
        return Response(answer.status, _headers(answer), body)

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Call the handler and give the body as it comes; leaving the context ends a watch."""
        answer = await self._call(request)
        body = answer.body
        chunks = _single(body) if isinstance(body, bytes) else body
        try:
            yield answer.status, _headers(answer), chunks
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    async def close(self) -> None:
        """Refuse further calls; the server stays open."""
        self._closed = True

    async def _call(self, request: Request) -> wire.Response:
        if self._closed:
            raise Unreachable(message=f"{request.call}: the server has stopped")
        if len(request.body) > BODY_LIMIT:
            return too_large(f"limit is {BODY_LIMIT}").response()
        headers = {"accept": request.accept, "user-agent": request.user_agent}
        if request.content_type:
            headers["content-type"] = request.content_type
        return await self._server.handle(
            wire.Request(
                method=request.method,
                path=unquote(request.path),
                query={name: [value] for name, value in request.query.items()},
                headers=headers,
                body=request.body,
                user=self._user,
            )
        )


def _headers(answer: wire.Response) -> Mapping[str, str]:
    if not answer.warnings:
        return answer.headers
    return answer.headers | {"Warning": ", ".join(map(wire.warning_header, answer.warnings))}


def _with_causes(body: bytes, causes: Sequence[Mapping[str, str]]) -> bytes:
    """A Status with its causes in `details`."""
    status = msgspec.json.decode(body, type=dict[str, Any])
    details = (status.get("details") or {}) | {"causes": causes}
    return msgspec.json.encode(status | {"details": details})


async def _single(body: bytes) -> AsyncIterator[bytes]:
    yield body
