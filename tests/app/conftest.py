"""Real processes of `certwright up`, and a look at the state they leave behind."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from certwright.apiserver.log import Log

PATIENCE = 60
"""Seconds after which a process that does not end is a failure."""


class Up:
    """Runs `certwright up` on one data directory of its own, and a free port."""

    examples = Path(__file__).parent.parent.parent / "examples"

    def __init__(self, root: Path) -> None:
        self.root = root
        self.data = root / "data"
        self.export = root / "export"
        self._running: list[subprocess.Popen[str]] = []

    def command(self, *arguments: object, data: Path | None = None) -> list[str]:
        head = [sys.executable, "-m", "certwright", "up", "--data-dir", str(data or self.data)]
        listen = [] if "--listen" in arguments else ["--listen", "127.0.0.1:0"]
        return [*head, *listen, *map(str, arguments)]

    def once(
        self, *arguments: object, data: Path | None = None, stdin: str = ""
    ) -> subprocess.CompletedProcess[str]:
        """Run to the end with --once."""
        return subprocess.run(
            self.command("--once", *arguments, data=data),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def start(self, *arguments: object, data: Path | None = None) -> subprocess.Popen[str]:
        """Start a server; it is killed at the end of the test if it still runs."""
        process = subprocess.Popen(
            self.command(*arguments, data=data),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
        self._running.append(process)
        return process

    def objects(self) -> dict[str, dict[str, Any]]:
        """What the state of a server that does not run holds, by key."""

        async def read() -> dict[str, dict[str, Any]]:
            log = Log.open(self.data / "state.db")
            try:
                return {record.key: msgspec.json.decode(record.value) for record in log.range("").records}
            finally:
                await log.close()

        return asyncio.run(read())

    def versions(self) -> dict[str, str]:
        """The resourceVersion of each object."""
        return {key: obj["metadata"]["resourceVersion"] for key, obj in self.objects().items()}

    def read_until(self, process: subprocess.Popen[str], text: str) -> str:
        """The lines a process prints up to the one that contains `text`."""
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            lines.append(line)
            if text in line:
                return "".join(lines)
        assert process.stderr is not None
        raise AssertionError(f"{text!r} never came: {''.join(lines)}{process.stderr.read()}")

    def end(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Wait for the end of a process: what it still wrote to its output, and its errors."""
        return process.communicate(timeout=PATIENCE)

    def kill(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Up]:
    runner = Up(tmp_path)
    yield runner
    runner.kill()
