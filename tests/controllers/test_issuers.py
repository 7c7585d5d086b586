"""Issuers and ClusterIssuers: what makes them Ready, and what follows from a change."""

from datetime import timedelta
from uuid import uuid4

import pytest

from certwright.api.certmanager import (
    Certificate,
    ClusterIssuer,
    Issuer,
    IssuerCondition,
    IssuerRef,
    IssuerSpec,
)
from certwright.api.foreign import Event, Secret
from certwright.api.meta import ManagedObjectMeta, ObjectMeta
from certwright.controllers.manager import ControllerConfig
from certwright.testing.builders import ca_issuer, ca_secret, certificate, cluster_issuer, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match, openssl_verify
from certwright.testing.cluster import Cluster


async def ready_of(cluster: Cluster, name: str = "ca") -> IssuerCondition:
    """The condition Ready of an Issuer."""
    (condition,) = (await cluster.get(Issuer, name)).status.conditions
    assert condition.type == "Ready"
    return condition


async def told(cluster: Cluster) -> list[str]:
    """The reasons of the events about issuers."""
    events = [e for e in await cluster.objects(Event) if e.involved_object.kind == "Issuer"]
    return [e.reason for e in sorted(events, key=lambda e: e.metadata.name)]


async def test_a_ca_is_ready_when_its_secret_is(ca: Cluster) -> None:
    running = await ca.start()
    await ca.settled()
    condition = await ready_of(ca)
    assert (condition.status, condition.reason) == ("True", "KeyPairVerified")
    assert condition.message == "Signing CA verified"
    assert condition.observed_generation == 1
    assert await told(ca) == ["KeyPairVerified"]
    assert [call.resource for call in running.tap.writes] == ["issuers/status"]


async def test_a_self_signed_issuer_is_ready_at_once(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer("ss"))
    await cluster.start()
    await cluster.settled()
    condition = await ready_of(cluster, "ss")
    assert (condition.status, condition.reason, condition.message) == ("True", "IsReady", "")
    assert await told(cluster) == []


@pytest.mark.parametrize(
    ("data", "reason", "message"),
    [
        (None, "ErrGetKeyPair", 'Error getting keypair for CA issuer: secrets "ca" not found'),
        ({}, "ErrGetKeyPair", "tls.crt"),
        ({"tls.crt": b"nonsense", "tls.key": b"nonsense"}, "ErrGetKeyPair", "keypair"),
    ],
)
async def test_a_ca_whose_secret_is_no_good_is_not_ready(
    cluster: Cluster, data: dict[str, bytes] | None, reason: str, message: str
) -> None:
    await cluster.create(ca_issuer())
    if data is not None:
        await cluster.create(Secret(metadata=ManagedObjectMeta(name="ca"), type="Opaque", data=data))
    await cluster.start()
    await cluster.settled()
    condition = await ready_of(cluster)
    assert (condition.status, condition.reason) == ("False", reason)
    assert message in condition.message
    await cluster.live_through(timedelta(hours=1))
    assert (await ready_of(cluster)) == condition
    if data is None:
        await cluster.create(ca_secret())
    else:
        await cluster.delete(Secret, "ca")
        await cluster.create(ca_secret())
    await cluster.settled()
    assert (await ready_of(cluster)).status == "True"


async def test_a_leaf_is_no_ca(ca: Cluster) -> None:
    await ca.create(ca_issuer("leaf", "web-tls"))
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    condition = await ready_of(ca, "leaf")
    assert (condition.status, condition.reason) == ("False", "ErrInvalidKeyPair")
    assert condition.message == "Error getting keypair for CA issuer: certificate is not a CA"


@pytest.mark.parametrize("labelled", [False, True])
async def test_a_replaced_ca_signs_what_comes_after(cluster: Cluster, labelled: bool) -> None:
    first, second = ca_secret(), ca_secret(generation=2)
    await cluster.create(first, ca_issuer())
    if labelled:
        label = {"controller.cert-manager.io/fao": "true"}
        await cluster.patch(Secret, "ca", {"metadata": {"labels": label}})
    await cluster.start()
    await cluster.create(certificate("before"))
    await cluster.settled()
    data = {key: value.decode() for key, value in second.data.items()}
    await cluster.patch(Secret, "ca", {"stringData": data})
    await cluster.settled()
    await cluster.create(certificate("after"))
    await cluster.settled()
    before, after = await cluster.secret("before-tls"), await cluster.secret("after-tls")
    assert openssl_verify(before, first.data["tls.crt"]) == ""
    assert openssl_verify(after, second.data["tls.crt"]) == ""
    assert openssl_verify(after, first.data["tls.crt"]) != ""
    assert after.data["ca.crt"] == second.data["tls.crt"]
    await cluster.advance(timedelta(days=61))
    renewed = await cluster.secret("before-tls")
    assert openssl_verify(renewed, second.data["tls.crt"], cluster.clock.now()) == ""


async def test_a_ca_that_is_a_certificate_of_ours_follows_its_renewals(cluster: Cluster) -> None:
    root = certificate("root", "ss", is_ca=True, common_name="root", secret_name="root", dns_names=[])
    await cluster.create(self_signed_issuer("ss"), root, ca_issuer("ca", "root"))
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.settled()
    anchor = (await cluster.secret("root")).data["tls.crt"]
    assert openssl_verify(await cluster.secret("web-tls"), anchor) == ""
    await cluster.live_through(timedelta(days=62))
    renewed = (await cluster.secret("root")).data["tls.crt"]
    assert renewed != anchor
    await cluster.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await cluster.settled()
    assert openssl_verify(await cluster.secret("web-tls"), renewed, cluster.clock.now()) == ""


async def test_the_key_of_a_ca_is_read_once_for_many_signatures(ca: Cluster) -> None:
    label = {"controller.cert-manager.io/fao": "true"}
    await ca.patch(Secret, "ca", {"metadata": {"labels": label}})
    running = await ca.start()
    await ca.create(*(certificate(f"c{number}") for number in range(10)))
    await ca.settled()
    reads = [call for call in running.tap.calls if call.verb == "get" and call.target.endswith("/ca")]
    assert len(reads) == 1


async def test_a_cluster_issuer_serves_every_namespace_from_its_own(cluster: Cluster) -> None:
    """Its Secret is in the cluster resource namespace, which is where this test is at home."""
    name = f"for-all-{uuid4().hex[:8]}"
    await cluster.create(ca_secret(), cluster_issuer(ca_issuer(name, "ca")))
    await cluster.start(ControllerConfig(cluster_resource_namespace=cluster.namespace))
    await cluster.create(certificate("web", IssuerRef(name=name, kind="ClusterIssuer")))
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    secret = await cluster.secret("web-tls")
    assert keys_match(secret)
    assert secret.metadata.annotations["cert-manager.io/issuer-kind"] == "ClusterIssuer"
    await cluster.delete(ClusterIssuer, name)
    await cluster.settled()


async def test_controllers_of_one_namespace_leave_cluster_issuers_alone(cluster: Cluster) -> None:
    name = f"not-ours-{uuid4().hex[:8]}"
    await cluster.create(cluster_issuer(self_signed_issuer(name)))
    running = await cluster.start()
    await cluster.settled()
    assert running.tap.writes == []
    await cluster.delete(ClusterIssuer, name)


async def test_an_issuer_without_a_type_says_why_it_cannot_work(lawless: Cluster) -> None:
    await lawless.create(Issuer(metadata=ObjectMeta(name="odd"), spec=IssuerSpec()))
    await lawless.start()
    await lawless.settled()
    condition = await ready_of(lawless, "odd")
    assert (condition.status, condition.reason) == ("False", "ErrInitIssuer")
    assert "ErrInitIssuer" in await told(lawless)


async def test_an_issuer_edited_to_another_ca_signs_with_it(ca: Cluster) -> None:
    await ca.create(ca_secret("second"))
    await ca.start()
    await ca.settled()
    await ca.patch(Issuer, "ca", {"spec": {"ca": {"secretName": "second"}}})
    await ca.settled()
    assert (await ready_of(ca)).observed_generation == 2
    await ca.create(certificate("web"))
    await ca.settled()
    assert openssl_verify(await ca.secret("web-tls"), ca_secret("second").data["tls.crt"]) == ""
    assert set(ca.running[0].controllers.secrets.followed()) == {(ca.namespace, "second")}
