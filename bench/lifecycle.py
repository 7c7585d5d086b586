"""What a Certificate costs in its life, in calls: issuance, renewal, a changed spec, rest, deletion.

On any cluster, by any implementation. Every phase ends when all Certificates rest and no call was made for a
while; calls are counted from the API server's audit log or our own controller's metrics.

    python -m bench.lifecycle --kubeconfig FILE --count 50 --audit-log audit.log
"""

import argparse
import asyncio
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from bench import cluster, issue
from bench.calls import Counts, Source, quiet
from bench.figures import print_all, write_json
from certwright.api.certmanager import Certificate
from certwright.api.meta import CERTIFICATES
from certwright.kube.client import Client
from certwright.kube.watcher import Applied, Restarted, Watcher

Phase = Callable[[], Awaitable[None]]


class Life:
    """Some Certificates of one namespace, and what happens to them."""

    def __init__(self, client: Client, namespace: str, count: int, issuers: list[str]) -> None:
        self._client = client
        self._namespace = namespace
        self._options = issue.Options(count=count, namespace=namespace)
        self._issuers = issuers
        self._names = [f"cert-{number:05d}" for number in range(count)]
        self._revision = 0

    async def issue(self) -> None:
        """Create them."""
        for number in range(len(self._names)):
            issuer = self._issuers[number % len(self._issuers)]
            body = issue.certificate(self._options, number, issuer)
            await self._client.create(CERTIFICATES, body, self._namespace)
        await self._issued()

    async def renew(self) -> None:
        """Renew them as `cmctl renew` does: by the condition Issuing."""
        for name in self._names:
            seen = await self._client.get(CERTIFICATES, name, self._namespace, type_=dict)
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "bench"}
            status = {"conditions": [*seen["status"]["conditions"], issuing | {"lastTransitionTime": now}]}
            await self._patch(name, {"status": status}, "status")
        await self._issued()

    async def edit(self) -> None:
        """Change the names they are for."""
        for name in self._names:
            await self._patch(name, {"spec": {"dnsNames": [f"{name}.example.org"]}})
        await self._issued()

    async def rest(self) -> None:
        """Leave them alone for ten seconds."""
        await asyncio.sleep(10)

    async def delete(self) -> None:
        """Delete them."""
        for name in self._names:
            await self._client.delete(CERTIFICATES, name, self._namespace)

    async def _patch(self, name: str, patch: dict[str, Any], subresource: str | None = None) -> None:
        await self._client.merge_patch(
            CERTIFICATES, name, self._namespace, patch, type_=dict, subresource=subresource
        )

    async def _issued(self) -> None:
        """Wait until all have the next revision and rest."""
        self._revision += 1
        waiting = set(self._names)
        async for event in Watcher(self._client, CERTIFICATES, Certificate, namespace=self._namespace):
            seen = event.objects if isinstance(event, Restarted) else [event.obj]
            if isinstance(event, Applied | Restarted):
                waiting -= {each.metadata.name for each in seen if self._rests(each)}
            if not waiting:
                return

    def _rests(self, certificate: Certificate) -> bool:
        conditions = {each.type: each.status for each in certificate.status.conditions}
        status = certificate.status
        done = conditions.get("Ready") == "True" and conditions.get("Issuing") != "True"
        return done and status.revision == self._revision and not status.next_private_key_secret_name


async def measure(client: Client, calls: Source, count: int, namespace: str, issuers: int) -> dict[str, Any]:
    """Go through all phases and give the calls of each."""
    await cluster.make_namespace(client, namespace)
    names = await cluster.make_ca_issuers(client, namespace, issuers)
    life = Life(client, namespace, count, names)
    found: dict[str, Any] = {"certificates": count}
    await quiet(calls, patience=10)
    phases: dict[str, Phase] = {
        "issuance": life.issue,
        "renewal": life.renew,
        "spec change": life.edit,
        "rest": life.rest,
        "deletion": life.delete,
    }
    for title, phase in phases.items():
        before = await calls.read()
        await phase()
        after, _ = await quiet(calls, calm=3.0)
        found[title] = _figures(after - before, count)
    await cluster.delete_namespace(client, namespace)
    return found


def _figures(counts: Counts, count: int) -> dict[str, Any]:
    kinds: Counter[str] = Counter()
    for (verb, kind, _), n in counts.items():
        kinds[f"{verb} {kind}"] += n
    return {
        "calls_each": round(sum(counts.values()) / count, 2),
        "writes_each": round(issue.object_writes(counts) / count, 2),
        "conflicts": sum(n for (_, _, code), n in counts.items() if code == 409),
        "calls": ", ".join(f"{call} {n / count:g}" for call, n in sorted(kinds.items())),
    }


async def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line says."""
    calls = issue.source(args)
    if calls is None:
        raise SystemExit("bench.lifecycle: --audit-log or --metrics has to say who counts the calls")
    async with cluster.connect(args.kubeconfig) as client:
        return await measure(client, calls, args.count, f"bench-{int(time.time())}", args.issuers)


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.lifecycle", description=(__doc__ or "").split("\n\n")[0])
    issue.arguments(parser)
    parser.set_defaults(count=50)
    parser.add_argument("--issuers", type=int, default=5)
    issue.counting(parser)
    args = parser.parse_args()
    figures = asyncio.run(run(args))
    print_all({"lifecycle": figures})
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
