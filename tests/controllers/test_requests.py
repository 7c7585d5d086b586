"""CertificateRequests: approved, denied, signed, failed; by us and by others."""

from datetime import timedelta
from typing import Protocol

import pytest

from certwright.api import conditions
from certwright.api.certmanager import (
    CertificateRequest,
    CertificateRequestSpec,
    Issuer,
    IssuerRef,
    IssuerSpec,
)
from certwright.api.foreign import Event, Secret
from certwright.api.meta import ManagedObjectMeta, ObjectMeta
from certwright.controllers.manager import ControllerConfig
from certwright.pki import csr, keys
from certwright.pki.certificate import parse_certificate
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.cluster import Cluster

KEY = keys.generate("ECDSA", 256)


class Others(Protocol):
    async def decide(self, name: str, type_: str, reason: str = "", message: str = "") -> None: ...


def request(issuer: str | IssuerRef = "ca", request: bytes = b"", **more: object) -> CertificateRequest:
    """A request `r` for r.example, made by nobody's Certificate."""
    annotations = more.pop("annotations", {})
    ref = IssuerRef(name=issuer) if isinstance(issuer, str) else issuer
    return CertificateRequest(
        metadata=ObjectMeta(name="r", annotations=annotations),  # type: ignore[arg-type]
        spec=CertificateRequestSpec(
            request=request or csr.build_request(certificate("r").spec, KEY),
            issuer_ref=ref,
            **more,  # type: ignore[arg-type]
        ),
    )


async def told(cluster: Cluster) -> list[tuple[str, str, str]]:
    """Component, type and reason of the events about requests."""
    events = [e for e in await cluster.objects(Event) if e.involved_object.kind == "CertificateRequest"]
    events.sort(key=lambda e: e.metadata.name)
    return [(e.source.component.removeprefix("cert-manager-"), e.type, e.reason) for e in events]


async def ready_of(cluster: Cluster) -> tuple[str, str, str]:
    """Status, reason and message of the condition Ready."""
    found = conditions.find((await cluster.get(CertificateRequest, "r")).status.conditions, "Ready")
    return (found.status, found.reason, found.message) if found else ("", "", "")


async def test_a_request_without_a_certificate_is_approved_and_signed_in_one_write(ca: Cluster) -> None:
    running = await ca.start()
    await ca.settled()
    before = len(running.tap.writes)
    await ca.create(request(duration="1h", usages=["key encipherment", "digital signature"]))
    await ca.settled()
    assert [(c.verb, c.resource) for c in running.tap.writes[before:]] == [
        ("patch", "certificaterequests/status")
    ]
    found = await ca.get(CertificateRequest, "r")
    assert [(c.type, c.status, c.reason) for c in found.status.conditions] == [
        ("Approved", "True", "cert-manager.io"),
        ("Ready", "True", "Issued"),
    ]
    facts = parse_certificate(found.status.certificate)
    assert (facts.not_after - facts.not_before).total_seconds() == 3600
    assert found.status.ca == (await ca.secret("ca")).data["tls.crt"]
    assert await told(ca) == [
        ("certificaterequests-approver", "Normal", "cert-manager.io"),
        ("certificaterequests-issuer-ca", "Normal", "CertificateIssued"),
    ]


async def test_it_waits_for_another_approver_and_says_so_once(ca: Cluster, others: Others) -> None:
    running = await ca.start(ControllerConfig(namespace=ca.namespace, policy=Policy(approve=False)))
    await ca.create(request())
    await ca.settled()
    assert (await ca.get(CertificateRequest, "r")).status.conditions == []
    await ca.patch(CertificateRequest, "r", {"metadata": {"labels": {"a": "b"}}})
    await ca.settled()
    assert await told(ca) == [("certificaterequests-issuer-ca", "Normal", "WaitingForApproval")]
    assert [call for call in running.tap.writes if call.resource.startswith("certificaterequests")] == []
    await others.decide("r", "Approved")
    await ca.settled()
    assert (await ready_of(ca))[1] == "Issued"


async def test_a_denied_request_is_never_signed(ca: Cluster, others: Others) -> None:
    await ca.start(ControllerConfig(namespace=ca.namespace, policy=Policy(approve=False)))
    await ca.create(request())
    await ca.settled()
    await others.decide("r", "Denied")
    await ca.settled()
    text = "The CertificateRequest was denied by an approval controller"
    assert await ready_of(ca) == ("False", "Denied", text)
    found = await ca.get(CertificateRequest, "r")
    assert found.status.failure_time is not None
    assert found.status.certificate == b""


@pytest.mark.usefixtures("foreign_signers")
async def test_a_denied_request_of_a_foreign_issuer_is_left_to_it(cluster: Cluster, others: Others) -> None:
    running = await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=Policy(approve=False)))
    await cluster.create(request(IssuerRef(name="x", kind="Signer", group="signer.example")))
    await cluster.settled()
    await others.decide("r", "Denied")
    await cluster.settled()
    assert running.tap.writes == []


@pytest.mark.parametrize(
    ("issuer", "message"),
    [
        (
            IssuerRef(name="nobody"),
            'Referenced "Issuer" not found: issuer.cert-manager.io "nobody" not found',
        ),
        (
            IssuerRef(name="nobody", kind="ClusterIssuer"),
            'Referenced "ClusterIssuer" not found: clusterissuer.cert-manager.io "nobody" not found',
        ),
        (
            IssuerRef(name="nobody", kind="Person"),
            'Referenced "Person" not found: invalid value "Person" for issuerRef.kind. '
            'Must be empty, "Issuer" or "ClusterIssuer"',
        ),
    ],
)
async def test_an_issuer_that_is_not_there_is_waited_for(
    lawless: Cluster, issuer: IssuerRef, message: str
) -> None:
    await lawless.start(ControllerConfig())
    await lawless.create(request(issuer))
    await lawless.settled()
    assert await ready_of(lawless) == ("False", "Pending", message)
    assert await told(lawless) == [
        ("certificaterequests-approver", "Normal", "cert-manager.io"),
        ("certificaterequests-issuer-ca", "Normal", "IssuerNotFound"),
    ]


async def test_an_issuer_that_is_not_ready_is_waited_for(lawless: Cluster) -> None:
    await lawless.create(Issuer(metadata=ObjectMeta(name="empty"), spec=IssuerSpec()))
    await lawless.start()
    await lawless.create(request("empty"))
    await lawless.settled()
    status, reason, message = await ready_of(lawless)
    assert (status, reason) == ("False", "Pending")
    assert "Missing issuer type" in message


async def test_a_self_signed_request_needs_its_key(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer("ss"))
    await cluster.start()
    named = {"cert-manager.io/private-key-secret-name": "the-key"}
    await cluster.create(request("ss", annotations=named))
    await cluster.settled()
    assert (await ready_of(cluster))[1] == "Pending"
    key = Secret(metadata=ManagedObjectMeta(name="the-key"), type="Opaque", data={"tls.key": KEY})
    await cluster.create(key)
    await cluster.advance(timedelta(minutes=5))
    assert (await ready_of(cluster))[1] == "Issued"


async def test_a_self_signed_request_that_names_no_key_fails(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer("ss"))
    await cluster.start()
    await cluster.create(request("ss"))
    await cluster.settled()
    status, reason, message = await ready_of(cluster)
    assert (status, reason) == ("False", "Failed")
    assert "cert-manager.io/private-key-secret-name" in message
    assert ("certificaterequests-issuer-selfsigned", "Warning", "MissingAnnotation") in await told(cluster)


async def test_a_self_signed_request_with_another_key_fails(cluster: Cluster) -> None:
    await cluster.create(
        self_signed_issuer("ss"),
        Secret(
            metadata=ManagedObjectMeta(name="the-key"),
            type="Opaque",
            data={"tls.key": keys.generate("ECDSA", 256)},
        ),
    )
    await cluster.start()
    await cluster.create(request("ss", annotations={"cert-manager.io/private-key-secret-name": "the-key"}))
    await cluster.settled()
    assert (await ready_of(cluster))[:2] == ("False", "Failed")
    assert "ErrorKeyMatch" in [reason for _, _, reason in await told(cluster)]


async def test_a_request_that_is_no_csr_fails_for_good(lawless: Cluster) -> None:
    await lawless.create(ca_secret(), ca_issuer())
    await lawless.start()
    await lawless.create(request(request=b"nonsense"))
    await lawless.settled()
    found = await lawless.get(CertificateRequest, "r")
    assert (await ready_of(lawless))[:2] == ("False", "Failed")
    assert found.status.failure_time is not None
    assert "SigningError" in [reason for _, _, reason in await told(lawless)]
