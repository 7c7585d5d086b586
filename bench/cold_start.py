"""From process start to the first Ready certificate, and where the time goes.

    python -m bench.cold_start

The parts come from one process that takes the steps of `certwright up` with a stopwatch in hand; the
total beside them is that of `certwright up --once` as users start it. Median of a few runs each.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figures import print_all, write_json
from bench.server import environment

RUNS = 5
MANIFESTS = Path(__file__).parents[1] / "examples"


def measure(runs: int = RUNS) -> dict[str, Any]:
    """Median milliseconds of every part, and of everything."""
    laps = [_parts() for _ in range(runs)]
    parts = {name: _median([lap[name] for lap in laps]) for name in laps[0]}
    interpreter = _median([_timed([sys.executable, "-c", "pass"]) for _ in range(runs)])
    whole = _median([_once() for _ in range(runs)])
    counted = parts["first Ready"] - interpreter - parts["key generation"]
    return {
        "runs": runs,
        "first_ready_ms": parts.pop("first Ready"),
        "beyond_interpreter_and_keys_ms": round(counted, 1),
        "certwright_up_once_ms": whole,
        "milliseconds": {"interpreter": interpreter} | parts,
    }


def _median(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def _timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=environment())
    return 1000 * (time.monotonic() - began)


def _once() -> float:
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
        command = [sys.executable, "-m", "certwright", "up", "--once", "--listen", "127.0.0.1:0"]
        return _timed([*command, "-f", str(MANIFESTS), "--data-dir", f"{root}/data", "--export", f"{root}/e"])


def _parts() -> dict[str, float]:
    """One run with a stopwatch; see bench.stopwatch."""
    with tempfile.TemporaryDirectory(prefix="certwright-bench-") as root:
        command = [sys.executable, "-m", "bench.stopwatch", str(time.monotonic_ns()), root, str(MANIFESTS)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment())
    found: dict[str, float] = json.loads(done.stdout)
    return found


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.cold_start", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    figures = {"cold start": measure(args.runs)}
    print_all(figures)
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
