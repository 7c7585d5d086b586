"""The ceiling that an API server sets: the calls of an issuance, by a client that thinks nothing.

For each of N Certificates it makes the calls that issuing one through a CA issuer takes: one GET, six
events and five object writes, with bodies of realistic size that were made before the clock started.
`rate` counts these alone; `rate_with_creation` adds the time that the users' own POSTs take, which the
rate of bench.issue has in it as well.
No controller may be running meanwhile, or it would join in: the server is all that is measured, with
whatever admission webhooks it calls.

    python -m bench.floor --kubeconfig FILE --count 200
"""

import argparse
import asyncio
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from msgspec import Struct

from bench import cluster
from bench.figures import print_all, write_json
from bench.issue import arguments
from bench.processes import Process, parse
from certwright.api.certmanager import Certificate, CertificateRequest, CertificateSpec, IssuerRef, PrivateKey
from certwright.api.foreign import Secret
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, EVENTS, SECRETS
from certwright.kube.client import Client
from certwright.kube.errors import NotFound
from certwright.pki import csr, keys, sign

NOBODY = {"name": "nobody", "kind": "Issuer", "group": "cert-manager.io"}
EVENTS_EACH = 6


def prepare() -> dict[str, str]:
    """Bytes of an issuance, base64, made once: content does not matter to the server, size does."""
    key = keys.generate("ECDSA", 256)
    spec = CertificateSpec(
        dns_names=["cert-00000.example.com", "www.cert-00000.example.com"],
        secret_name="x",
        private_key=PrivateKey(algorithm="ECDSA"),
        issuer_ref=IssuerRef(name="x"),
    )
    request = csr.build_request(spec, key)
    certificate, ca_key = cluster.make_ca("floor")
    bundle = sign.sign_request(
        request,
        ca=sign.load_ca(certificate, ca_key, None),
        usages=None,
        is_ca=False,
        duration=timedelta(days=90),
        now=datetime.now(UTC),
    )
    pems = {"key": key, "request": request, "chain": bundle.chain_pem, "ca": bundle.ca_pem}
    return {name: b64encode(pem).decode() for name, pem in pems.items()}


class Writer:
    """The calls of one issuance."""

    def __init__(self, client: Client, namespace: str, data: dict[str, str]) -> None:
        self.client = client
        self.namespace = namespace
        self.data = data
        self.calls = 0

    async def issue(self, name: str, version: str) -> None:
        """Everything a controller writes for one Certificate, in its order."""
        await asyncio.gather(self._events(name), self._objects(name, version))

    async def _objects(self, name: str, version: str) -> None:
        self.calls += 6
        with suppress(NotFound):
            await self.client.get(SECRETS, f"{name}-tls", self.namespace, type_=Secret)
        begun = await self._status(name, version, _conditions("False", "DoesNotExist", issuing=True))
        request = await self.client.create(CERTIFICATE_REQUESTS, self._request(name), self.namespace)
        issued = {
            "conditions": _request_conditions(),
            "certificate": self.data["chain"],
            "ca": self.data["ca"],
        }
        await self.client.merge_patch(
            CERTIFICATE_REQUESTS,
            request["metadata"]["name"],
            self.namespace,
            {
                "metadata": {"resourceVersion": request["metadata"]["resourceVersion"]},
                "status": issued,
            },
            type_=CertificateRequest,
            subresource="status",
        )
        await self.client.apply(
            SECRETS,
            f"{name}-tls",
            self.namespace,
            self._secret(name),
            field_manager="bench-floor",
            type_=Secret,
        )
        final = _conditions("True", "Ready", issuing=False) | {
            "revision": 1,
            "notBefore": _now(),
            "notAfter": _now(),
            "renewalTime": _now(),
        }
        await self._status(name, begun, final)

    async def _status(self, name: str, version: str, status: dict[str, Any]) -> str:
        patched = await self.client.merge_patch(
            CERTIFICATES,
            name,
            self.namespace,
            {"metadata": {"resourceVersion": version}, "status": status},
            type_=Certificate,
            subresource="status",
        )
        return patched.metadata.resource_version

    async def _events(self, name: str) -> None:
        for number in range(EVENTS_EACH):
            self.calls += 1
            await self.client.create(EVENTS, self._event(name, number), self.namespace)

    def _request(self, name: str) -> dict[str, Any]:
        annotations = {
            "cert-manager.io/certificate-name": name,
            "cert-manager.io/certificate-revision": "1",
            "cert-manager.io/private-key-secret-name": f"{name}-x2b4c",
        }
        return {
            "apiVersion": "cert-manager.io/v1",
            "kind": "CertificateRequest",
            "metadata": {"name": f"{name}-1", "namespace": self.namespace, "annotations": annotations},
            "spec": {"request": self.data["request"], "issuerRef": NOBODY},
        }

    def _secret(self, name: str) -> dict[str, Any]:
        annotations = {
            "cert-manager.io/alt-names": f"{name}.example.com,www.{name}.example.com",
            "cert-manager.io/certificate-name": name,
            "cert-manager.io/common-name": "",
            "cert-manager.io/ip-sans": "",
            "cert-manager.io/issuer-group": "cert-manager.io",
            "cert-manager.io/issuer-kind": "Issuer",
            "cert-manager.io/issuer-name": "nobody",
            "cert-manager.io/uri-sans": "",
        }
        return {
            "metadata": {"name": f"{name}-tls", "namespace": self.namespace, "annotations": annotations},
            "type": "kubernetes.io/tls",
            "data": {"tls.crt": self.data["chain"], "tls.key": self.data["key"], "ca.crt": self.data["ca"]},
        }

    def _event(self, name: str, number: int) -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{name}.{number}{time.time_ns():x}", "namespace": self.namespace},
            "involvedObject": {
                "apiVersion": "cert-manager.io/v1",
                "kind": "Certificate",
                "name": name,
                "namespace": self.namespace,
            },
            "reason": "Issuing",
            "message": "Issuing certificate as Secret does not exist",
            "type": "Normal",
            "source": {"component": "bench-floor"},
            "firstTimestamp": _now(),
            "lastTimestamp": _now(),
            "count": 1,
        }


class Options(Struct, frozen=True, kw_only=True):
    """What to measure."""

    count: int = 500
    concurrency: int = 16
    namespace: str = "floor"
    processes: list[Process] = []
    keep: bool = False


async def measure(client: Client, options: Options) -> dict[str, Any]:
    """Create the Certificates, then time everything that would be written for them."""
    namespace = options.namespace
    await cluster.make_namespace(client, namespace)
    names = [f"cert-{number:05d}" for number in range(options.count)]
    began = time.monotonic()
    versions = await _create_all(client, options, names)
    creating = time.monotonic() - began
    writer = Writer(client, namespace, prepare())
    before = {p.name: p.cpu_seconds() for p in options.processes}
    began = time.monotonic()
    await _side_by_side(names, lambda name: writer.issue(name, versions[name]), options.concurrency)
    span = time.monotonic() - began
    cpu = {p.name: p.cpu_seconds() - before[p.name] for p in options.processes}
    if not options.keep:
        await cluster.delete_namespace(client, namespace)
    return {
        "certificates": options.count,
        "calls_each": writer.calls / options.count,
        "seconds": round(span, 2),
        "rate": round(options.count / span, 2),
        "seconds_to_create": round(creating, 2),
        "rate_with_creation": round(options.count / (creating + span), 2),
        "calls_per_second": round(writer.calls / span, 1),
        "processes": {
            p.name: {"cpu_ms_each": round(1000 * cpu[p.name] / options.count, 2)} for p in options.processes
        },
    }


async def _create_all(client: Client, options: Options, names: list[str]) -> dict[str, str]:
    versions: dict[str, str] = {}

    async def create(name: str) -> None:
        body = _certificate(name, options.namespace)
        created = await client.create(CERTIFICATES, body, options.namespace)
        versions[name] = created["metadata"]["resourceVersion"]

    await _side_by_side(names, create, options.concurrency)
    return versions


async def _side_by_side(
    names: list[str], job: Callable[[str], Coroutine[Any, Any, None]], concurrency: int
) -> None:
    waiting = iter(names)

    async def worker() -> None:
        for name in waiting:
            await job(name)

    async with asyncio.TaskGroup() as group:
        for _ in range(concurrency):
            group.create_task(worker())


def _certificate(name: str, namespace: str) -> dict[str, Any]:
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "secretName": f"{name}-tls",
            "dnsNames": [f"{name}.example.com", f"www.{name}.example.com"],
            "privateKey": {"algorithm": "ECDSA", "size": 256},
            "issuerRef": NOBODY,
        },
    }


def _conditions(status: str, reason: str, *, issuing: bool) -> dict[str, Any]:
    message = "Issuing certificate as Secret does not exist"
    ready = {
        "type": "Ready",
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": _now(),
        "observedGeneration": 1,
    }
    return {"conditions": [ready, ready | {"type": "Issuing", "status": "True"}] if issuing else [ready]}


def _request_conditions() -> list[dict[str, str]]:
    text = "Certificate request has been approved by cert-manager.io"
    approved = {
        "type": "Approved",
        "status": "True",
        "reason": "cert-manager.io",
        "message": text,
        "lastTransitionTime": _now(),
    }
    ready = approved | {
        "type": "Ready",
        "reason": "Issued",
        "message": "Certificate fetched from issuer successfully",
    }
    return [approved, ready]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def run(args: argparse.Namespace) -> dict[str, Any]:
    """Measure what the command line says."""
    options = Options(
        count=args.count,
        concurrency=args.concurrency,
        namespace=args.namespace,
        processes=parse(tuple(args.process)),
        keep=args.keep,
    )
    async with cluster.connect(args.kubeconfig) as client:
        return await measure(client, options)


def main() -> int:
    """Parse the command line, measure, print."""
    parser = argparse.ArgumentParser(prog="bench.floor", description=(__doc__ or "").split("\n\n")[0])
    arguments(parser)
    parser.add_argument("--namespace", default=f"floor-{int(time.time())}")
    args = parser.parse_args()
    figures = asyncio.run(run(args))
    print_all({"floor": figures})
    write_json(args.json, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
