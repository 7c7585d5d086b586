"""The embedded API server as `certwright up` runs it: opened on its data directory, with our rules for what
may be stored, and listening.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from certwright.apiserver.data_directory import DataDirectoryError
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.listener import Listener, ListenError
from certwright.app.admission import Rules
from certwright.app.errors import RunError
from certwright.webhook.writes import Gates


class Embedded:
    """A running API server. Its kubeconfig is there before it answers."""

    def __init__(self, server: ApiServer, listener: Listener) -> None:
        self.server = server
        self.url = listener.url
        self.kubeconfig = listener.kubeconfig
        self._listener = listener

    @classmethod
    async def open(
        cls,
        data_dir: Path,
        listen: tuple[str, int],
        clock: Callable[[], datetime],
        gates: Gates | None = None,
    ) -> Embedded:
        """Open the state in `data_dir` and serve it at an address. Raises RunError.

        `gates` are those of the rules for what may be stored.
        """
        try:
            server = await ApiServer.open(data_dir, clock, admission=[Rules(gates)])
        except DataDirectoryError as error:
            raise RunError(str(error)) from error
        try:
            return cls(server, await Listener.open(server, data_dir, listen))
        except (DataDirectoryError, ListenError) as error:
            await server.close()
            raise RunError(str(error)) from error

    async def close(self) -> None:
        """Stop answering, and close the state."""
        await self._listener.close()
        await self.server.close()
