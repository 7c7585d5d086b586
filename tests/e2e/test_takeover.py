"""What a real cert-manager left behind is taken over as it is: nothing is re-issued, and nothing written
except what is said in `ALLOWED`.

takeover/CASE.yaml holds objects as they were recorded, and the time it was then. Keys are throwaway.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import msgspec
import pytest
import yaml

from certwright.api import conditions
from certwright.api.certmanager import Certificate
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, ISSUERS, SECRETS, Resource
from certwright.testing.checks import is_ready
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, own_namespace
from certwright.testing.tap import Call

CASES = {path.stem: path.read_text() for path in sorted(Path(__file__).parent.glob("takeover/*.yaml"))}
RESOURCES = {resource.kind: resource for resource in (CERTIFICATES, CERTIFICATE_REQUESTS, SECRETS, ISSUERS)}
APPROVED = ["patch certificaterequests/status"]
ALLOWED = {
    "issuer-external-unknown": APPROVED,
    "temporary-certificate": APPROVED,
    "duplicate-secret-name": ["patch certificates/status"],
}
"""Writes that docs/differences.md explains: approvals for kinds that nobody serves, which are tried and
refused as cert-manager's are, and the condition SecretConflict."""


class Server(Protocol):
    connect: Any
    embedded: Any


class Loader:
    """Puts recorded objects into a namespace, owned and managed as they were."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._owner: dict[str, Any] = {}

    async def load(self, objects: list[dict[str, Any]]) -> None:
        for obj in objects:
            load = {"Certificate": self._certificate, "Secret": self._secret}.get(obj["kind"], self._other)
            await load(obj)

    async def _certificate(self, obj: dict[str, Any]) -> None:
        metadata = dict(obj["metadata"])
        edits = metadata.pop("generation") - 1
        spec = obj["spec"] | {"revisionHistoryLimit": 100} if edits else obj["spec"]
        made = await self._create(CERTIFICATES, metadata, spec=spec)
        for left in reversed(range(edits)):
            limit = {"spec": {"revisionHistoryLimit": 100 + left if left else None}}
            await self._cluster.patch(Certificate, metadata["name"], limit)
        self._owner = {
            "apiVersion": CERTIFICATES.api_version,
            "kind": CERTIFICATES.kind,
            "name": metadata["name"],
            "uid": made["metadata"]["uid"],
            "controller": True,
            "blockOwnerDeletion": True,
        }
        await self._status(CERTIFICATES, obj)

    async def _secret(self, obj: dict[str, Any]) -> None:
        if not obj["apply"]:
            await self._create(SECRETS, self._metadata(obj), type=obj["type"], data=obj["data"])
            return
        body = {"metadata": self._metadata(obj), "type": obj["type"], "data": obj["data"]}
        await self._cluster.client.apply(
            SECRETS,
            obj["metadata"]["name"],
            self._cluster.namespace,
            body,
            field_manager=obj["manager"],
            type_=msgspec.json.decode,
        )

    async def _other(self, obj: dict[str, Any]) -> None:
        resource = RESOURCES[obj["kind"]]
        await self._create(resource, self._metadata(obj), spec=obj["spec"])
        await self._status(resource, obj)

    def _metadata(self, obj: dict[str, Any]) -> dict[str, Any]:
        owners = {"ownerReferences": [self._owner]} if obj.get("owned") else {}
        return obj["metadata"] | owners

    async def _create(self, resource: Resource, metadata: dict[str, Any], **rest: Any) -> dict[str, Any]:
        body = {"metadata": metadata} | rest
        return await self._cluster.client.create(resource, body, self._cluster.namespace)

    async def _status(self, resource: Resource, obj: dict[str, Any]) -> None:
        await self._cluster.client.merge_patch(
            resource,
            obj["metadata"]["name"],
            self._cluster.namespace,
            {"status": obj["status"]},
            type_=msgspec.json.decode,
            subresource="status",
        )


@asynccontextmanager
async def at_the_time(server: Server, moment: str) -> AsyncIterator[Cluster]:
    """A namespace whose controllers believe that it is then."""
    clock = Clock(datetime.fromisoformat(moment) + timedelta(minutes=1))
    async with own_namespace(server.connect, clock, server.embedded) as cluster:
        yield cluster


def words(calls: list[Call]) -> list[str]:
    return [f"{call.verb} {call.resource}" for call in calls]


def seen(certificate: Certificate) -> Certificate:
    """A Certificate without the condition that only we have, and without its version."""
    kept = conditions.remove(certificate.status.conditions, "SecretConflict")
    status = msgspec.structs.replace(certificate.status, conditions=kept)
    metadata = msgspec.structs.replace(certificate.metadata, resource_version="")
    return msgspec.structs.replace(certificate, metadata=metadata, status=status)


@pytest.mark.parametrize("name", CASES)
async def test_what_cert_manager_left_is_taken_over_without_a_write(any_server: Server, name: str) -> None:
    case = yaml.safe_load(CASES[name])
    async with at_the_time(any_server, case["now"]) as cluster:
        await Loader(cluster).load(case["objects"])
        before = await cluster.objects(Certificate)
        running = await cluster.start()
        await cluster.settled()
        assert words(running.tap.writes) == ALLOWED.get(name, [])
        assert list(map(seen, await cluster.objects(Certificate))) == list(map(seen, before))


@pytest.mark.parametrize("name", sorted(set(CASES) & {"rsa-default", "sans-all", "issuer-chain"}))
async def test_what_was_taken_over_is_renewed_in_time(any_server: Server, name: str) -> None:
    case = yaml.safe_load(CASES[name])
    async with at_the_time(any_server, case["now"]) as cluster:
        await Loader(cluster).load(case["objects"])
        running = await cluster.start()
        await cluster.advance(timedelta(days=59))
        assert running.tap.writes == []
        await cluster.advance(timedelta(days=2))
        found = await cluster.certificate("a")
        assert is_ready(found)
        assert found.status.revision == 2
