"""Issuance without sockets: server, controllers and clients in one process, calls go straight to the handler.

The same bytes as over HTTP, but neither TLS nor connections: what the embedded server and the controllers
cost by themselves. The floor beside it is the same number of thoughtless writes to a server of its own.

    python -m bench.inprocess --count 500
"""

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from bench import cluster, floor, issue
from bench.alone import ADMIN
from bench.calls import ClientCalls
from bench.figures import print_all, write_json
from bench.processes import Process
from certwright.apiserver.handler import ApiServer
from certwright.app.inprocess import InProcess
from certwright.controllers.manager import ControllerConfig, Controllers
from certwright.kube.client import Client
from certwright.kube.events import EventRecorder

ME = Process("server, controllers and clients", os.getpid())


@asynccontextmanager
async def server(directory: Path | None) -> AsyncIterator[ApiServer]:
    """An API server with our kinds, its state in a directory or (None) in memory only."""
    opened = await ApiServer.open(directory)
    try:
        await cluster.install_crds(client(opened))
        yield opened
    finally:
        await opened.close()


def client(opened: ApiServer, user_agent: str = "certwright-bench") -> Client:
    """A client that calls the handler."""
    return Client(InProcess(opened, ADMIN), user_agent=user_agent)


@asynccontextmanager
async def controllers(calls: Client) -> AsyncIterator[Controllers]:
    """All controllers, working through a client."""

    def clock() -> datetime:
        return datetime.now(UTC)

    recorder = EventRecorder(calls, clock)
    made = Controllers(calls, clock, ControllerConfig(), recorder)
    running = asyncio.create_task(made.run())
    try:
        await made.synced()
        yield made
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await recorder.close()


async def issuance(directory: Path | None, options: issue.Options) -> dict[str, Any]:
    """Issue Certificates."""
    async with server(directory) as opened:
        working = client(opened, "certwright")
        async with controllers(working):
            counted = msgspec.structs.replace(options, calls=ClientCalls(working.calls), processes=[ME])
            return await issue.measure(client(opened), counted)


async def ceiling(directory: Path | None, options: floor.Options) -> dict[str, Any]:
    """Write as much without thinking."""
    async with server(directory) as opened:
        return await floor.measure(client(opened), msgspec.structs.replace(options, processes=[ME]))


async def both(root: Path, count: int, memory: bool = False) -> dict[str, Any]:
    """Floor and issuance, each on a new server."""
    paths = (None, None) if memory else (root / "floor", root / "issue")
    written = await ceiling(paths[0], floor.Options(count=count, keep=True))
    issued = await issuance(paths[1], issue.Options(count=count, keep=True))
    return {"floor, in process": written, "issue, in process": issued}


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.inprocess", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--memory", action="store_true", help="keep the state in memory instead of on disk")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
        figures = asyncio.run(both(Path(root), args.count, args.memory))
    print_all(figures)
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
