"""What a restart costs on a cluster with many Certificates: memory for each, time until all are decided.

The embedded server runs alone in a process, with `--count` Certificates issued before; `certwright
controller` starts on it as another. It has nothing to do but to read and to decide. The same with no
Certificate is the base.

    python -m bench.adoption --count 10000
"""

import argparse
import asyncio
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench import inprocess, issue
from bench.calls import Counts, MetricsCalls, quiet
from bench.figures import print_all, write_json
from bench.processes import Process
from bench.server import Alone, environment, free_port
from certwright.kube.errors import Unreachable

_MOMENT = re.compile(r"^time=(\S+) .*msg=\"(caches are filled|\d+ certificates were looked at)")


class Seen(Struct):
    """One start of the controller: seconds since then, and memory in MB at the end.

    `first` is when its caches are filled: the first decision follows at once.
    """

    first: float
    all: float
    rss: float
    peak: float
    cpu: float
    calls: Counts


class Controller:
    """`certwright controller` as a process on a kubeconfig; its metrics tell how far it is."""

    def __init__(self, kubeconfig: Path, log: Path) -> None:
        self._kubeconfig = kubeconfig
        self._log = log
        self._port = free_port()

    @property
    def url(self) -> str:
        """Its metrics."""
        return f"http://127.0.0.1:{self._port}/metrics"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Process]:
        """Start it, and stop it in the end."""
        command = [sys.executable, "-m", "certwright", "controller", "--kubeconfig", str(self._kubeconfig)]
        command += ["--metrics-listen-address", f"127.0.0.1:{self._port}"]
        process = self._start(command)
        try:
            yield Process("controller", process.pid)
        finally:
            process.terminate()
            process.wait(10)

    def _start(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, env=environment())

    def moments(self) -> list[float]:
        """When its caches were filled, and when all was decided, as far as it is: seconds since 1970."""
        found = (_MOMENT.match(line) for line in self._log.read_text().splitlines())
        return [datetime.fromisoformat(match[1]).timestamp() for match in found if match]


async def observe(controller: Controller, seconds: float = 600.0) -> Seen:
    """Start the controller and wait until every Certificate was decided, and a little longer."""
    began = time.time()
    async with controller.running() as process, asyncio.timeout(seconds):
        while True:
            if len(controller.moments()) == 2:
                break
            await asyncio.sleep(0.1)
        cpu = process.cpu_seconds()
        calls = await quiet(MetricsCalls(controller.url))
        first, last = controller.moments()
        rss, peak = process.rss_mb(), process.peak_rss_mb()
        return Seen(first - began, last - began, rss, peak, cpu, calls[0])


async def fill(data: Path, count: int, algorithm: str) -> None:
    """Issue Certificates onto a data directory."""
    options = issue.Options(count=count, algorithm=algorithm, keep=True, concurrency=64)
    async with inprocess.server(data) as opened:
        working = inprocess.client(opened)
        async with inprocess.controllers(working):
            figures = await issue.measure(inprocess.client(opened), options)
    if figures["ready"] != count:
        raise Unreachable(message=f"only {figures['ready']} of {count} certificates could be made beforehand")


async def measure(root: Path, count: int, algorithm: str) -> dict[str, Any]:
    """Both starts, and what one Certificate adds."""
    found: dict[int, Seen] = {}
    for number in (0, count):
        directory = root / str(number)
        directory.mkdir()
        alone = Alone(directory)
        if number:
            await fill(alone.data, number, algorithm)
        async with alone.running():
            controller = Controller(alone.kubeconfig, directory / "controller.log")
            found[number] = await observe(controller)
    return figures(found[0], found[count], count, algorithm)


def figures(base: Seen, full: Seen, count: int, algorithm: str) -> dict[str, Any]:
    """What was seen, in the words of docs/reference/benchmarks.md."""
    return {
        "certificates": count,
        "key": algorithm,
        "base_rss_mb": round(base.rss, 1),
        "rss_mb": round(full.rss, 1),
        "peak_rss_mb": round(full.peak, 1),
        "bytes_each": round((full.rss - base.rss) * 1024 * 1024 / count),
        "bytes_each_at_peak": round((full.peak - base.peak) * 1024 * 1024 / count),
        "seconds_to_first_decision": round(full.first, 2),
        "seconds_to_all_decided": round(full.all, 2),
        "cpu_seconds": round(full.cpu, 2),
        "calls": {f"{verb} {kind} {code}": n for (verb, kind, code), n in sorted(full.calls.items())},
    }


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.adoption", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--algorithm", default="ECDSA", choices=["ECDSA", "RSA", "Ed25519"])
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
        found = asyncio.run(measure(Path(root), args.count, args.algorithm))
    print_all({"adoption": found})
    write_json(args.json, found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
