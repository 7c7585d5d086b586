"""The embedded API server as `certwright up` runs it: opened on its data directory, and listening."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from certwright.apiserver.data_directory import DataDirectoryError
from certwright.apiserver.handler import ApiServer
from certwright.app.datadir import KUBECONFIG
from certwright.app.errors import RunError


class Embedded:
    """A running API server. Its kubeconfig is there before it answers."""

    def __init__(self, server: ApiServer, url: str, kubeconfig: Path) -> None:
        self.server = server
        self.url = url
        self.kubeconfig = kubeconfig

    @classmethod
    async def open(cls, data_dir: Path, listen: tuple[str, int], clock: Callable[[], datetime]) -> Embedded:
        """Open the state in `data_dir` and serve it at an address. Raises RunError."""
        try:
            server = await ApiServer.open(data_dir, clock)
        except DataDirectoryError as error:
            raise RunError(str(error)) from error
        return cls(server, f"https://{listen[0]}:{listen[1]}", data_dir / KUBECONFIG)

    async def close(self) -> None:
        """Stop answering, and close the state."""
        await self.server.close()
