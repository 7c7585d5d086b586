"""Temporary certificates, seen from outside: stored while an issuer is slow, replaced, and tried again."""

import asyncio
from datetime import timedelta
from typing import Protocol

import pytest

from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    IssuerRef,
    JKSKeystore,
    Keystores,
    OtherName,
    PrivateKey,
    SecretTemplate,
)
from certwright.api.foreign import Event, Secret
from certwright.api.meta import ManagedObjectMeta
from certwright.api.references import SecretKeySelector
from certwright.controllers.manager import ControllerConfig
from certwright.kube.requests import Request
from certwright.pki import csr
from certwright.pki.certificate import parse_certificate
from certwright.pki.keys import public_key_of_private
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate, tls_secret
from certwright.testing.checks import is_ready, keys_match, reason
from certwright.testing.cluster import Cluster
from certwright.testing.tap import Trouble

WISH = {"cert-manager.io/issue-temporary-certificate": "true"}
THEIRS = IssuerRef(name="theirs", kind="Signer", group="signer.example")
NEVER = PrivateKey(algorithm="ECDSA", rotation_policy="Never")


class Others(Protocol):
    async def sign(self, name: str) -> None: ...
    async def fail(self, name: str, message: str = "") -> None: ...
    async def pend(self, name: str, message: str = "") -> None: ...


async def waiting(cluster: Cluster, issuer: str | IssuerRef = "ca", **fields: object) -> Secret:
    """Have `web` wait for an issuer that is not there, and return its Secret."""
    await cluster.start()
    await cluster.create(certificate("web", issuer, annotations=WISH, **fields))
    await cluster.settled()
    return await cluster.secret("web-tls")


async def messages(cluster: Cluster, wanted: str, kind: str = "Certificate") -> list[str]:
    found = [e for e in await cluster.objects(Event) if e.involved_object.kind == kind]
    return [e.message for e in found if e.reason == wanted]


async def test_it_serves_until_the_real_one_is_there(cluster: Cluster) -> None:
    since = await cluster.resource_version()
    before = await waiting(cluster)
    facts = parse_certificate(before.data["tls.crt"])
    assert keys_match(before)
    assert facts.is_temporary
    assert list(facts.dns_names) == ["web.example"]
    assert set(before.data) == {"tls.crt", "tls.key"}
    assert before.type == "kubernetes.io/tls"
    assert before.data["tls.key"].startswith(b"-----BEGIN EC PRIVATE KEY")
    assert before.metadata.labels == {"controller.cert-manager.io/fao": "true"}
    assert before.metadata.annotations == {
        "cert-manager.io/alt-names": "web.example",
        "cert-manager.io/certificate-name": "web",
        "cert-manager.io/common-name": "",
        "cert-manager.io/ip-sans": "",
        "cert-manager.io/uri-sans": "",
    }
    assert {entry.manager for entry in before.metadata.managed_fields} == {
        "cert-manager-certificates-issuing"
    }
    assert len(await messages(cluster, "Issuing")) == 2
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.settled()
    after = await cluster.secret("web-tls")
    assert is_ready(await cluster.certificate("web"))
    assert keys_match(after)
    assert not parse_certificate(after.data["tls.crt"]).is_temporary
    assert after.data["tls.key"] == before.data["tls.key"]
    history = [c for c in await cluster.history(Secret, since) if c.object["metadata"]["name"] == "web-tls"]
    assert [change.type for change in history] == ["ADDED", "MODIFIED"]


async def test_its_key_is_the_next_key_and_that_is_stored_first(cluster: Cluster) -> None:
    secret = await waiting(cluster)
    key = public_key_of_private(secret.data["tls.key"])
    found = await cluster.certificate("web")
    stored = await cluster.secret(found.status.next_private_key_secret_name)
    request = await cluster.get(CertificateRequest, "web-1")
    assert public_key_of_private(stored.data["tls.key"]) == key
    assert csr.parse_request(request.spec.request).public_key == key
    writes = [call for call in cluster.running[0].tap.writes if call.resource == "secrets"]
    assert [call.verb for call in writes] == ["create", "apply"]


async def test_it_does_not_make_the_certificate_ready(cluster: Cluster) -> None:
    await waiting(cluster)
    found = await cluster.certificate("web")
    assert reason(found, "Ready") == "IncorrectIssuer"
    assert reason(found, "Issuing") == "DoesNotExist"
    await cluster.stop(cluster.running[0])
    again = await cluster.start()
    await cluster.settled()
    assert again.tap.writes == []


async def test_after_a_failure_it_is_tried_again(cluster: Cluster, others: Others) -> None:
    await cluster.start()
    await cluster.create(certificate("web", THEIRS, annotations=WISH))
    await cluster.settled()
    assert not await cluster.exists(Secret, "web-tls")
    await others.pend("web-1", "in a while")
    await cluster.settled()
    temporary = await cluster.secret("web-tls")
    await others.fail("web-1")
    await cluster.settled()
    assert reason(await cluster.certificate("web"), "Issuing") == "Failed"
    assert (await cluster.secret("web-tls")).data == temporary.data
    await cluster.advance(timedelta(minutes=59))
    assert reason(await cluster.certificate("web"), "Issuing") == "Failed"
    await cluster.advance(timedelta(minutes=2))
    assert reason(await cluster.certificate("web"), "Issuing") == "IncorrectIssuer"
    await others.pend("web-1", "in a while")
    await cluster.settled()
    assert (await cluster.secret("web-tls")).data == temporary.data
    await others.sign("web-1")
    await cluster.settled()
    secret = await cluster.secret("web-tls")
    assert is_ready(await cluster.certificate("web"))
    assert keys_match(secret)
    assert secret.data["tls.key"] != temporary.data["tls.key"]


async def test_never_keeps_its_key(cluster: Cluster, others: Others) -> None:
    temporary = await waiting(cluster, private_key=NEVER)
    await others.fail("web-1")
    await cluster.settled()
    await cluster.advance(timedelta(hours=2))
    await others.sign("web-1")
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    assert (await cluster.secret("web-tls")).data["tls.key"] == temporary.data["tls.key"]


async def test_a_pair_that_serves_already_is_not_replaced(cluster: Cluster) -> None:
    theirs = ca_secret("elsewhere")
    await cluster.create(tls_secret("web-tls", theirs.data["tls.crt"], theirs.data["tls.key"]))
    secret = await waiting(cluster)
    assert secret.data == theirs.data


async def test_a_pair_that_appears_just_before_is_not_replaced(cluster: Cluster) -> None:
    """Somebody puts a Secret there after the controllers have seen that there is none."""
    theirs = ca_secret("elsewhere")

    async def just_before(request: Request) -> Trouble | None:
        if request.resource == "secrets" and request.verb == "create":
            await cluster.create(tls_secret("web-tls", theirs.data["tls.crt"], theirs.data["tls.key"]))
        return None

    await cluster.start(cue=just_before)
    await cluster.create(certificate("web", annotations=WISH))
    await cluster.settled()
    assert (await cluster.secret("web-tls")).data == theirs.data


async def test_what_the_spec_wants_of_the_secret_is_there_too(cluster: Cluster) -> None:
    await cluster.create(Secret(metadata=ManagedObjectMeta(name="web-tls"), type="Opaque"))
    template = SecretTemplate(labels={"team": "a"}, annotations={"note": "b"})
    private_key = PrivateKey(algorithm="ECDSA", encoding="PKCS8")
    secret = await waiting(cluster, secret_template=template, private_key=private_key)
    assert secret.type == "Opaque"
    assert secret.metadata.labels["team"] == "a"
    assert secret.metadata.annotations["note"] == "b"
    assert secret.data["tls.key"].startswith(b"-----BEGIN PRIVATE KEY")


@pytest.mark.parametrize(
    "names",
    [
        {"dns_names": [], "literal_subject": "CN=web,O=acme"},
        {"dns_names": [], "other_names": [OtherName(oid="1.3.6.1.4.1.311.20.2.3", utf8_value="web@example")]},
    ],
)
async def test_names_of_every_kind_are_enough(cluster: Cluster, names: dict[str, object]) -> None:
    secret = await waiting(cluster, **names)
    assert keys_match(secret)
    assert parse_certificate(secret.data["tls.crt"]).is_temporary
    syncs = cluster.running[0].syncs()
    await cluster.advance(timedelta(minutes=10))
    assert cluster.running[0].syncs() == syncs


async def test_with_owner_references_it_has_one(cluster: Cluster) -> None:
    policy = Policy(owner_references=True)
    await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=policy))
    await cluster.create(certificate("web", annotations=WISH))
    await cluster.settled()
    assert [o.name for o in (await cluster.secret("web-tls")).metadata.owner_references] == ["web"]


async def test_a_renewal_needs_none(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web", annotations=WISH))
    await ca.settled()
    first = await ca.secret("web-tls")
    assert not parse_certificate(first.data["tls.crt"]).is_temporary
    await ca.delete(Secret, "ca")
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    assert (await ca.secret("web-tls")).data == first.data


async def test_without_the_password_of_a_keystore_it_is_not_stored(cluster: Cluster) -> None:
    reference = SecretKeySelector(name="pw", key="p")
    stores = Keystores(jks=JKSKeystore(create=True, password_secret_ref=reference))
    running = await cluster.start()
    await cluster.create(certificate("web", annotations=WISH, keystores=stores))
    async with asyncio.timeout(30):
        await cluster.settled()
    assert not await cluster.exists(Secret, "web-tls")
    assert len(await messages(cluster, "KeystorePasswordSecretNotFound")) == 1
    syncs = running.syncs()
    await cluster.advance(timedelta(hours=1))
    assert running.syncs() <= syncs + 2
    await cluster.create(Secret(metadata=ManagedObjectMeta(name="pw"), data={"p": b"changeit"}))
    await cluster.settled()
    secret = await cluster.secret("web-tls")
    assert keys_match(secret)
    assert secret.data["keystore.jks"]
