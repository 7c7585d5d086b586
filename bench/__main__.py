"""Everything that can be measured without a cluster: `python -m bench`, or `make bench`.

`certwright up` runs on a temporary directory and is measured over its kubeconfig; then the same in one
process, the cold start, and RSA keys. Figures depend on the machine: compare those of one run only.
"""

import argparse
import asyncio
import os
import platform
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import cluster, cold_start, floor, inprocess, issue, rsa
from bench.figures import print_all, write_json
from bench.processes import Process
from bench.server import Alone, Up

Figures = dict[str, Any]


def served(root: Path, count: int) -> Figures:
    """Over a socket and TLS: floor of the embedded server alone, issuance by `certwright up`."""
    return asyncio.run(_served(root, count))


async def _served(root: Path, count: int) -> Figures:
    for name in ("alone", "up"):
        (root / name).mkdir()
    async with Alone(root / "alone").running() as alone, cluster.connect(alone.kubeconfig) as client:
        named = [Process("server", alone.pid)]
        written = await floor.measure(client, floor.Options(count=count, keep=True, processes=named))
    async with Up(root / "up").running() as up, cluster.connect(up.kubeconfig) as client:
        named = [Process("certwright up", up.pid)]
        issued = await issue.measure(client, issue.Options(count=count, keep=True, processes=named))
    return {"floor, over TLS": written, "issue, over TLS": issued}


def in_process(root: Path, count: int) -> Figures:
    """Clients in the server's own process."""
    return asyncio.run(inprocess.both(root, count))


def start(root: Path, count: int) -> Figures:
    """From process start to the first Ready certificate."""
    del root, count
    return {"cold start": cold_start.measure()}


def rsa_keys(root: Path, count: int) -> Figures:
    """Key generation is the ceiling."""
    return {"RSA-2048, certwright up": asyncio.run(rsa.measure(root, max(1, count * 2 // 5)))}


SCENARIOS: dict[str, Callable[[Path, int], Figures]] = {
    "served": served,
    "in-process": in_process,
    "cold-start": start,
    "rsa": rsa_keys,
}


def machine() -> Figures:
    """Where the figures come from."""
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("scenario", nargs="*", choices=[[], *SCENARIOS], help="default: all")
    parser.add_argument("--count", type=int, default=500, help="how many Certificates")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    args = parser.parse_args()
    figures = {"machine": machine()}
    print_all(figures)
    for name in args.scenario or SCENARIOS:
        with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
            found = SCENARIOS[name](Path(root), args.count)
        print_all(found)
        figures |= found
    write_json(args.json, figures)
    return 0 if all(each.get("ready", 0) == each.get("certificates", 0) for each in _issued(figures)) else 1


def _issued(figures: Figures) -> list[Figures]:
    return [each for each in figures.values() if "ready" in each]


if __name__ == "__main__":
    sys.exit(main())
