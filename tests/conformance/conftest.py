"""The issuers that conformance is asked of: CA and self-signed, each as an Issuer and as a ClusterIssuer."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Protocol
from uuid import uuid4

import pytest
import pytest_asyncio

from certwright.api.certmanager import ClusterIssuer, IssuerRef
from certwright.controllers.manager import ControllerConfig
from certwright.testing.builders import ca_issuer, ca_secret, cluster_issuer, self_signed_issuer
from certwright.testing.cluster import Cluster

BUILDERS = {"CA": partial(ca_issuer, secret="ca"), "SelfSigned": self_signed_issuer}
CASES = [(type_, kind) for type_ in BUILDERS for kind in ("Issuer", "ClusterIssuer")]


class Server(Protocol):
    is_shared: bool


@pytest_asyncio.fixture(params=CASES, ids=[f"{type_}-{kind}" for type_, kind in CASES], loop_scope="session")
async def issuer(
    request: pytest.FixtureRequest, any_cluster: Cluster, any_server: Server
) -> AsyncIterator[IssuerRef]:
    """An issuer that is there, and controllers that serve it."""
    type_, kind = request.param
    if kind == "ClusterIssuer" and any_server.is_shared:
        pytest.skip("controllers that see ClusterIssuers would see what belongs to others")
    made = BUILDERS[type_](f"conformance-{uuid4().hex[:8]}")
    name = made.metadata.name
    await any_cluster.create(ca_secret())
    if kind == "Issuer":
        await any_cluster.create(made)
        await any_cluster.start()
        yield IssuerRef(name=name)
        return
    await any_cluster.create(cluster_issuer(made))
    try:
        await any_cluster.start(ControllerConfig(cluster_resource_namespace=any_cluster.namespace))
        yield IssuerRef(name=name, kind=kind)
    finally:
        await any_cluster.end()
        await any_cluster.delete(ClusterIssuer, name)


@pytest_asyncio.fixture(loop_scope="session")
async def ca(any_cluster: Cluster) -> Cluster:
    """A namespace with an Issuer `ca`, served by controllers."""
    await any_cluster.create(ca_secret(), ca_issuer())
    await any_cluster.start()
    return any_cluster
