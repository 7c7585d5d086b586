"""A key that something slow depends on is stored first, survives a restart, and is the one that is used."""

from typing import Protocol

import pytest

from certwright.api.certmanager import Certificate, CertificateRequest, IssuerRef
from certwright.api.foreign import Secret
from certwright.api.meta import controller_of
from certwright.controllers.manager import ControllerConfig
from certwright.pki.csr import parse_request
from certwright.pki.keys import PublicKey, public_key_of_private
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster


class Others(Protocol):
    async def decide(self, name: str, type_: str) -> None: ...
    async def sign(self, name: str) -> None: ...


async def stored_key(cluster: Cluster) -> tuple[Secret, PublicKey]:
    """The one next-private-key Secret there is, and the public half of its key."""
    labelled = [
        s
        for s in await cluster.objects(Secret)
        if s.metadata.labels.get("cert-manager.io/next-private-key") == "true"
    ]
    assert len(labelled) == 1
    return labelled[0], public_key_of_private(labelled[0].data["tls.key"])


async def assert_issued_with(cluster: Cluster, key: PublicKey, name: str = "web") -> None:
    """The Certificate is Ready with this key, at its first revision, and nothing is left over."""
    found = await cluster.certificate(name)
    secret = await cluster.secret(f"{name}-tls")
    assert is_ready(found)
    assert found.status.revision == 1
    assert found.status.next_private_key_secret_name == ""
    assert keys_match(secret)
    assert public_key_of_private(secret.data["tls.key"]) == key
    assert len(await cluster.objects(CertificateRequest)) == 1
    assert not any(
        "next-private-key" in label for s in await cluster.objects(Secret) for label in s.metadata.labels
    )


async def test_the_key_is_stored_before_the_request_when_the_issuer_is_missing(cluster: Cluster) -> None:
    running = await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    secret, key = await stored_key(cluster)
    owner = controller_of(secret.metadata)
    found = await cluster.certificate("web")
    assert owner is not None
    assert owner.uid == found.metadata.uid
    assert secret.metadata.labels["controller.cert-manager.io/fao"] == "true"
    assert found.status.next_private_key_secret_name == secret.metadata.name
    request = await cluster.get(CertificateRequest, "web-1")
    assert parse_request(request.spec.request).public_key == key
    assert request.metadata.annotations["cert-manager.io/private-key-secret-name"] == secret.metadata.name
    writes = [(call.verb, call.resource) for call in running.tap.writes]
    assert len(running.controllers.held_keys) == 0
    assert writes.index(("create", "secrets")) < writes.index(("create", "certificaterequests"))


async def test_an_issuer_that_comes_later_signs_for_the_stored_key(cluster: Cluster) -> None:
    running = await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    _, key = await stored_key(cluster)
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.settled()
    await assert_issued_with(cluster, key)
    assert len(running.controllers.held_keys) == 0


async def test_the_stored_key_survives_a_kill(cluster: Cluster) -> None:
    running = await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    _, key = await stored_key(cluster)
    await cluster.kill(running)
    await cluster.create(ca_secret(), ca_issuer())
    again = await cluster.start()
    await cluster.settled()
    await assert_issued_with(cluster, key)
    assert len(again.controllers.held_keys) == 0


async def test_an_issuer_whose_secret_is_missing_signs_as_soon_as_it_is_there(cluster: Cluster) -> None:
    await cluster.create(ca_issuer())
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    _, key = await stored_key(cluster)
    await cluster.create(ca_secret())
    await cluster.settled()
    await assert_issued_with(cluster, key)


async def test_an_issuer_that_breaks_under_way_makes_the_key_durable(ca: Cluster) -> None:
    """The issuer says Ready, but its Secret has gone: the request waits, and so does the key."""
    await ca.start()
    await ca.settled()
    await ca.delete(Secret, "ca")
    await ca.create(certificate("web"))
    await ca.settled()
    _, key = await stored_key(ca)
    await ca.create(ca_secret())
    await ca.settled()
    await assert_issued_with(ca, key)


@pytest.mark.usefixtures("foreign_signers")
@pytest.mark.parametrize("killed", [False, True])
async def test_a_foreign_issuer_signs_for_the_stored_key(
    cluster: Cluster, others: Others, killed: bool
) -> None:
    running = await cluster.start()
    foreign = IssuerRef(name="theirs", kind="Signer", group="signer.example")
    await cluster.create(certificate("web", foreign))
    await cluster.settled()
    _, key = await stored_key(cluster)
    request = await cluster.get(CertificateRequest, "web-1")
    assert [c.type for c in request.status.conditions] == ["Approved"]
    if killed:
        await cluster.kill(running)
    await others.sign("web-1")
    if killed:
        await cluster.start()
    await cluster.settled()
    await assert_issued_with(cluster, key)


@pytest.mark.parametrize("killed", [False, True])
async def test_a_request_that_others_approve_is_signed_for_the_stored_key(
    ca: Cluster, others: Others, killed: bool
) -> None:
    config = ControllerConfig(namespace=ca.namespace, policy=Policy(approve=False))
    running = await ca.start(config)
    await ca.create(certificate("web"))
    await ca.settled()
    _, key = await stored_key(ca)
    assert (await ca.get(CertificateRequest, "web-1")).status.conditions == []
    if killed:
        await ca.kill(running)
    await others.decide("web-1", "Approved")
    if killed:
        await ca.start(config)
    await ca.settled()
    await assert_issued_with(ca, key)


async def test_a_stored_key_that_no_longer_fits_the_spec_is_replaced(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    old, _ = await stored_key(cluster)
    await cluster.patch(Certificate, "web", {"spec": {"privateKey": {"algorithm": "ECDSA", "size": 384}}})
    await cluster.settled()
    new, key = await stored_key(cluster)
    assert new.metadata.name != old.metadata.name
    assert key.size == 384
    request = await cluster.get(CertificateRequest, "web-1")
    assert parse_request(request.spec.request).public_key == key
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.settled()
    await assert_issued_with(cluster, key)


async def test_a_stored_key_that_somebody_deletes_is_made_anew_with_a_new_request(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    secret, _ = await stored_key(cluster)
    await cluster.delete(Secret, secret.metadata.name)
    await cluster.settled()
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    assert keys_match(await cluster.secret("web-tls"))
