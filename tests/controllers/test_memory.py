"""The cache keeps little: what nobody needs at rest is let go of, and read again when it is needed."""

from datetime import timedelta

from certwright.api.certmanager import Certificate, CertificateRequest
from certwright.api.foreign import Secret
from certwright.testing.builders import certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster


async def test_certificates_of_decided_requests_are_let_go_of_at_rest(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    running.controllers.certificate_engine.queue.add((ca.namespace, "web"))
    await ca.settled()
    (kept,) = running.controllers.requests.all()
    assert kept.status.certificate == b""
    assert kept.spec.request
    assert (await ca.get(CertificateRequest, "web-1")).status.certificate


async def test_a_request_that_was_let_go_of_is_read_again_when_its_certificate_is_stored(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    running.controllers.certificate_engine.queue.add((ca.namespace, "web"))
    await ca.settled()
    before = (await ca.secret("web-tls")).data["tls.crt"]
    # As if the last write had been undone: the request is that of the next revision again.
    mark = {"type": "Issuing", "status": "True", "reason": "ByHand", "message": "again"}
    await ca.patch(Certificate, "web", {"status": {"revision": None, "conditions": [mark]}}, "status")
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == 1
    secret = await ca.secret("web-tls")
    assert secret.data["tls.crt"] == before
    assert keys_match(secret)


async def test_a_renewal_still_works_after_that(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.advance(timedelta(days=61))
    await ca.advance(timedelta(days=61))
    assert (await ca.certificate("web")).status.revision == 3
    assert len(await ca.objects(CertificateRequest)) == 1
    assert len([s for s in await ca.objects(Secret) if s.metadata.name == "web-tls"]) == 1
