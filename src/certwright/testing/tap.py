"""A transport that notes every call and can break on cue. It answers nothing itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from msgspec import Struct

from certwright.kube.errors import Unreachable
from certwright.kube.requests import Request
from certwright.kube.transport import Response, Stream, Transport

READS = frozenset({"get", "list", "watch"})


class Call(Struct, frozen=True):
    """A call that was made: its words (`create events shop/web`) and the HTTP code, 0 without an answer."""

    verb: str
    resource: str
    target: str
    code: int

    @property
    def is_write(self) -> bool:
        """Whether it changes an object; events do not count as such."""
        return self.verb not in READS and self.resource != "events"


class Trouble(Struct, frozen=True):
    """What goes wrong at a call: nothing of it arrives, or it is done and the answer is lost.

    `fatal` ends all communication with it, as when the process is killed: no call returns any more.
    """

    done: bool = False
    fatal: bool = False


Cue = Callable[[Request], Awaitable[Trouble | None]]


class Tap:
    """Passes calls on to another transport; `cue` says for each call what goes wrong with it, if anything."""

    def __init__(self, inner: Transport, cue: Cue | None = None) -> None:
        self.calls: list[Call] = []
        self.cue = cue
        self.dead = asyncio.Event()
        self._inner = inner
        self._stalled: dict[str, asyncio.Event] = {}

    @property
    def writes(self) -> list[Call]:
        """The calls that changed objects, or tried to."""
        return [call for call in self.calls if call.is_write]

    def stall(self, resource: str) -> None:
        """Hold up the watches of a resource: what happens from now on is not told."""
        self._stalled.setdefault(resource, asyncio.Event())

    def resume(self, resource: str) -> None:
        """Let the watches of a resource tell what they held up."""
        self._stalled.pop(resource).set()

    async def send(self, request: Request) -> Response:
        """Pass a call on. Raises Unreachable on cue, and never returns once the line is dead."""
        await self._unless_dead()
        trouble = await self.cue(request) if self.cue is not None else None
        if trouble is None:
            return await self._pass(request)
        if trouble.fatal:
            self.dead.set()
        if trouble.done:
            await self._pass(request)
        await self._unless_dead()
        raise Unreachable(message=f"{request.call}: the connection broke")

    @asynccontextmanager
    async def stream(self, request: Request) -> AsyncIterator[Stream]:
        """Pass a watch on; it is noted when it is opened."""
        await self._unless_dead()
        async with self._inner.stream(request) as (status, headers, chunks):
            self._note(request, status)
            yield status, headers, self._paced(request.resource, chunks)

    async def close(self) -> None:
        """Close the other transport."""
        await self._inner.close()

    async def _paced(self, resource: str, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            while (stalled := self._stalled.get(resource)) is not None:
                await stalled.wait()
            yield chunk

    async def _pass(self, request: Request) -> Response:
        response = await self._inner.send(request)
        self._note(request, response.status)
        return response

    async def _unless_dead(self) -> None:
        if self.dead.is_set():
            await asyncio.get_running_loop().create_future()

    def _note(self, request: Request, code: int) -> None:
        self.calls.append(Call(request.verb, request.resource, request.target, code))
