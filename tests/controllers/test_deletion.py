"""Nothing is made for what is going away, however long that takes."""

from datetime import timedelta

from certwright.api.certmanager import Certificate, CertificateRequest
from certwright.api.foreign import Secret
from certwright.testing.builders import certificate
from certwright.testing.cluster import Cluster

HELD = {"metadata": {"finalizers": ["external.example/held"]}}
FREE = {"metadata": {"finalizers": None}}


async def test_a_foreground_deletion_held_by_foreign_finalizers_makes_nothing_new(ca: Cluster) -> None:
    names = [f"c{number}" for number in range(10)]
    running = await ca.start()
    await ca.create(*(certificate(name) for name in names))
    await ca.settled()
    for name in names:
        await ca.patch(CertificateRequest, f"{name}-1", HELD)
    before = len(running.tap.calls)
    for name in names:
        await ca.delete(Certificate, name, "Foreground")
        await ca.delete(Secret, f"{name}-tls")
    await ca.settled()
    assert all(found.metadata.deletion_timestamp for found in await ca.objects(Certificate))
    await ca.live_through(timedelta(days=120))
    assert running.tap.calls[before:] == []
    assert len(await ca.objects(CertificateRequest)) == len(names)
    for name in names:
        await ca.patch(CertificateRequest, f"{name}-1", FREE)
    await ca.settled()
    assert await ca.objects(Certificate) == []
    assert await ca.objects(CertificateRequest) == []
    assert running.tap.calls[before:] == []


async def test_a_deletion_in_the_middle_of_an_issuance_ends_it(cluster: Cluster) -> None:
    running = await cluster.start()
    await cluster.create(certificate("web"))  # there is no issuer: it waits
    await cluster.settled()
    await cluster.patch(CertificateRequest, "web-1", HELD)
    before = len(running.tap.writes)
    await cluster.delete(Certificate, "web", "Foreground")
    await cluster.settled()
    assert running.tap.writes[before:] == []
    await cluster.patch(CertificateRequest, "web-1", FREE)
    await cluster.settled()
    assert not await cluster.exists(Certificate, "web")
    assert await cluster.objects(CertificateRequest) == []
    assert await cluster.objects(Secret) == []
    assert len(running.controllers.held_keys) == 0


async def test_a_certificate_that_comes_back_under_the_same_name_is_a_new_one(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.patch(CertificateRequest, "web-1", HELD)
    await ca.delete(Certificate, "web")
    await ca.create(certificate("web"))
    await ca.settled()
    found = await ca.certificate("web")
    # Its Secret fits, so it is taken over as it is: there is nothing to ask for.
    assert found.status.revision is None
    assert [c.type for c in found.status.conditions] == ["Ready"]
    await ca.delete(Secret, "web-tls")
    await ca.settled()
    assert not await ca.exists(Secret, "web-tls")  # the name web-1 is still taken
    await ca.patch(CertificateRequest, "web-1", FREE)
    await ca.advance(timedelta(seconds=30))
    assert await ca.exists(Secret, "web-tls")
    assert (await ca.certificate("web")).status.revision == 1


async def test_a_request_held_by_a_finalizer_delays_its_successor_only(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.patch(CertificateRequest, "web-1", HELD)
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["other.example"]}})
    await ca.settled()
    assert (await ca.certificate("web")).status.revision == 2
    request = await ca.get(CertificateRequest, "web-1")
    assert request.metadata.deletion_timestamp is not None
    await ca.patch(CertificateRequest, "web-1", FREE)
    await ca.settled()
    assert [r.metadata.name for r in await ca.objects(CertificateRequest)] == ["web-2"]
