"""What scenarios need of a cluster: a client, a namespace of their own, CA issuers. Measures nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from certwright.api import conditions
from certwright.api.certmanager import CertificateSpec, Issuer, IssuerRef, PrivateKey
from certwright.api.crds import all_crds
from certwright.api.meta import CUSTOM_RESOURCE_DEFINITIONS, ISSUERS, NAMESPACES, SECRETS
from certwright.kube.client import Client
from certwright.kube.errors import AlreadyExists, NotFound
from certwright.kube.kubeconfig import load_kubeconfig
from certwright.kube.transport import HttpTransport
from certwright.kube.watcher import Restarted, Watcher
from certwright.pki import csr, keys, sign


@asynccontextmanager
async def connect(kubeconfig: Path) -> AsyncIterator[Client]:
    """A client that is not counted among the measured ones: its user agent is `certwright-bench`."""
    client = Client(HttpTransport(load_kubeconfig(kubeconfig)), user_agent="certwright-bench")
    try:
        yield client
    finally:
        await client.close()


async def install_crds(client: Client) -> None:
    """Create our CustomResourceDefinitions, unless they are there."""
    for crd in all_crds():
        with suppress(AlreadyExists):
            await client.create(CUSTOM_RESOURCE_DEFINITIONS, crd)


async def make_namespace(client: Client, name: str) -> None:
    """Create a namespace, unless it is there."""
    body: dict[str, Any] = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
    with suppress(AlreadyExists):
        await client.create(NAMESPACES, body)


async def delete_namespace(client: Client, name: str) -> None:
    """Delete a namespace with all that is in it."""
    with suppress(NotFound):
        await client.delete(NAMESPACES, name)


def make_ca(name: str) -> tuple[bytes, bytes]:
    """A self-signed P-256 CA: certificate and key as PEM."""
    key = keys.generate("ECDSA", 256)
    spec = CertificateSpec(
        common_name=name,
        secret_name="ca",
        issuer_ref=IssuerRef(name="x"),
        is_ca=True,
        private_key=PrivateKey(algorithm="ECDSA"),
    )
    request = csr.build_request(spec, key)
    bundle = sign.self_sign(
        request, key, usages=None, is_ca=True, duration=timedelta(days=365), now=datetime.now(UTC)
    )
    return bundle.chain_pem, key


async def make_ca_issuers(client: Client, namespace: str, count: int) -> list[str]:
    """Create CA issuers `ca-0`... with a Secret each, and wait until they are Ready."""
    names = [f"ca-{number}" for number in range(count)]
    for name in names:
        certificate, key = make_ca(name)
        secret: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "kubernetes.io/tls",
            "stringData": {"tls.crt": certificate.decode(), "tls.key": key.decode()},
        }
        issuer: dict[str, Any] = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "Issuer",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {"ca": {"secretName": name}},
        }
        with suppress(AlreadyExists):
            await client.create(SECRETS, secret, namespace)
        with suppress(AlreadyExists):
            await client.create(ISSUERS, issuer, namespace)
    async with asyncio.timeout(120):
        waiting = set(names)
        async for event in Watcher(client, ISSUERS, Issuer, namespace=namespace):
            seen = event.objects if isinstance(event, Restarted) else [event.obj]
            waiting -= {
                issuer.metadata.name for issuer in seen if conditions.has(issuer.status.conditions, "Ready")
            }
            if not waiting:
                break
    return names
