"""A loop whose time is virtual, and a web server that plays what API servers and proxies do on the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any

import pytest
from aiohttp import web

from certwright.apiserver.handler import ApiServer
from certwright.apiserver.wire import MASTERS, UserInfo
from certwright.app.inprocess import InProcess
from certwright.kube.client import Client
from certwright.kube.cluster import ClusterConfig
from certwright.kube.transport import HttpTransport

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class VirtualLoop(asyncio.SelectorEventLoop):
    """Instead of sleeping, it moves its clock. Waiting for nothing at all is an error, not a hang."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 1000.0
        poll = self._selector.select

        def select(timeout: float | None = None) -> list[Any]:
            ready = poll(0)
            if not ready and timeout is None:
                raise RuntimeError("everybody waits, and nothing will ever happen")
            if not ready and timeout:
                self._virtual += timeout
            return ready

        self._selector.select = select

    def time(self) -> float:
        return self._virtual


@pytest.fixture
def virtual() -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Runs a coroutine to its end in virtual time."""

    def run(scenario: Coroutine[Any, Any, Any]) -> Any:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(scenario)

    return run


class Server:
    """Answers requests with the handlers of a script, in order; remembers what was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.script: list[Handler] = []
        self.otherwise: Handler | None = None

    def plays(self, *handlers: Handler, otherwise: Handler | None = None) -> None:
        self.script.extend(handlers)
        self.otherwise = otherwise

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        self.bodies.append(await request.read())
        handler = self.script.pop(0) if self.script else self.otherwise
        if handler is None:
            raise AssertionError(f"nothing in the script for {request.method} {request.path_qs}")
        return await handler(request)

    def queries(self) -> list[dict[str, str]]:
        return [dict(request.query) for request in self.asked]

    @staticmethod
    def json(body: Any, status: int = 200, **headers: str) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            return web.json_response(
                body, status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}
            )

        return answer

    @staticmethod
    def text(body: str, status: int, content_type: str = "text/html", **headers: str) -> Handler:
        async def answer(request: web.Request) -> web.Response:
            named = {k.replace("_", "-"): v for k, v in headers.items()}
            return web.Response(text=body, status=status, content_type=content_type, headers=named)

        return answer

    @staticmethod
    def status(code: int, reason: str, message: str = "no", **more: Any) -> Handler:
        headers = more.pop("headers", {})
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        return Server.json(body | {"message": message} | more, code, **headers)

    @staticmethod
    def stream(*parts: Any, then: str = "end") -> Handler:
        """A watch: dicts become lines, bytes are sent as they are, awaitables are awaited in between.

        `then`: "end" ends it in good order, "break" cuts the connection, "hang" keeps it open.
        """

        async def answer(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Type": "application/json"})
            await response.prepare(request)
            for part in parts:
                if isinstance(part, dict):
                    await response.write(json.dumps(part).encode() + b"\n")
                elif isinstance(part, bytes):
                    await response.write(part)
                else:
                    await part()
            if then == "hang":
                await asyncio.Event().wait()
            if then == "break":
                assert request.transport is not None
                request.transport.abort()
            return response

        return answer


@pytest.fixture
async def peer() -> AsyncIterator[Server]:
    played = Server()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", played.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    played.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield played
    await runner.cleanup()


class Pauses(list[float]):
    """What a client or watcher slept instead of sleeping."""

    async def __call__(self, seconds: float) -> None:
        self.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
def pauses() -> Pauses:
    return Pauses()


@pytest.fixture
async def client(peer: Server, pauses: Pauses) -> AsyncIterator[Client]:
    made = Client(HttpTransport(ClusterConfig(server=peer.url)), "test/1", sleep=pauses)
    yield made
    await made.close()


@pytest.fixture
async def api() -> AsyncIterator[ApiServer]:
    """The embedded API server, in memory."""
    server = await ApiServer.open(None)
    yield server
    await server.close()


@pytest.fixture
async def direct(api: ApiServer, pauses: Pauses) -> AsyncIterator[Client]:
    """A client of the embedded server, by direct calls."""
    made = Client(InProcess(api, UserInfo("admin", groups=(MASTERS,))), "test/1", sleep=pauses)
    yield made
    await made.close()
