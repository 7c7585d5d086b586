"""A server as a process: started, killed, stopped, on directories that stay. It judges nothing."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Self


class ServerError(Exception):
    """The process ended by itself, or does not answer; the message ends with what it wrote last."""


class Server:
    """One server process, always at the same address, state below `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.data = directory / "data"
        self.log = directory / "server.log"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> list[str]:
        """What is started, after the name of the interpreter."""
        raise NotImplementedError

    @property
    def kubeconfig(self) -> Path:
        """How clients reach it, from its first start on."""
        return self.data / "kubeconfig"

    @property
    def pid(self) -> int:
        """The number of the process. Raises ServerError when there is none."""
        if self._process is None:
            raise ServerError("the server was not started")
        return self._process.pid

    def start(self) -> None:
        """Start the process; it does not answer yet."""
        command = [sys.executable, *self.command()]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment()
            )

    def check(self) -> None:
        """Raises ServerError if the process has ended without being asked to."""
        if self._process is not None and self._process.poll() is not None:
            raise ServerError(f"the server ended with {self._process.returncode}: {self._last_words()}")

    async def answering(self, seconds: float = 30.0) -> None:
        """Wait until it accepts connections. Raises ServerError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            self.check()
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                return
            await asyncio.sleep(0.01)
        raise ServerError(f"no answer within {seconds:g} s: {self._last_words()}")

    def kill(self) -> None:
        """End it with SIGKILL, wherever it is. Raises ServerError if it had ended by itself."""
        self.check()
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it with SIGTERM and wait."""
        self._end(signal.SIGTERM)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Start it, and stop it in the end. Raises ServerError."""
        self.start()
        try:
            await self.answering()
            yield self
        finally:
            self.stop()

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, number)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def _last_words(self) -> str:
        return " / ".join(self.log.read_text(errors="replace").splitlines()[-3:])


def environment() -> dict[str, str]:
    """That of this process, as users have it: with compiled modules kept between two starts."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Up(Server):
    """`certwright up`; `manifests` are handed to it with -f at every start, `export` with --export."""

    def __init__(self, directory: Path, *manifests: Path, export: Path | None = None) -> None:
        super().__init__(directory)
        self._manifests = manifests
        self._export = export

    def command(self) -> list[str]:
        """What is started, after the name of the interpreter."""
        command = ["-m", "certwright", "up", "--listen", f"127.0.0.1:{self.port}"]
        command += ["--data-dir", str(self.data)]
        if self._export is not None:
            command += ["--export", str(self._export)]
        for manifest in self._manifests:
            command += ["-f", str(manifest)]
        return command


class Alone(Server):
    """The embedded API server without controllers."""

    def command(self) -> list[str]:
        """What is started, after the name of the interpreter."""
        return ["-m", "bench.alone", str(self.data), str(self.port)]


def free_port() -> int:
    """A port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
