"""How a request reaches an API server: the protocol, not the way. `http` sends over a socket; the embedded
server is called directly.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from certwright.kube.requests import Request


class Response(msgspec.Struct, frozen=True):
    """An answer, read to the end. The body may hold a Secret: it has no place in a log."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"Response({self.status}, {len(self.body)} bytes)"


Stream = tuple[int, Mapping[str, str], AsyncIterator[bytes]]
"""Status, headers, and the body in chunks of any size."""


class Transport(Protocol):
    """Sends requests. Raises errors.Unreachable when there is no complete answer."""

    async def send(self, request: Request) -> Response:
        """Send a request and read the whole answer, whatever its status."""
        ...

    def stream(self, request: Request) -> AbstractAsyncContextManager[Stream]:
        """Send a request and give the body as it arrives; leaving the context closes the connection."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
