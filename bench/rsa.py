"""RSA-2048: how fast Certificates become Ready, and how fast all cores together can make such keys at all.

    python -m bench.rsa --count 200

Keys are what takes the time, so the second figure is the ceiling of the first. It is measured before and
after, in a process that does nothing else.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench import cluster, issue
from bench.figures import print_all, write_json
from bench.processes import Process
from bench.server import Up
from certwright.pki import keys

CORES = os.cpu_count() or 1


def keys_per_second(seconds: float = 5.0) -> float:
    """Make RSA-2048 keys on all cores for a while."""
    code = f"from bench.rsa import make_keys; print(make_keys({seconds}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def make_keys(seconds: float) -> float:
    """Make RSA-2048 keys in as many threads as there are cores; returns keys per second."""
    began = time.monotonic()

    def work() -> float:
        made = 0
        while time.monotonic() < began + seconds:
            keys.generate("RSA", 2048)
            made += 1
        return made / (time.monotonic() - began)

    with ThreadPoolExecutor(CORES) as pool:
        return sum(job.result() for job in [pool.submit(work) for _ in range(CORES)])


async def measure(root: Path, count: int) -> dict[str, Any]:
    """Issue from `certwright up`, between two measurements of the ceiling."""
    before = keys_per_second()
    async with Up(root).running() as server, cluster.connect(server.kubeconfig) as client:
        options = issue.Options(
            count=count, algorithm="RSA", keep=True, processes=[Process("certwright up", server.pid)]
        )
        figures = await issue.measure(client, options)
    after = keys_per_second()
    possible = (before + after) / 2
    return figures | {
        "keys_per_second": f"{before:.1f} before, {after:.1f} after, on {CORES} cores",
        "share_of_possible": round(figures["rate"] / possible, 3),
    }


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.rsa", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
        figures = {"RSA-2048, certwright up": asyncio.run(measure(Path(root), args.count))}
    print_all(figures)
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
