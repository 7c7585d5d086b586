"""Requests whose issuer, CA or key is missing, broken, locked or replaced: they go on once that is mended."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from certwright.api import conditions
from certwright.api.certmanager import (
    CertificateRequest,
    CertificateRequestSpec,
    ClusterIssuer,
    Issuer,
    IssuerRef,
)
from certwright.api.foreign import Event, Secret
from certwright.api.meta import ManagedObjectMeta, ObjectMeta
from certwright.controllers.manager import ControllerConfig
from certwright.kube.requests import Request
from certwright.pki import csr, keys
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate, cluster_issuer, self_signed_issuer
from certwright.testing.checks import is_ready, openssl_verify
from certwright.testing.cluster import Cluster
from certwright.testing.tap import Trouble

KEY = keys.generate("ECDSA", 256)
NAMED = {"cert-manager.io/private-key-secret-name": "the-key"}
OURS = {"metadata": {"labels": {"controller.cert-manager.io/fao": "true"}}}


def request(ref: IssuerRef, **annotations: str) -> CertificateRequest:
    """A request `r` for r.example."""
    spec = CertificateRequestSpec(request=csr.build_request(certificate("r").spec, KEY), issuer_ref=ref)
    return CertificateRequest(metadata=ObjectMeta(name="r", annotations=annotations), spec=spec)


def key_secret(data: bytes = KEY, labels: dict[str, str] | None = None) -> Secret:
    metadata = ManagedObjectMeta(name="the-key", labels=labels or {})
    return Secret(metadata=metadata, type="Opaque", data={"tls.key": data})


async def ready_of(cluster: Cluster, name: str = "r") -> tuple[str, str]:
    """Reason and message of the condition Ready of a request."""
    found = conditions.find((await cluster.get(CertificateRequest, name)).status.conditions, "Ready")
    return (found.reason, found.message) if found else ("", "")


async def told(cluster: Cluster, kind: str = "CertificateRequest") -> list[str]:
    """The reasons of the events about a kind, in order, without the approval."""
    events = [e for e in await cluster.objects(Event) if e.involved_object.kind == kind]
    events.sort(key=lambda e: e.metadata.name)
    return [e.reason for e in events if e.reason != "cert-manager.io"]


# --- the issuer -----------------------------------------------------------------------------------


async def test_an_issuer_that_comes_late_signs_at_once(cluster: Cluster) -> None:
    await cluster.start()
    await cluster.create(request(IssuerRef(name="ca")))
    await cluster.settled()
    assert await ready_of(cluster) == (
        "Pending",
        'Referenced "Issuer" not found: issuer.cert-manager.io "ca" not found',
    )
    await cluster.create(ca_issuer())
    await cluster.settled()
    assert await ready_of(cluster) == ("Pending", "Referenced issuer does not have a Ready status condition")
    await cluster.create(ca_secret())
    await cluster.settled()
    assert (await ready_of(cluster))[0] == "Issued"
    assert await told(cluster) == ["IssuerNotFound", "CertificateIssued"]


async def test_an_issuer_that_is_deleted_is_missed_and_a_new_one_of_its_name_signs(ca: Cluster) -> None:
    await ca.start()
    await ca.settled()
    await ca.delete(Issuer, "ca")
    await ca.settled()
    await ca.create(request(IssuerRef(name="ca"), **NAMED), key_secret())
    await ca.settled()
    assert (await ready_of(ca))[0] == "Pending"
    await ca.create(self_signed_issuer("ca"))
    await ca.settled()
    found = await ca.get(CertificateRequest, "r")
    assert (await ready_of(ca))[0] == "Issued"
    assert found.status.ca == found.status.certificate  # as a self-signed issuer does


async def test_an_issuer_that_loses_its_secret_signs_nothing_until_it_is_back(ca: Cluster) -> None:
    await ca.start()
    await ca.settled()
    await ca.delete(Secret, "ca")
    await ca.settled()
    await ca.create(request(IssuerRef(name="ca")))
    await ca.settled()
    assert await ready_of(ca) == ("Pending", "Referenced issuer does not have a Ready status condition")
    await ca.create(ca_secret())
    await ca.settled()
    assert (await ready_of(ca))[0] == "Issued"
    counts = {e.reason: e.count for e in await ca.objects(Event) if e.involved_object.kind == "Issuer"}
    assert counts == {"KeyPairVerified": 2, "ErrGetKeyPair": 1, "ErrInitIssuer": 1}


async def test_a_pending_request_that_waits_on_tells_of_it_once(cluster: Cluster) -> None:
    await cluster.create(ca_issuer())
    running = await cluster.start()
    await cluster.create(request(IssuerRef(name="ca")))
    await cluster.settled()
    await cluster.live_through(timedelta(hours=1))
    for number in range(3):
        await cluster.patch(CertificateRequest, "r", {"metadata": {"labels": {"n": str(number)}}})
        await cluster.patch(Issuer, "ca", {"metadata": {"labels": {"n": str(number)}}})
        await cluster.settled()
    await cluster.stop(running)
    await cluster.start()
    await cluster.settled()
    assert await told(cluster) == ["IssuerNotReady"]
    assert await told(cluster, "Issuer") == ["ErrGetKeyPair", "ErrInitIssuer"]


async def test_a_controller_of_one_namespace_says_that_it_serves_no_cluster_issuers(
    cluster: Cluster,
) -> None:
    name = f"there-{uuid4().hex[:8]}"
    await cluster.create(cluster_issuer(self_signed_issuer(name)))
    running = await cluster.start()
    await cluster.create(request(IssuerRef(name=name, kind="ClusterIssuer"), **NAMED), key_secret())
    await cluster.settled()
    text = "this controller serves a single namespace, and no ClusterIssuers"
    assert await ready_of(cluster) == ("Pending", f'Referenced "ClusterIssuer" not found: {text}')
    await cluster.stop(running)
    await cluster.start(ControllerConfig())
    await cluster.settled()
    assert (await ready_of(cluster))[0] == "Issued"
    await cluster.delete(ClusterIssuer, name)


# --- the CA ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "reason"),
    [({"tls.key": b"nonsense"}, "SecretInvalidData"), (None, "SecretMissing")],
)
async def test_a_ca_that_breaks_behind_the_back_of_its_issuer_is_waited_for(
    cluster: Cluster, broken: dict[str, bytes] | None, reason: str
) -> None:
    """Nobody checks the issuer here; it was ready when somebody last looked."""
    await unchecked_ca(cluster)
    if broken is None:
        await cluster.delete(Secret, "ca")
    else:
        await cluster.patch(Secret, "ca", {"stringData": {k: v.decode() for k, v in broken.items()}})
    await cluster.start(unchecked(cluster))
    await cluster.create(request(IssuerRef(name="ca")))
    await cluster.settled()
    assert (await ready_of(cluster))[0] == "Pending"
    assert await told(cluster) == [reason]
    if broken is None:
        await cluster.create(ca_secret())
    else:
        key = ca_secret().data["tls.key"].decode()
        await cluster.patch(Secret, "ca", {"stringData": {"tls.key": key}})
    await cluster.settled()
    assert (await ready_of(cluster))[0] == "Issued"
    assert await told(cluster) == [reason, "CertificateIssued"]


async def test_a_ca_that_cannot_be_read_is_asked_for_again_after_a_while(cluster: Cluster) -> None:
    await unchecked_ca(cluster)
    await cluster.patch(Secret, "ca", OURS)
    running = await cluster.start(unchecked(cluster), cue=no_reads_of("ca"))
    await cluster.create(request(IssuerRef(name="ca")))
    await cluster.settled()
    reason, message = await ready_of(cluster)
    assert reason == "Pending"
    assert message.startswith(
        f"Failed to get certificate key pair from secret {cluster.namespace}/ca: get secrets "
    )
    await cluster.advance(timedelta(minutes=5))
    assert await ready_of(cluster) == (reason, message)
    assert await told(cluster) == ["SecretGetError"]
    running.tap.cue = None
    await cluster.advance(timedelta(minutes=5))
    assert (await ready_of(cluster))[0] == "Issued"


async def test_an_issuer_whose_secret_cannot_be_read_is_not_ready_until_it_can(ca: Cluster) -> None:
    await ca.patch(Secret, "ca", OURS)
    running = await ca.start(cue=no_reads_of("ca"))
    await ca.settled()
    (condition,) = (await ca.get(Issuer, "ca")).status.conditions
    assert (condition.status, condition.reason) == ("False", "ErrGetKeyPair")
    assert condition.message.startswith("Error getting keypair for CA issuer: get secrets ")
    running.tap.cue = None
    await ca.advance(timedelta(minutes=5))
    assert conditions.has((await ca.get(Issuer, "ca")).status.conditions, "Ready")


async def test_a_ca_with_the_key_of_another_fails_requests_for_good(cluster: Cluster) -> None:
    first, second = ca_secret(), ca_secret(generation=2)
    mixed = {"tls.crt": first.data["tls.crt"], "tls.key": second.data["tls.key"]}
    await cluster.create(
        Secret(metadata=first.metadata, type=first.type, data=mixed), ca_issuer(), certificate("web")
    )
    await cluster.start()
    await cluster.settled()
    found = await cluster.get(CertificateRequest, "web-1")
    reason, message = await ready_of(cluster, "web-1")
    assert reason == "Failed"
    assert message.startswith("Error signing certificate: ")
    assert found.status.failure_time is not None
    assert await told(cluster) == ["SigningError"]
    issuing = conditions.find((await cluster.certificate("web")).status.conditions, "Issuing")
    assert issuing is not None
    assert (issuing.status, issuing.reason) == ("False", "Failed")
    right = first.data["tls.key"].decode()
    await cluster.patch(Secret, "ca", {"stringData": {"tls.key": right}})
    await cluster.advance(timedelta(hours=1, seconds=1))
    assert is_ready(await cluster.certificate("web"))
    stored, now = await cluster.secret("web-tls"), cluster.clock.now()
    assert openssl_verify(stored, first.data["tls.crt"], now) == ""


async def test_a_certificate_in_the_secret_of_its_own_ca_is_ill_advised_and_ends_no_loop(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web", secret_name="ca"))
    await ca.settled()
    syncs = running.syncs()
    await ca.settled()
    assert running.syncs() == syncs


# --- the key of a self-signed certificate ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["Issuer", "ClusterIssuer"])
@pytest.mark.parametrize("before", [None, b"nonsense"], ids=["missing", "broken"])
@pytest.mark.parametrize("labelled", [False, True])
async def test_a_key_that_comes_late_signs_itself(
    cluster: Cluster, kind: str, before: bytes | None, labelled: bool
) -> None:
    name = f"ss-{uuid4().hex[:8]}"
    issuer = self_signed_issuer(name)
    await cluster.create(cluster_issuer(issuer) if kind == "ClusterIssuer" else issuer)
    labels = OURS["metadata"]["labels"] if labelled else {}
    if before is not None:
        await cluster.create(key_secret(before, labels))
    await cluster.start(ControllerConfig(cluster_resource_namespace="elsewhere"))
    await cluster.create(request(IssuerRef(name=name, kind=kind), **NAMED))
    await cluster.settled()
    assert (await ready_of(cluster))[0] == "Pending"
    if before is None:
        await cluster.create(key_secret(labels=labels))
    else:
        await cluster.patch(Secret, "the-key", {"stringData": {"tls.key": KEY.decode()}})
    if labelled:
        await cluster.settled()
    else:
        await cluster.advance(timedelta(minutes=5))
    assert (await ready_of(cluster))[0] == "Issued"
    assert await told(cluster) == [
        "MissingSecret" if before is None else "ErrorParsingKey",
        "BadConfig",
        "CertificateIssued",
    ]
    if kind == "ClusterIssuer":
        await cluster.delete(ClusterIssuer, name)


async def test_a_key_that_cannot_be_read_is_asked_for_again_after_a_while(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer("ss"), key_secret())
    running = await cluster.start(cue=no_reads_of("the-key"))
    await cluster.create(request(IssuerRef(name="ss"), **NAMED))
    await cluster.settled()
    reason, message = await ready_of(cluster)
    assert reason == "Pending"
    where = f"{cluster.namespace}/the-key"
    assert message.startswith(f"Failed to get key the-key referenced by secret {where}: get secrets ")
    assert await told(cluster) == ["ErrorGettingSecret"]
    running.tap.cue = None
    await cluster.advance(timedelta(minutes=5))
    assert (await ready_of(cluster))[0] == "Issued"


# --- helpers --------------------------------------------------------------------------------------


def no_reads_of(name: str) -> Callable[[Request], Awaitable[Trouble | None]]:
    """The line breaks whenever a Secret is read by its name."""

    async def cue(request: Request) -> Trouble | None:
        await asyncio.sleep(0)
        wanted = request.verb == "get" and request.resource == "secrets"
        return Trouble() if wanted and request.target.endswith(f"/{name}") else None

    return cue


def unchecked(cluster: Cluster) -> ControllerConfig:
    """Controllers that leave the readiness of issuers to somebody else."""
    return ControllerConfig(namespace=cluster.namespace, policy=Policy(inactive=frozenset({"issuers"})))


async def unchecked_ca(cluster: Cluster) -> None:
    """A CA that somebody else has found to be ready."""
    await cluster.create(ca_secret(), ca_issuer())
    ready: dict[str, Any] = {"type": "Ready", "status": "True", "reason": "Elsewhere"}
    await cluster.patch(Issuer, "ca", {"status": {"conditions": [ready]}}, "status")
