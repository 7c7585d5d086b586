"""The server on a TCP port: TLS, who asks, bytes in and out. What is answered is the handler's business.

The only file here that knows the HTTP library. The kubeconfig is written before the first answer is given.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import logging
import socket
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Final, Self
from urllib.parse import parse_qs, unquote

from aiohttp import web

from certwright.apiserver.authentication import Authenticator
from certwright.apiserver.data_directory import write_private
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.identities import ADMIN, Identities, ensure
from certwright.apiserver.status import StatusError, too_large
from certwright.apiserver.wire import Request, Response, UserInfo, warning_header

BODY_LIMIT: Final = 3 * 1024 * 1024
KUBECONFIG: Final = "kubeconfig"
_BACKLOG: Final = 1024
_KEEP_ALIVE: Final = 120.0
_STOP_SECONDS: Final = 1.5
_RENEWAL_SECONDS: Final = 24 * 3600.0
_REPEATABLE: Final = frozenset(("impersonate-group",))
_log = logging.getLogger(__name__)


class ListenError(Exception):
    """The address cannot be listened on; the message is one line."""


class Listener:
    """An `ApiServer` on a port. Open it with `open`; `close` ends it, not the server."""

    def __init__(
        self,
        server: ApiServer,
        directory: Path,
        host: str,
        authenticator: Authenticator,
        clock: Callable[[], datetime],
    ) -> None:
        self.url = ""
        """Where it is reached, such as https://127.0.0.1:7443."""
        self.kubeconfig = directory / KUBECONFIG
        """A kubeconfig for the administrator, mode 0600."""
        self._server = server
        self._directory = directory
        self._host = host
        self._authenticator = authenticator
        self._clock = clock
        self._identities = ensure(directory / "pki", host, clock())
        self._tls = _tls_context(self._identities)
        self._runner: web.ServerRunner | None = None
        self._streams: set[asyncio.Task[object]] = set()
        self._closing = False
        self._renewal: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        server: ApiServer,
        directory: Path,
        listen: tuple[str, int] = ("127.0.0.1", 0),
        *,
        tokens: Mapping[str, UserInfo] | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> Self:
        """Listen on a host and port (0: any free one); keys and kubeconfig are kept in `directory`.

        Raises ListenError when the address is taken or not ours, DataDirectoryError for unreadable keys.
        """
        host, port = listen
        authenticator = Authenticator.with_tokens(tokens or {})
        self = cls(server, directory, host, authenticator, clock or server.cluster.clock)
        bound = _bind(host, port)
        self.url = f"https://{_reachable(host)}:{bound.getsockname()[1]}"
        self._write_kubeconfig()
        low_level = web.Server(
            self._answer, handler_cancellation=True, keepalive_timeout=_KEEP_ALIVE, access_log=None
        )
        self._runner = web.ServerRunner(low_level)
        await self._runner.setup()
        await web.SockSite(self._runner, bound, ssl_context=self._tls, backlog=_BACKLOG).start()
        self._renewal = asyncio.create_task(self._renew(), name="apiserver certificates")
        return self

    async def close(self) -> None:
        """Take no more calls, end the watches, let answers under way finish (for a moment). Idempotent."""
        self._closing = True
        if self._renewal is not None:
            self._renewal.cancel()
        for stream in list(self._streams):
            stream.cancel()
        if self._runner is not None:
            runner, self._runner = self._runner, None
            with suppress(TimeoutError):
                async with asyncio.timeout(_STOP_SECONDS):
                    await runner.cleanup()

    async def _renew(self) -> None:
        """Certificates that come near their end are replaced while the server runs."""
        while True:
            await asyncio.sleep(_RENEWAL_SECONDS)
            fresh = ensure(self._directory / "pki", self._host, self._clock())
            if fresh.serving.certificate != self._identities.serving.certificate:
                certificate, key = fresh.serving_files
                self._tls.load_cert_chain(certificate, key)
            self._identities = fresh
            self._write_kubeconfig()

    def _write_kubeconfig(self) -> None:
        write_private(self.kubeconfig, kubeconfig(self.url, self._identities).encode())

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await self._server.handle(await self._read(request))
        except StatusError as error:
            response = error.response()
        if isinstance(response.body, bytes):
            found = web.Response(status=response.status, body=response.body)
            _set_headers(found, response)
            return found
        return await self._stream(request, response, response.body)

    async def _read(self, request: web.BaseRequest) -> Request:
        headers = {name.lower(): value for name, value in request.headers.items()}
        for name in _REPEATABLE & headers.keys():
            headers[name] = ",".join(request.headers.getall(name))
        peer = request.get_extra_info("ssl_object")
        user = self._authenticator.user(peer.getpeercert(binary_form=True) if peer else None, headers)
        path, _, query = request.raw_path.partition("?")
        return Request(
            request.method,
            unquote(path),
            parse_qs(query, keep_blank_values=True),
            headers,
            await _read_body(request),
            user,
        )

    async def _stream(
        self, request: web.BaseRequest, response: Response, body: AsyncIterator[bytes]
    ) -> web.StreamResponse:
        found = web.StreamResponse(status=response.status)
        _set_headers(found, response)
        found.enable_chunked_encoding()
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a handler always runs in a task
        self._streams.add(task)
        try:
            await found.prepare(request)
            async for chunk in body:
                await found.write(chunk)
        except asyncio.CancelledError:
            if not self._closing:
                raise
            task.uncancel()
        finally:
            self._streams.discard(task)
            close = getattr(body, "aclose", None)
            if close is not None:
                await close()
        with suppress(ConnectionError):
            await found.write_eof()
        return found


def _set_headers(found: web.StreamResponse, response: Response) -> None:
    for name, value in response.headers.items():
        found.headers[name] = value
    found.headers["cache-control"] = "no-cache, private"
    for warning in response.warnings:
        found.headers.add("warning", warning_header(warning))


async def _read_body(request: web.BaseRequest) -> bytes:
    """The body, as long as it is within the limit. Raises StatusError (413)."""
    if not request.body_exists:
        return b""
    refusal = too_large(f"limit is {BODY_LIMIT}")
    if (request.content_length or 0) > BODY_LIMIT:
        raise refusal
    chunks, size = [], 0
    async for chunk in request.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > BODY_LIMIT:
            raise refusal
    return b"".join(chunks)


def _tls_context(identities: Identities) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    certificate, key = identities.serving_files
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(cadata=identities.ca.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


def _bind(host: str, port: int) -> socket.socket:
    """A socket that is bound and does not listen yet. Raises ListenError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind(address)
        except OSError:
            found.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ListenError(f"{host}:{port} is in use by another program; choose another port") from None
        raise ListenError(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    found.setblocking(False)
    return found


def _reachable(host: str) -> str:
    """The listening host as a client on this machine writes it in a URL."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host or "127.0.0.1"
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"
    return host if address.version == 4 else f"[{host}]"


def kubeconfig(url: str, identities: Identities) -> str:
    """A kubeconfig that needs no other file."""

    def data(pem: bytes) -> str:
        return b64encode(pem).decode()

    return f"""apiVersion: v1
kind: Config
clusters:
- name: certwright
  cluster:
    server: {url}
    certificate-authority-data: {data(identities.ca)}
users:
- name: {ADMIN}
  user:
    client-certificate-data: {data(identities.admin.certificate)}
    client-key-data: {data(identities.admin.key)}
contexts:
- name: certwright
  context:
    cluster: certwright
    user: {ADMIN}
current-context: certwright
"""
