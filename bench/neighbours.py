"""Whether what cannot succeed delays what can: Certificates of an issuer kind that nobody has installed.

On any cluster, with any implementation: `--count` Certificates of CA issuers are issued and timed, then
`--hopeless` others are created that wait for an issuer of a group nobody serves, then the same again.
Between, the calls are counted that the controllers make with nothing else to do: in every ten seconds from
the first creation on, and over `--calm` seconds at the end.

    python -m bench.neighbours --kubeconfig FILE --audit-log audit.log
"""

import argparse
import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from msgspec import Struct

from bench import cluster, issue
from bench.calls import Counts, Source
from bench.figures import print_all, write_json
from bench.processes import parse
from certwright.api.meta import CERTIFICATES
from certwright.kube.client import Client

GROUP = "issuers.example.com"
SAMPLE = 10.0
"""Seconds."""


class Options(Struct, frozen=True, kw_only=True):
    """What to measure; times in seconds."""

    issue: issue.Options
    hopeless: int = 1000
    settle: float = 60.0
    calm: float = 30.0


async def measure(client: Client, options: Options) -> dict[str, Any]:
    """Run the scenario once and give all figures."""
    namespace = options.issue.namespace
    alone = await issue.measure(client, _in(options, f"{namespace}-alone"))
    await cluster.make_namespace(client, f"{namespace}-hopeless")
    calls = options.issue.calls
    before = await calls.read() if calls is not None else Counts()
    async with _sampling(calls) as sampled:
        await _create_hopeless(client, options, f"{namespace}-hopeless")
        await asyncio.sleep(options.settle)
    begun = await calls.read() - before if calls is not None else Counts()
    idle = await _calls_during(calls, options.calm)
    beside = await issue.measure(client, _in(options, f"{namespace}-beside"))
    if not options.issue.keep:
        await cluster.delete_namespace(client, f"{namespace}-hopeless")
    return {
        "certificates": options.issue.count,
        "hopeless": options.hopeless,
        "rate_alone": alone["rate"],
        "rate_beside": beside["rate"],
        "ready_beside": beside["ready"],
        "share": round(beside["rate"] / alone["rate"], 3) if alone["rate"] else None,
        "alone": _costs(alone),
        "beside": _costs(beside),
        "calls_to_begin": _words(begun),
        "calls_per_second_from_creation": sampled,
        "idle_calls_per_second": round(sum(idle.values()) / options.calm, 2),
        "idle_calls": _words(idle),
    }


def _words(calls: Counts) -> dict[str, int]:
    return {f"{verb} {kind} {code}": n for (verb, kind, code), n in sorted(calls.items())}


def _costs(figures: dict[str, Any]) -> dict[str, Any]:
    """What depends less on what else the machine does than seconds do."""
    cpu = {name: used["cpu_ms_each"] for name, used in figures["processes"].items()}
    return {"calls_each": figures.get("calls_each"), "cpu_ms_each": cpu}


def _in(options: Options, namespace: str) -> issue.Options:
    return msgspec.structs.replace(options.issue, namespace=namespace)


async def _create_hopeless(client: Client, options: Options, namespace: str) -> None:
    numbers = iter(range(options.hopeless))

    async def worker() -> None:
        for number in numbers:
            await client.create(CERTIFICATES, _hopeless(f"hopeless-{number:05d}"), namespace)

    async with asyncio.TaskGroup() as group:
        for _ in range(options.issue.concurrency):
            group.create_task(worker())


def _hopeless(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.example.com"],
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": {"name": "nobody", "kind": "Issuer", "group": GROUP},
        },
    }


@asynccontextmanager
async def _sampling(calls: Source | None) -> AsyncIterator[list[float]]:
    """Calls per second of every ten seconds, while this lasts; the last few are left out."""
    rates: list[float] = []

    async def sample() -> None:
        while calls is not None:
            made = await _calls_during(calls, SAMPLE)
            rates.append(round(sum(made.values()) / SAMPLE, 1))

    task = asyncio.create_task(sample())
    try:
        yield rates
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _calls_during(calls: Source | None, seconds: float) -> Counts:
    if calls is None:
        return Counts()
    before, end = await calls.read(), time.monotonic() + seconds
    await asyncio.sleep(end - time.monotonic())
    return await calls.read() - before


async def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line says."""
    issued = issue.Options(
        count=args.count,
        concurrency=args.concurrency,
        namespace=f"bench-{int(time.time())}",
        timeout=args.timeout,
        processes=parse(tuple(args.process)),
        calls=issue.source(args),
        keep=args.keep,
    )
    options = Options(issue=issued, hopeless=args.hopeless, settle=args.settle, calm=args.calm)
    async with cluster.connect(args.kubeconfig) as client:
        return await measure(client, options)


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.neighbours", description=(__doc__ or "").split("\n\n")[0])
    issue.arguments(parser)
    parser.set_defaults(count=200)
    parser.add_argument("--hopeless", type=int, default=1000, help="how many that cannot succeed")
    parser.add_argument("--settle", type=float, default=60.0, help="seconds after creating those")
    parser.add_argument("--calm", type=float, default=30.0, help="seconds over which calls are counted")
    parser.add_argument("--timeout", type=float, default=200.0, help="seconds to wait for the last one")
    issue.counting(parser)
    args = parser.parse_args()
    figures = asyncio.run(run(args))
    print_all({"neighbours": figures})
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
