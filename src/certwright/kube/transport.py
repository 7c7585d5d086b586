"""How a request reaches an API server: the protocol that clients use, and HTTP as one way to fulfil it.

The other way is a direct call into an embedded server, which lives with whoever embeds it. Nothing here knows
what a request means: no decoding, no counting, no retries but one with fresh credentials.
"""

import socket
import ssl
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlencode

import aiohttp
import msgspec
from multidict import CIMultiDict
from yarl import URL

from certwright.kube.cluster import ClusterConfig
from certwright.kube.credentials import credentials_for
from certwright.kube.errors import Unreachable
from certwright.kube.requests import Request
from certwright.kube.tls import TlsContexts

_CONNECT_TIMEOUT: Final = 15.0
_IDLE: Final = 30.0
"""Seconds an unused connection is kept: less than what servers and load balancers allow."""
_BUFFER: Final = 256 * 1024
_FAILURES: Final = (aiohttp.ClientError, OSError, TimeoutError, ssl.SSLError)


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


class HttpTransport:
    """Sends requests to a cluster over HTTP/1.1, on one connection pool.

    `now` gives seconds on any steady scale. Raises ConfigError when certificates or tokens are no good.
    """

    def __init__(self, config: ClusterConfig, now: Callable[[], float] = time.monotonic) -> None:
        self._config = config
        self._base = config.server.rstrip("/")
        self._credentials = credentials_for(config.identity, now)
        self._tls = TlsContexts(config.tls, now) if self._base.startswith("https://") else None
        self._proxy, self._proxy_headers = _split_proxy(config.proxy)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Response:
        """Send a request; a 401 is answered once with fresh credentials, where there are any."""
        response = await self._send_once(request)
        if response.status == HTTPStatus.UNAUTHORIZED and self._credentials.rejected():
            response = await self._send_once(request)
        return response

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Send a request and give the body as it arrives; after a 401 the next one uses fresh credentials."""
        response = await self._open(request)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._credentials.rejected()
        try:
            async with aclosing(self._chunks(request, response)) as chunks:
                yield response.status, response.headers, chunks
        finally:
            response.close()

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _send_once(self, request: Request) -> Response:
        try:
            async with await self._open(request) as response:
                return Response(response.status, response.headers, await response.read())
        except _FAILURES as error:
            raise self._unreachable(request, error) from None

    async def _chunks(self, request: Request, response: aiohttp.ClientResponse) -> AsyncGenerator[bytes]:
        try:
            async for chunk in response.content.iter_any():
                yield chunk
        except _FAILURES as error:
            raise self._unreachable(request, error) from None

    async def _open(self, request: Request) -> aiohttp.ClientResponse:
        headers = await self._headers(request)
        query = f"?{urlencode(request.query)}" if request.query else ""
        try:
            return await self._opened().request(
                request.method,
                URL(f"{self._base}{request.path}{query}", encoded=True),
                data=request.body or None,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls.current(self._credentials.certificate()) if self._tls is not None else True,
                server_hostname=self._config.tls.server_name or None,
                proxy=self._proxy,
                proxy_headers=self._proxy_headers or None,
            )
        except _FAILURES as error:
            raise self._unreachable(request, error) from None

    async def _headers(self, request: Request) -> CIMultiDict[str]:
        # Uncompressed: inside a cluster the bytes cost less than the CPU of both ends.
        headers = CIMultiDict({"Accept": request.accept, "Accept-Encoding": "identity"})
        if request.content_type:
            headers["Content-Type"] = request.content_type
        if request.user_agent:
            headers["User-Agent"] = request.user_agent
        authorization = await self._credentials.authorization()
        if authorization:
            headers["Authorization"] = authorization
        if self._tls is None:
            headers.extend(self._proxy_headers)  # with TLS only the proxy itself gets them, in CONNECT
        headers.extend(self._config.identity.impersonate)
        return headers

    def _opened(self) -> aiohttp.ClientSession:
        """The session; made late, since it belongs to the running event loop."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE, socket_factory=_socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
                read_bufsize=_BUFFER,
            )
        return self._session

    def _unreachable(self, request: Request, error: Exception) -> Unreachable:
        return Unreachable(message=f"{request.call}: {self._base}: {_reason(error)}")


def _reason(error: Exception) -> str:
    """Why a connection failed, in words that hold neither headers nor bodies."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = error.certificate_error
        return f"its certificate is not accepted: {getattr(cause, 'verify_message', '') or cause}"
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered {error.status}"
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"cannot connect: {error.os_error.strerror or error.os_error}"
    if isinstance(error, TimeoutError):
        return f"no connection within {_CONNECT_TIMEOUT:g} s"
    if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | ConnectionError):
        return "the connection broke"
    return f"{type(error).__name__}"


def _split_proxy(proxy: str | None) -> tuple[URL | None, dict[str, str]]:
    """A proxy's URL without the credentials in it, which are for no message, and the header they make."""
    if proxy is None:
        return None, {}
    url = URL(proxy)
    if not url.user:
        return url, {}
    header = aiohttp.encode_basic_auth(url.user, url.password or "")
    return url.with_user(None), {"Proxy-Authorization": header}


def _socket(address: aiohttp.AddrInfoType) -> socket.socket:
    """A socket that notices within about a minute that its peer is gone, even when nothing is sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)
    return made
