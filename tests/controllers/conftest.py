"""A cluster with a CA, and what the tests of all controllers ask again and again."""

import pytest_asyncio

from certwright.testing.builders import ca_issuer, ca_secret
from certwright.testing.cluster import Cluster


@pytest_asyncio.fixture(loop_scope="session")
async def ca(cluster: Cluster) -> Cluster:
    """A cluster with the CA Issuer `ca`; no controllers yet."""
    await cluster.create(ca_secret(), ca_issuer())
    return cluster
