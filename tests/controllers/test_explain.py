"""What `why` answers, on worlds that are as they are."""

from datetime import timedelta

import pytest

from certwright.api.certmanager import Certificate, IssuerRef
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, ISSUERS
from certwright.controllers.explain import Explanation, explain
from certwright.kube.errors import NotFound
from certwright.testing.builders import ca_issuer, certificate
from certwright.testing.cluster import Cluster


async def why(cluster: Cluster, name: str = "web") -> Explanation:
    return await explain(cluster.client, CERTIFICATES, name, cluster.namespace, cluster.clock.now())


async def test_a_certificate_that_is_ready(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    found = await why(ca)
    assert found.ready
    assert found.sentence.startswith(f'Certificate "{ca.namespace}/web" is ready, valid until ')
    assert all(check.passed for check in found.checks)


async def test_a_certificate_whose_issuer_is_missing(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    found = await why(cluster)
    assert not found.ready
    assert "waits for Issuer ca, which does not exist" in found.sentence


async def test_a_certificate_whose_issuer_lacks_its_secret(cluster: Cluster) -> None:
    await cluster.create(ca_issuer())
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    assert 'secrets "ca" not found' in (await why(cluster)).sentence
    issuer = await explain(cluster.client, ISSUERS, "ca", cluster.namespace, cluster.clock.now())
    assert not issuer.ready
    assert 'secrets "ca" not found' in issuer.sentence


async def test_a_certificate_that_waits_for_somebody_else(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(certificate("web", IssuerRef(name="x", kind="Y", group="z.example")))
    await cluster.settled()
    found = await explain(
        cluster.client, CERTIFICATE_REQUESTS, "web-1", cluster.namespace, cluster.clock.now()
    )
    assert "the controller of z.example" in found.sentence


async def test_a_certificate_whose_secret_is_taken(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.create(certificate("late", secret_name="web-tls"))
    await ca.settled()
    found = await why(ca, "late")
    assert 'its secretName is taken by Certificate "web"' in found.sentence
    assert not found.ready


async def test_asking_changes_nothing(ca: Cluster) -> None:
    await ca.create(certificate("web"))
    before = await ca.resource_version()
    await why(ca)
    assert await ca.resource_version() == before
    assert (await ca.certificate("web")).status.conditions == []


async def test_a_certificate_that_is_due(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.kill(running)
    ca.clock.jump(timedelta(days=61))
    found = await why(ca)
    assert not found.ready
    assert any("renewal was scheduled" in check.detail for check in found.checks)


async def test_what_is_not_there(cluster: Cluster) -> None:
    with pytest.raises(NotFound):
        await why(cluster)
    await cluster.create(certificate("web"))
    await cluster.delete(Certificate, "web")
    with pytest.raises(NotFound):
        await why(cluster)
