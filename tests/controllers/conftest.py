"""A cluster with a CA, and a stand-in for approvers and signers that are not ours."""

from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import Any

import pytest_asyncio

from certwright.api.certmanager import CertificateRequest
from certwright.api.codec import to_builtins
from certwright.api.meta import CUSTOM_RESOURCE_DEFINITIONS
from certwright.kube.errors import AlreadyExists
from certwright.pki import sign
from certwright.testing.builders import ca_issuer, ca_secret
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, as_admin, embedded_server, own_namespace

FOREIGN = [
    ("Signer", "signer.example"),
    ("SampleIssuer", "issuers.example.com"),
    ("Other", "issuers.example.com"),
    ("SampleIssuer", "other.example.com"),
]
"""Kinds of issuers, and their groups."""


def definition(kind: str, group: str) -> dict[str, Any]:
    """A CustomResourceDefinition that serves a kind."""
    singular = kind.lower()
    names = {"plural": f"{singular}s", "singular": singular, "kind": kind, "listKind": f"{kind}List"}
    schema = {"openAPIV3Schema": {"type": "object"}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    spec = {"group": group, "names": names, "scope": "Namespaced", "versions": [version]}
    return {"metadata": {"name": f"{singular}s.{group}"}, "spec": spec}


@pytest_asyncio.fixture(loop_scope="session")
async def ca(cluster: Cluster) -> Cluster:
    """A cluster with the CA Issuer `ca`; no controllers yet."""
    await cluster.create(ca_secret(), ca_issuer())
    return cluster


@pytest_asyncio.fixture(loop_scope="session")
async def foreign_signers(cluster: Cluster) -> None:
    """The kinds of `FOREIGN` are served: somebody may be allowed to approve for them."""
    for kind, group in FOREIGN:
        with suppress(AlreadyExists):
            await cluster.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition(kind, group))


@pytest_asyncio.fixture
async def lawless() -> AsyncIterator[Cluster]:
    """A cluster that has no rules but its schemas: what is there may be from before the rules."""
    async with embedded_server(Clock(), admission=()) as server:
        connect = partial(as_admin, server)
        async with own_namespace(connect, Clock(), server) as cluster:
            yield cluster


class Others:
    """Approves, denies and signs requests as somebody else's controllers would."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster

    async def decide(self, name: str, type_: str, reason: str = "Policy", message: str = "") -> None:
        """Set a condition to True: Approved, Denied or InvalidRequest."""
        await self.condition(name, {"type": type_, "status": "True", "reason": reason, "message": message})

    async def sign(self, name: str) -> None:
        """Sign with the CA of `ca_secret`, and say Issued."""
        secret = ca_secret()
        request = await self._cluster.get(CertificateRequest, name)
        bundle = sign.sign_request(
            request.spec.request,
            ca=sign.load_ca(secret.data["tls.crt"], secret.data["tls.key"], None),
            usages=request.spec.usages,
            is_ca=request.spec.is_ca,
            duration=timedelta(days=90),
            now=self._cluster.clock.now(),
        )
        issued = {"certificate": to_builtins(bundle.chain_pem), "ca": to_builtins(bundle.ca_pem)}
        await self.condition(
            name, {"type": "Ready", "status": "True", "reason": "Issued", "message": "done"}, **issued
        )

    async def fail(self, name: str, message: str = "no") -> None:
        """Say that the request will never be signed."""
        now = to_builtins(self._cluster.clock.now().replace(microsecond=0))
        failed = {"type": "Ready", "status": "False", "reason": "Failed", "message": message}
        await self.condition(name, failed, failureTime=now)

    async def pend(self, name: str, message: str = "later") -> None:
        """Say that the request will be signed later."""
        pending = {"type": "Ready", "status": "False", "reason": "Pending", "message": message}
        await self.condition(name, pending)

    async def condition(self, name: str, condition: dict[str, str], **status: Any) -> None:
        """Set a condition, and fields of the status."""
        request = await self._cluster.get(CertificateRequest, name)
        now = to_builtins(self._cluster.clock.now().replace(microsecond=0))
        kept = [c for c in to_builtins(request.status.conditions) if c["type"] != condition["type"]]
        conditions = [*kept, condition | {"lastTransitionTime": now}]
        await self._cluster.patch(
            CertificateRequest, name, {"status": status | {"conditions": conditions}}, "status"
        )


@pytest_asyncio.fixture(loop_scope="session")
async def others(cluster: Cluster) -> Others:
    """Somebody else's approver and signer."""
    return Others(cluster)
