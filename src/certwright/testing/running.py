"""Controllers that tests run: started on a connection of their own, stopped or killed. Not the server."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from certwright.controllers.manager import ControllerConfig, Controllers
from certwright.kube.client import Client
from certwright.kube.events import EventRecorder
from certwright.testing.clock import Clock
from certwright.testing.tap import Tap


class Running:
    """Controllers at work, as one process of their own: own memory, own connection, own events."""

    def __init__(self, tap: Tap, clock: Clock, config: ControllerConfig) -> None:
        self.tap = tap
        self.client = Client(tap, "certwright-test-controllers", clock.now)
        self.recorder = EventRecorder(self.client, clock.now)
        self.controllers = Controllers(self.client, clock.now, config, self.recorder, timer=clock.seconds)
        self.config = config
        self._task = asyncio.get_running_loop().create_task(self.controllers.run(), name="controllers")

    async def synced(self) -> None:
        """Wait until the caches are filled. Raises what ended the controllers before that, if anything."""
        await self._while_running(self.controllers.synced())

    async def stop(self) -> None:
        """End in good order: what they want to tell is told."""
        await self._end()
        await self.recorder.close()
        await self.client.close()

    async def kill(self) -> None:
        """End at once, in the middle of whatever they do; all they know is lost."""
        self.tap.dead.set()
        await self._end()
        await self.recorder.close(grace=0)
        await self.client.close()

    def syncs(self) -> int:
        """How many passes there were."""
        return sum(engine.counters.syncs for engine in self.controllers.engines)

    def next_due(self) -> float | None:
        """When the next key is due, in the clock's seconds."""
        times = [engine.queue.next_due() for engine in self.controllers.engines]
        return min((due for due in times if due is not None), default=None)

    def look_again(self) -> None:
        """Make the queues see that the clock was moved."""
        for engine in self.controllers.engines:
            engine.queue.look_again()

    async def idle(self) -> None:
        """Wait until no key is due and every event is posted. Raises what ended the controllers."""
        await self._while_running(self.controllers.idle())
        await self.recorder.flush()

    def is_idle(self) -> bool:
        """Whether no key is due or being worked on."""
        return all(engine.queue.is_idle() for engine in self.controllers.engines)

    async def _while_running(self, waiting: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(waiting)
        await asyncio.wait({task, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            task.cancel()
            await self._task
        await task

    async def _end(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
