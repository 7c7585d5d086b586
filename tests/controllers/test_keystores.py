"""Keystores in target Secrets: their passwords, what happens without one, and when their bytes change."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import pkcs12

from certwright.api.certmanager import Certificate, JKSKeystore, Keystores, PKCS12Keystore
from certwright.api.foreign import Event, Secret
from certwright.api.meta import CERTIFICATES, SECRETS, ManagedObjectMeta
from certwright.api.references import SecretKeySelector
from certwright.controllers.explain import explain
from certwright.testing.builders import certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster, Running

STORES = {"keystore.p12", "truststore.p12", "keystore.jks", "truststore.jks"}
LITERAL = Keystores(
    pkcs12=PKCS12Keystore(create=True, password="literal", profile="Modern2023"),
    jks=JKSKeystore(create=True, password="literal"),
)
REFERRED = Keystores(
    pkcs12=PKCS12Keystore(
        create=True, password_secret_ref=SecretKeySelector(name="pw", key="p"), profile="Modern2023"
    )
)


def password(text: str = "changeit", key: str = "p", **labels: str) -> Secret:
    return Secret(metadata=ManagedObjectMeta(name="pw", labels=labels), data={key: text.encode()})


def opened(secret: Secret, password: str) -> pkcs12.PKCS12KeyAndCertificates:
    return pkcs12.load_pkcs12(secret.data["keystore.p12"], password.encode())


async def issued(cluster: Cluster, keystores: Keystores | None) -> Secret:
    """Have `web` issued, and return its Secret."""
    await cluster.create(certificate("web", keystores=keystores))
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    return await cluster.secret("web-tls")


def followed(running: Running) -> set[str]:
    """The Secrets that are watched by name; that of the CA is always one of them."""
    return {name for _, name in running.controllers.secrets.followed()}


async def missing(cluster: Cluster) -> list[str]:
    """What was told about missing passwords, once for each time."""
    return [
        event.message
        for event in await cluster.objects(Event)
        if event.reason == "KeystorePasswordSecretNotFound"
        for _ in range(event.count)
    ]


async def relabelled(cluster: Cluster) -> Secret:
    """Have the Secret applied again for another reason, and return it."""
    await cluster.patch(Certificate, "web", {"spec": {"secretTemplate": {"labels": {"a": "b"}}}})
    await cluster.settled()
    secret = await cluster.secret("web-tls")
    assert secret.metadata.labels["a"] == "b"
    return secret


async def test_keystores_are_stored_with_the_certificate(ca: Cluster) -> None:
    await ca.start()
    secret = await issued(ca, LITERAL)
    assert secret.data.keys() > STORES
    assert opened(secret, "literal").key is not None
    assert secret.data["keystore.jks"].startswith(b"\xfe\xed\xfe\xed")


async def test_a_password_in_a_secret_costs_one_read(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(password())
    await ca.settled()
    before = len(running.tap.calls)
    assert opened(await issued(ca, REFERRED), "changeit").key is not None
    calls = [call for call in running.tap.calls[before:] if call.resource == "secrets"]
    assert [call.verb for call in calls] == ["get", "get", "apply"]  # the target, the password
    assert followed(running) == {"ca"}


async def test_nothing_is_stored_until_the_password_is_there(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web", keystores=REFERRED))
    await ca.settled()
    assert not await ca.exists(Secret, "web-tls")
    assert await missing(ca) == ['PKCS12 keystore password Secret "pw" not found']
    assert followed(running) == {"ca", "pw"}
    before = len(running.tap.calls)
    await ca.live_through(timedelta(days=1))
    assert running.tap.calls[before:] == []
    await ca.create(password())
    await ca.settled()
    secret = await ca.secret("web-tls")
    assert is_ready(await ca.certificate("web"))
    assert opened(secret, "changeit").key is not None
    assert keys_match(secret)
    assert len(await missing(ca)) == 1
    assert followed(running) == {"ca"}


@pytest.mark.parametrize("labels", [{}, {"controller.cert-manager.io/fao": "true"}])
async def test_a_password_secret_without_the_key_is_waited_for(ca: Cluster, labels: dict[str, str]) -> None:
    await ca.start()
    await ca.create(password(key="other", **labels), certificate("web", keystores=REFERRED))
    await ca.settled()
    assert not await ca.exists(Secret, "web-tls")
    assert await missing(ca) == ['PKCS12 keystore password Secret "pw" holds no text under key "p"']
    await ca.patch(Secret, "pw", {"stringData": {"p": "later"}})
    await ca.settled()
    assert opened(await ca.secret("web-tls"), "later").key is not None


async def test_the_key_survives_a_restart_while_a_password_is_waited_for(ca: Cluster) -> None:
    first = await ca.start()
    await ca.create(certificate("web", keystores=REFERRED))
    await ca.settled()
    await ca.kill(first)
    await ca.start()
    await ca.settled()
    assert not await ca.exists(Secret, "web-tls")
    await ca.create(password())
    await ca.settled()
    seen = await ca.certificate("web")
    assert is_ready(seen)
    assert seen.status.revision == 1
    assert keys_match(await ca.secret("web-tls"))


async def test_a_wish_that_is_dropped_is_waited_for_no_longer(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web", keystores=REFERRED))
    await ca.settled()
    await ca.patch(Certificate, "web", {"spec": {"keystores": None}})
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    assert not STORES & (await ca.secret("web-tls")).data.keys()
    assert followed(running) == {"ca"}


async def test_a_certificate_that_is_gone_waits_for_no_password(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web", keystores=REFERRED))
    await ca.settled()
    await ca.delete(Certificate, "web")
    await ca.settled()
    assert followed(running) == {"ca"}


async def test_why_names_the_password_that_is_missing(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web", keystores=REFERRED))
    await ca.settled()
    found = await explain(ca.client, CERTIFICATES, "web", ca.namespace, ca.clock.now())
    assert not found.ready
    assert (
        'cannot be stored: PKCS12 keystore password Secret "pw" not found; it is your turn' in found.sentence
    )
    failed = [check.name for check in found.checks if not check.passed and "password" in check.name]
    assert failed == ["the PKCS12 keystore has its password"]


async def test_a_secret_is_applied_again_with_the_keystores_that_it_has(ca: Cluster) -> None:
    await ca.start()
    stored = await issued(ca, LITERAL)
    assert (await relabelled(ca)).data == stored.data


async def test_a_changed_password_takes_effect_at_the_next_apply(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(password())
    stored = await issued(ca, REFERRED)
    before = len(running.tap.writes)
    await ca.patch(Secret, "pw", {"stringData": {"p": "changed!"}})
    await ca.settled()
    assert running.tap.writes[before:] == []
    assert (await ca.secret("web-tls")).data == stored.data
    changed = await relabelled(ca)
    assert opened(changed, "changed!").key is not None
    assert changed.data["tls.crt"] == stored.data["tls.crt"]


async def test_a_renewal_makes_new_keystores(ca: Cluster) -> None:
    await ca.start()
    stored = await issued(ca, LITERAL)
    await ca.advance(timedelta(days=61))
    renewed = await ca.secret("web-tls")
    assert is_ready(await ca.certificate("web"))
    assert all(renewed.data[name] != stored.data[name] for name in ("keystore.p12", "keystore.jks"))
    assert opened(renewed, "literal").key is not None


async def test_keystores_come_and_go_with_the_wish_and_no_new_certificate(ca: Cluster) -> None:
    await ca.start()
    stored = await issued(ca, None)
    wish: dict[str, Any] = {"jks": {"create": True, "password": "x"}}
    await ca.patch(Certificate, "web", {"spec": {"keystores": wish}})
    await ca.settled()
    secret = await ca.secret("web-tls")
    assert secret.data.keys() - stored.data.keys() == {"keystore.jks", "truststore.jks"}
    assert secret.data["tls.crt"] == stored.data["tls.crt"]
    await ca.patch(Certificate, "web", {"spec": {"keystores": None}})
    await ca.settled()
    assert (await ca.secret("web-tls")).data == stored.data


async def test_a_stored_secret_without_a_password_is_left_as_it_is_and_repaired_later(ca: Cluster) -> None:
    await ca.start()
    stored = await issued(ca, None)
    reference = {"pkcs12": {"create": True, "passwordSecretRef": {"name": "pw", "key": "p"}}}
    await ca.patch(Certificate, "web", {"spec": {"keystores": reference}})
    await ca.settled()
    assert (await ca.secret("web-tls")).data == stored.data
    assert is_ready(await ca.certificate("web"))
    assert len(await missing(ca)) == 1
    await ca.create(password())
    await ca.settled()
    assert (await ca.secret("web-tls")).data.keys() - stored.data.keys() == {"keystore.p12", "truststore.p12"}


async def test_a_keystore_of_somebody_else_is_left_alone_in_peace(ca: Cluster) -> None:
    running = await ca.start()
    await issued(ca, None)
    before = len(running.tap.writes)
    body = {"metadata": {"name": "web-tls"}, "data": {"keystore.jks": "eA=="}}
    await ca.client.apply(SECRETS, "web-tls", ca.namespace, body, field_manager="somebody", type_=dict)
    await ca.settled()
    await ca.live_through(timedelta(days=1))
    assert running.tap.writes[before:] == []
    assert (await ca.secret("web-tls")).data["keystore.jks"] == b"x"
