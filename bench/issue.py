"""How fast Certificates become Ready: N of them over M CA issuers, on any cluster, by any implementation.

The controllers to measure run already, whoever's they are. Name their processes with --process to
have CPU and memory read, and the API server's audit log with --audit-log to have calls counted.

    python -m bench.issue --kubeconfig FILE --count 500 --process controller=PID --audit-log audit.log
"""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench import audit, cluster, processes
from certwright.api.certmanager import Certificate
from certwright.api.meta import CERTIFICATES
from certwright.kube.client import Client
from certwright.kube.watcher import Applied, Watcher


class Options(Struct, frozen=True):
    """What to measure."""

    kubeconfig: Path
    count: int
    issuers: int
    algorithm: str
    size: int
    concurrency: int
    namespace: str
    timeout: float
    processes: list[processes.Process]
    audit_log: Path | None
    agent: str
    keep: bool


class Progress:
    """When each Certificate was created and when it was seen Ready, in seconds of the monotonic clock."""

    def __init__(self, count: int) -> None:
        self.created: dict[str, float] = {}
        self.ready: dict[str, float] = {}
        self.complete = asyncio.Event()
        self._count = count

    def note(self, certificate: Certificate) -> None:
        """Take note of a Certificate as the watch shows it."""
        conditions = {c.type: c.status for c in certificate.status.conditions}
        done = conditions.get("Ready") == "True" and conditions.get("Issuing") != "True"
        if done and certificate.metadata.name not in self.ready:
            self.ready[certificate.metadata.name] = time.monotonic()
            if len(self.ready) == self._count:
                self.complete.set()


async def measure(options: Options) -> dict[str, Any]:
    """Run the scenario once and give all figures."""
    async with cluster.connect(options.kubeconfig) as client:
        await cluster.make_namespace(client, options.namespace)
        issuers = await cluster.make_ca_issuers(client, options.namespace, options.issuers)
        progress = Progress(options.count)
        watching = asyncio.create_task(_watch(client, options.namespace, progress))
        before = {p.name: p.cpu_seconds() for p in options.processes}
        start = audit.position(options.audit_log) if options.audit_log else 0
        began = time.monotonic()
        try:
            await _create_all(client, options, issuers, progress)
            created = time.monotonic()
            async with asyncio.timeout(options.timeout):
                await progress.complete.wait()
        except TimeoutError:
            created = time.monotonic()
        finally:
            watching.cancel()
        cpu = {p.name: p.cpu_seconds() - before[p.name] for p in options.processes}
        await asyncio.sleep(1)  # lets the last events and audit lines be written; outside the measured span
        counts = audit.calls(options.audit_log, start, options.agent) if options.audit_log else Counter()
        if not options.keep:
            await cluster.delete_namespace(client, options.namespace)
        return _figures(options, progress, began, created, cpu, counts)


async def _watch(client: Client, namespace: str, progress: Progress) -> None:
    async for event in Watcher(client, CERTIFICATES, Certificate, namespace=namespace):
        if isinstance(event, Applied):
            progress.note(event.obj)


async def _create_all(client: Client, options: Options, issuers: list[str], progress: Progress) -> None:
    numbers = iter(range(options.count))

    async def worker() -> None:
        for number in numbers:
            body = _certificate(options, number, issuers[number % len(issuers)])
            progress.created[body["metadata"]["name"]] = time.monotonic()
            await client.create(CERTIFICATES, body, options.namespace)

    async with asyncio.TaskGroup() as group:
        for _ in range(options.concurrency):
            group.create_task(worker())


def _certificate(options: Options, number: int, issuer: str) -> dict[str, Any]:
    name = f"cert-{number:05d}"
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": options.namespace},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.example.com", f"www.{name}.example.com"],
            "privateKey": {"algorithm": options.algorithm, "size": options.size},
            "issuerRef": {"name": issuer, "kind": "Issuer", "group": "cert-manager.io"},
        },
    }


def _figures(
    options: Options,
    progress: Progress,
    began: float,
    created: float,
    cpu: dict[str, float],
    counts: Counter[tuple[str, str, int]],
) -> dict[str, Any]:
    ready = len(progress.ready)
    span = max(progress.ready.values()) - began if ready else float("nan")
    waits = sorted(progress.ready[name] - progress.created[name] for name in progress.ready)
    each = max(1, ready)
    return {
        "certificates": options.count,
        "issuers": options.issuers,
        "key": f"{options.algorithm}-{options.size}",
        "ready": ready,
        "seconds": round(span, 2),
        "seconds_to_create": round(created - began, 2),
        "rate": round(ready / span, 2) if ready else 0.0,
        "p50_seconds": round(waits[len(waits) // 2], 3) if waits else None,
        "p99_seconds": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)], 3) if waits else None,
        "calls_each": round(sum(counts.values()) / each, 2),
        "conflicts": sum(n for (_, _, code), n in counts.items() if code == 409),
        "calls": {f"{v} {r} {c}": n for (v, r, c), n in sorted(counts.items())},
        "processes": {
            p.name: {
                "cpu_ms_each": round(1000 * cpu[p.name] / each, 2),
                "cpu_seconds": round(cpu[p.name], 2),
                "peak_rss_mb": round(p.peak_rss_mb(), 1),
            }
            for p in options.processes
        },
    }


def table(figures: dict[str, Any]) -> str:
    """The figures for people."""
    lines = [f"{key:20} {value}" for key, value in figures.items() if not isinstance(value, dict)]
    lines += [f"  {n:6} {call}" for call, n in figures["calls"].items()]
    for name, values in figures["processes"].items():
        lines.append(f"{name:20} " + "  ".join(f"{k} {v}" for k, v in values.items()))
    return "\n".join(lines)


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options that all scenarios on a cluster share."""
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500, help="how many Certificates")
    parser.add_argument("--concurrency", type=int, default=16, help="how many calls at once")
    parser.add_argument("--process", action="append", default=[], metavar="NAME=PID")
    parser.add_argument("--json", type=Path, help="also write the figures here")


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.issue", description=(__doc__ or "").split("\n\n")[0])
    arguments(parser)
    parser.add_argument("--issuers", type=int, default=10)
    parser.add_argument("--algorithm", default="ECDSA")
    parser.add_argument("--size", type=int, default=0, help="default: 256 for ECDSA, 2048 for RSA")
    parser.add_argument("--namespace", default=f"bench-{int(time.time())}")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for the last one")
    parser.add_argument("--audit-log", type=Path)
    parser.add_argument("--agent", default="^certwright/|^cert-manager", help="user agents to count")
    parser.add_argument("--keep", action="store_true", help="leave the namespace behind")
    args = parser.parse_args()
    options = Options(
        kubeconfig=args.kubeconfig,
        count=args.count,
        issuers=args.issuers,
        algorithm=args.algorithm,
        size=args.size or {"RSA": 2048, "ECDSA": 256}.get(args.algorithm, 0),
        concurrency=args.concurrency,
        namespace=args.namespace,
        timeout=args.timeout,
        processes=processes.parse(tuple(args.process)),
        audit_log=args.audit_log,
        agent=args.agent,
        keep=args.keep,
    )
    figures = asyncio.run(measure(options))
    print(table(figures))
    if args.json:
        args.json.write_text(json.dumps(figures, indent=2) + "\n")
    return 0 if figures["ready"] == options.count else 1


if __name__ == "__main__":
    sys.exit(main())
