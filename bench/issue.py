"""How fast Certificates become Ready: N of them over M CA issuers, on any cluster, by any implementation.

The controllers to measure run already, whoever's they are. Name their processes with --process to
have CPU and memory read; calls are counted from the API server's audit log (--audit-log) or from the
metrics of our own controller (--metrics).

    python -m bench.issue --kubeconfig FILE --count 500 --process controller=PID --audit-log audit.log
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from msgspec import Struct

from bench import cluster
from bench.calls import AuditCalls, Counts, MetricsCalls, Source, quiet
from bench.figures import print_all, write_json
from bench.processes import Process, parse
from certwright.api.certmanager import Certificate
from certwright.api.meta import CERTIFICATES
from certwright.kube.client import Client
from certwright.kube.watcher import Applied, Watcher

SIZES = {"RSA": 2048, "ECDSA": 256}


class Options(Struct, frozen=True, kw_only=True):
    """What to measure."""

    count: int = 500
    issuers: int = 10
    algorithm: str = "ECDSA"
    size: int = 0
    concurrency: int = 16
    namespace: str = "bench"
    timeout: float = 600.0
    processes: list[Process] = []
    calls: Source | None = None
    keep: bool = False


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


class Usage(Struct):
    """What it cost, from `began` to `quiet_at` (monotonic seconds)."""

    began: float
    created_at: float
    quiet_at: float
    cpu: dict[str, float]
    calls: Counts


async def measure(client: Client, options: Options) -> dict[str, Any]:
    """Run the scenario once and give all figures."""
    await cluster.make_namespace(client, options.namespace)
    issuers = await cluster.make_ca_issuers(client, options.namespace, options.issuers)
    if options.calls is not None:
        await quiet(options.calls, patience=5)
    progress = Progress(options.count)
    watching = asyncio.create_task(_watch(client, options.namespace, progress))
    try:
        usage = await _measure(client, options, issuers, progress)
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    if not options.keep:
        await cluster.delete_namespace(client, options.namespace)
    return _figures(options, progress, usage)


async def _measure(client: Client, options: Options, issuers: list[str], progress: Progress) -> Usage:
    before = {p.name: p.cpu_seconds() for p in options.processes}
    calls_before = await options.calls.read() if options.calls else Counter()
    began = created_at = time.monotonic()
    try:
        async with asyncio.timeout(options.timeout):
            await _create_all(client, options, issuers, progress)
            created_at = time.monotonic()
            await progress.complete.wait()
    except TimeoutError:
        print(f"only {len(progress.ready)} of {options.count} Ready in time", file=sys.stderr)
    quiet_at, calls_after = time.monotonic(), calls_before
    if options.calls is not None:
        calls_after, quiet_at = await quiet(options.calls)
    else:
        await asyncio.sleep(1)
    cpu = {p.name: p.cpu_seconds() - before[p.name] for p in options.processes}
    return Usage(began, created_at, quiet_at, cpu, calls_after - calls_before)


async def _watch(client: Client, namespace: str, progress: Progress) -> None:
    async for event in Watcher(client, CERTIFICATES, Certificate, namespace=namespace):
        if isinstance(event, Applied):
            progress.note(event.obj)


async def _create_all(client: Client, options: Options, issuers: list[str], progress: Progress) -> None:
    numbers = iter(range(options.count))

    async def worker() -> None:
        for number in numbers:
            body = certificate(options, number, issuers[number % len(issuers)])
            progress.created[body["metadata"]["name"]] = time.monotonic()
            await client.create(CERTIFICATES, body, options.namespace)

    async with asyncio.TaskGroup() as group:
        for _ in range(options.concurrency):
            group.create_task(worker())


def certificate(options: Options, number: int, issuer: str) -> dict[str, Any]:
    """One of the Certificates to create."""
    name = f"cert-{number:05d}"
    size = options.size or SIZES.get(options.algorithm, 0)
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": options.namespace},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.example.com", f"www.{name}.example.com"],
            "privateKey": {"algorithm": options.algorithm, "size": size},
            "issuerRef": {"name": issuer, "kind": "Issuer", "group": "cert-manager.io"},
        },
    }


def _figures(options: Options, progress: Progress, usage: Usage) -> dict[str, Any]:
    ready = len(progress.ready)
    span = max(progress.ready.values()) - usage.began if ready else float("nan")
    waits = sorted(progress.ready[name] - progress.created[name] for name in progress.ready)
    each = max(1, ready)
    figures: dict[str, Any] = {
        "certificates": options.count,
        "issuers": options.issuers,
        "key": f"{options.algorithm}-{options.size or SIZES.get(options.algorithm, '')}",
        "ready": ready,
        "seconds": round(span, 2),
        "seconds_to_create": round(usage.created_at - usage.began, 2),
        "rate": round(ready / span, 2) if ready else 0.0,
        "p50_seconds": round(waits[len(waits) // 2], 3) if waits else None,
        "p99_seconds": round(waits[min(len(waits) - 1, len(waits) * 99 // 100)], 3) if waits else None,
    }
    if options.calls is not None:
        quiet_span = max(span, usage.quiet_at - usage.began)
        figures |= {
            "seconds_with_events": round(quiet_span, 2),
            "rate_with_events": round(ready / quiet_span, 2),
            "calls_each": round(sum(usage.calls.values()) / each, 2),
            "writes_each": round(object_writes(usage.calls) / each, 2),
            "conflicts": sum(n for (_, _, code), n in usage.calls.items() if code == 409),
            "calls": {f"{v} {r} {c}": n for (v, r, c), n in sorted(usage.calls.items())},
        }
    return figures | {
        "processes": {
            p.name: {
                "cpu_ms_each": round(1000 * usage.cpu[p.name] / each, 2),
                "cpu_seconds": round(usage.cpu[p.name], 2),
                "peak_rss_mb": round(p.peak_rss_mb(), 1),
            }
            for p in options.processes
        },
    }


def object_writes(calls: Counts) -> int:
    """How many of the calls changed an object other than an Event."""
    return sum(n for (verb, kind, _), n in calls.items() if verb not in {"get", "list"} and kind != "events")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The options that all scenarios on a cluster share."""
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500, help="how many Certificates")
    parser.add_argument("--concurrency", type=int, default=16, help="how many calls at once")
    parser.add_argument("--process", action="append", default=[], metavar="NAME=PID")
    parser.add_argument("--json", type=Path, help="also write the figures here")
    parser.add_argument("--keep", action="store_true", help="leave the namespace behind")


def counting(parser: argparse.ArgumentParser) -> None:
    """The options that say who counts the calls."""
    parser.add_argument("--audit-log", type=Path)
    parser.add_argument("--agent", default="^certwright-controller/|^cert-manager", help="whose calls count")
    parser.add_argument("--metrics", help="URL of the metrics of `certwright controller`")


def source(args: argparse.Namespace) -> Source | None:
    """Who counts the calls, as the command line says."""
    if args.audit_log is not None:
        return AuditCalls(args.audit_log, args.agent)
    return MetricsCalls(args.metrics) if args.metrics else None


async def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line says."""
    options = Options(
        count=args.count,
        issuers=args.issuers,
        algorithm=args.algorithm,
        size=args.size,
        concurrency=args.concurrency,
        namespace=args.namespace,
        timeout=args.timeout,
        processes=parse(tuple(args.process)),
        calls=source(args),
        keep=args.keep,
    )
    async with cluster.connect(args.kubeconfig) as client:
        return await measure(client, options)


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.issue", description=(__doc__ or "").split("\n\n")[0])
    arguments(parser)
    parser.add_argument("--issuers", type=int, default=10)
    parser.add_argument("--algorithm", default="ECDSA", choices=["ECDSA", "RSA", "Ed25519"])
    parser.add_argument("--size", type=int, default=0, help="default: 256 for ECDSA, 2048 for RSA")
    parser.add_argument("--namespace", default=f"bench-{int(time.time())}")
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds to wait for the last one")
    counting(parser)
    args = parser.parse_args()
    figures = asyncio.run(run(args))
    print_all({"issue": figures})
    write_json(args.json, figures)
    return 0 if figures["ready"] == args.count else 1


if __name__ == "__main__":
    sys.exit(main())
