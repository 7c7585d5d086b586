"""The life of a Certificate: issued, renewed, changed, repaired; under a clock that is moved."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from certwright.api import conditions
from certwright.api.certmanager import (
    AdditionalOutputFormat,
    Certificate,
    CertificateRequest,
    PrivateKey,
    SecretTemplate,
)
from certwright.api.codec import convert, to_builtins
from certwright.api.foreign import Event, Secret
from certwright.controllers.manager import ControllerConfig
from certwright.pki.certificate import parse_certificate
from certwright.pki.keys import public_key_of_private
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.checks import is_ready, keys_match, reason
from certwright.testing.cluster import Cluster

NEVER = PrivateKey(algorithm="ECDSA", rotation_policy="Never")


class Others(Protocol):
    async def decide(self, name: str, type_: str, reason: str = "", message: str = "") -> None: ...
    async def fail(self, name: str, message: str = "") -> None: ...


async def reasons(cluster: Cluster) -> list[str]:
    """The reasons of all events about the Certificate `web`, one for each time."""
    events = [e for e in await cluster.objects(Event) if e.involved_object.kind == "Certificate"]
    return [e.reason for e in sorted(events, key=lambda e: e.metadata.name) for _ in range(e.count)]


async def issued(cluster: Cluster, **spec: object) -> Secret:
    """Have `web` issued, and return its Secret."""
    await cluster.start()
    await cluster.create(certificate("web", **spec))
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    return await cluster.secret("web-tls")


@pytest.mark.parametrize(
    ("private_key", "label"),
    [
        (PrivateKey(algorithm="ECDSA"), b"EC PRIVATE KEY"),
        (PrivateKey(algorithm="ECDSA", size=384, encoding="PKCS8"), b"PRIVATE KEY"),
        (PrivateKey(algorithm="RSA"), b"RSA PRIVATE KEY"),
        (PrivateKey(algorithm="RSA", size=2048, encoding="PKCS8"), b"PRIVATE KEY"),
        (PrivateKey(algorithm="Ed25519"), b"PRIVATE KEY"),
        (None, b"RSA PRIVATE KEY"),
    ],
)
async def test_every_kind_of_key(ca: Cluster, private_key: PrivateKey | None, label: bytes) -> None:
    secret = await issued(ca, private_key=private_key)
    assert keys_match(secret)
    assert secret.data["tls.key"].startswith(b"-----BEGIN " + label)
    assert secret.type == "kubernetes.io/tls"
    assert len(ca.running[0].controllers.held_keys) == 0


async def test_it_is_renewed_at_two_thirds_for_a_year(ca: Cluster) -> None:
    secret = await issued(ca)
    revisions = []
    for _ in range(12):
        before = await ca.certificate("web")
        assert before.status.renewal_time is not None
        await ca.live_through(before.status.renewal_time - ca.clock.now() + timedelta(seconds=1))
        found, renewed = await ca.certificate("web"), await ca.secret("web-tls")
        assert is_ready(found)
        assert keys_match(renewed)
        assert renewed.data["tls.key"] != secret.data["tls.key"]
        assert found.status.not_after == parse_certificate(renewed.data["tls.crt"]).not_after
        assert [r.metadata.name for r in await ca.objects(CertificateRequest)] == [
            f"web-{found.status.revision}"
        ]
        revisions.append(found.status.revision)
        secret = renewed
    assert revisions == list(range(2, 14))


async def test_it_is_renewed_while_the_old_one_still_serves(ca: Cluster) -> None:
    old = await issued(ca)
    await ca.delete(Secret, "ca")
    await ca.advance(timedelta(days=61))
    found = await ca.certificate("web")
    assert reason(found, "Issuing") == "Renewing"
    assert conditions.has(found.status.conditions, "Ready")
    assert (await ca.secret("web-tls")).data == old.data
    await ca.advance(timedelta(days=30))
    assert reason(await ca.certificate("web"), "Ready") == "Expired"
    await ca.create(ca_secret())
    await ca.settled()
    assert is_ready(await ca.certificate("web"))


async def test_never_keeps_the_key_through_renewals(ca: Cluster) -> None:
    first = await issued(ca, private_key=NEVER)
    await ca.advance(timedelta(days=61))
    second = await ca.secret("web-tls")
    assert (await ca.certificate("web")).status.revision == 2
    assert second.data["tls.key"] == first.data["tls.key"]
    assert second.data["tls.crt"] != first.data["tls.crt"]
    assert "Reused" in await reasons(ca)
    assert len(ca.running[0].controllers.held_keys) == 0


async def test_never_asks_for_help_when_the_key_does_not_fit(ca: Cluster) -> None:
    first = await issued(ca, private_key=NEVER)
    bigger = {"spec": {"privateKey": {"algorithm": "ECDSA", "size": 384, "rotationPolicy": "Never"}}}
    await ca.patch(Certificate, "web", bigger)
    await ca.settled()
    assert (await ca.secret("web-tls")).data == first.data
    await ca.advance(timedelta(days=2))
    assert (await reasons(ca)).count("CannotRegenerateKey") == 1
    await ca.patch(Certificate, "web", {"spec": {"privateKey": {"rotationPolicy": "Always"}}})
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    assert public_key_of_private((await ca.secret("web-tls")).data["tls.key"]).size == 384


async def test_a_key_that_is_gone_before_anybody_was_told_is_made_anew(ca: Cluster) -> None:
    """A watch that is late must not make the controllers run in circles on what they remember."""
    await issued(ca, private_key=NEVER)
    tap = ca.running[0].tap
    tap.stall("secrets")
    await ca.delete(Secret, "web-tls")
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    async with asyncio.timeout(30):
        await ca.until(Certificate, "web", lambda found: is_ready(found) and found.status.revision == 2)
    reads = [call for call in tap.calls if call.verb == "get"]
    assert len(reads) <= 4
    tap.resume("secrets")
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    assert keys_match(await ca.secret("web-tls"))


async def test_a_changed_spec_is_issued_again(ca: Cluster) -> None:
    await issued(ca)
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["a.example", "b.example"]}})
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == 2
    facts = parse_certificate((await ca.secret("web-tls")).data["tls.crt"])
    assert list(facts.dns_names) == ["a.example", "b.example"]


async def test_edits_in_quick_succession_end_at_the_last(ca: Cluster) -> None:
    await issued(ca)
    for number in range(20):
        await ca.patch(Certificate, "web", {"spec": {"dnsNames": [f"v{number}.example"]}})
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.metadata.generation == 21
    facts = parse_certificate((await ca.secret("web-tls")).data["tls.crt"])
    assert list(facts.dns_names) == ["v19.example"]
    assert len(await ca.objects(CertificateRequest)) == 1


async def test_another_secret_name_gets_a_secret_of_its_own(ca: Cluster) -> None:
    old = await issued(ca)
    await ca.patch(Certificate, "web", {"spec": {"secretName": "elsewhere"}})
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    assert keys_match(await ca.secret("elsewhere"))
    assert (await ca.secret("web-tls")).data == old.data


async def test_asking_for_a_renewal_by_hand(ca: Cluster) -> None:
    old = await issued(ca)
    found = await ca.certificate("web")
    now = ca.clock.now().replace(microsecond=0).isoformat().replace("+00:00", "Z")
    issuing = {
        "type": "Issuing",
        "status": "True",
        "reason": "ManuallyTriggered",
        "message": "Certificate re-issuance manually triggered",
        "lastTransitionTime": now,
    }
    status = {"conditions": [*to_builtins(found.status.conditions), issuing]}
    await ca.patch(Certificate, "web", {"status": status}, "status")
    await ca.settled()
    again = await ca.certificate("web")
    assert is_ready(again)
    assert again.status.revision == 2
    assert (await ca.secret("web-tls")).data["tls.key"] != old.data["tls.key"]


@pytest.mark.parametrize(
    "data",
    [
        {"tls.crt": None},
        {"tls.key": None},
        {"tls.key": "bm8ga2V5"},
        {"tls.crt": "bm8gY2VydGlmaWNhdGU="},
    ],
)
async def test_a_spoilt_secret_is_issued_again(ca: Cluster, data: dict[str, str | None]) -> None:
    """With a type that allows it: kubernetes.io/tls insists on both keys."""
    await ca.create(Secret(metadata=ca_secret("web-tls").metadata, type="Opaque"))
    await issued(ca)
    await ca.patch(Secret, "web-tls", {"data": data})
    await ca.settled()
    found, secret = await ca.certificate("web"), await ca.secret("web-tls")
    assert is_ready(found)
    assert found.status.revision == 2
    assert keys_match(secret)
    assert secret.type == "Opaque"


async def test_a_secret_with_another_pair_is_issued_again(ca: Cluster) -> None:
    await issued(ca)
    other = ca_secret("other")
    data = {key: value.decode() for key, value in other.data.items()}
    await ca.patch(Secret, "web-tls", {"stringData": data})
    await ca.settled()
    found, secret = await ca.certificate("web"), await ca.secret("web-tls")
    assert is_ready(found)
    assert keys_match(secret)
    assert list(parse_certificate(secret.data["tls.crt"]).dns_names) == ["web.example"]


async def test_metadata_of_the_secret_is_repaired_without_issuing(ca: Cluster) -> None:
    old = await issued(ca)
    await ca.patch(
        Secret, "web-tls", {"metadata": {"annotations": {"cert-manager.io/alt-names": "wrong.example"}}}
    )
    await ca.settled()
    repaired = await ca.secret("web-tls")
    assert repaired.metadata.annotations == old.metadata.annotations
    assert repaired.data == old.data
    assert (await ca.certificate("web")).status.revision == 1


async def test_a_secret_that_lost_its_label_is_still_found(ca: Cluster) -> None:
    old = await issued(ca)
    label = "controller.cert-manager.io/fao"
    await ca.patch(Secret, "web-tls", {"metadata": {"labels": {label: None}}})
    await ca.settled()
    repaired = await ca.secret("web-tls")
    assert repaired.metadata.labels == {label: "true"}
    assert repaired.data == old.data
    assert (await ca.certificate("web")).status.revision == 1


async def test_a_secret_that_lost_its_label_behind_a_late_watch_is_known_again(ca: Cluster) -> None:
    await issued(ca)
    label = "controller.cert-manager.io/fao"
    (running,) = ca.running
    running.tap.stall("secrets")
    await ca.patch(Secret, "web-tls", {"metadata": {"labels": {label: None}}})
    await ca.patch(Certificate, "web", {"spec": {"secretTemplate": {"labels": {"team": "a"}}}})
    repaired = await ca.until(Secret, "web-tls", lambda s: s.metadata.labels == {label: "true", "team": "a"})
    running.tap.resume("secrets")
    await ca.settled()
    known = running.controllers.secrets.labelled.get(repaired.metadata.namespace, "web-tls")
    assert known is not None
    assert known.metadata.resource_version == repaired.metadata.resource_version


async def test_a_template_is_kept_in_step(ca: Cluster) -> None:
    await issued(ca, secret_template=SecretTemplate(labels={"a": "1"}, annotations={"b": "2"}))
    await ca.patch(Certificate, "web", {"spec": {"secretTemplate": {"labels": {"a": None, "c": "3"}}}})
    await ca.settled()
    secret = await ca.secret("web-tls")
    assert "a" not in secret.metadata.labels
    assert secret.metadata.labels["c"] == "3"
    assert secret.metadata.annotations["b"] == "2"
    assert (await ca.certificate("web")).status.revision == 1
    await ca.patch(Secret, "web-tls", {"metadata": {"labels": {"theirs": "kept"}}})
    await ca.settled()
    assert (await ca.secret("web-tls")).metadata.labels["theirs"] == "kept"


async def test_further_formats_come_and_go(ca: Cluster) -> None:
    await issued(ca, additional_output_formats=[AdditionalOutputFormat(type="CombinedPEM")])
    secret = await ca.secret("web-tls")
    assert secret.data["tls-combined.pem"] == secret.data["tls.key"] + b"\n" + secret.data["tls.crt"]
    await ca.patch(Certificate, "web", {"spec": {"additionalOutputFormats": [{"type": "DER"}]}})
    await ca.settled()
    assert set((await ca.secret("web-tls")).data) == {"ca.crt", "key.der", "tls.crt", "tls.key"}
    assert (await ca.certificate("web")).status.revision == 1


async def test_owner_references_come_and_go_with_the_setting(ca: Cluster) -> None:
    await issued(ca)
    await ca.stop(ca.running[0])
    owned = ControllerConfig(namespace=ca.namespace, policy=Policy(owner_references=True))
    running = await ca.start(owned)
    await ca.settled()
    owners = (await ca.secret("web-tls")).metadata.owner_references
    assert [owner.name for owner in owners] == ["web"]
    await ca.stop(running)
    await ca.start()
    await ca.settled()
    assert (await ca.secret("web-tls")).metadata.owner_references == []


async def test_of_two_that_want_one_secret_the_older_gets_it(ca: Cluster) -> None:
    await issued(ca)
    await ca.create(certificate("usurper", secret_name="web-tls"))
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    loser = await ca.certificate("usurper")
    assert reason(loser, "Ready") == "IncorrectCertificate"
    assert reason(loser, "Issuing") == ""
    before = await ca.secret("web-tls")
    await ca.advance(timedelta(days=1))
    assert (await ca.secret("web-tls")).data == before.data
    await ca.delete(Certificate, "web")
    await ca.settled()
    assert is_ready(await ca.certificate("usurper"))
    after = await ca.secret("web-tls")
    assert after.metadata.annotations["cert-manager.io/certificate-name"] == "usurper"


async def test_failures_are_tried_again_after_one_two_and_four_hours(ca: Cluster, others: Others) -> None:
    await ca.start(ControllerConfig(namespace=ca.namespace, policy=Policy(approve=False)))
    await ca.create(certificate("web"))
    await ca.settled()
    waits = []
    for attempt in range(1, 5):
        request = await ca.get(CertificateRequest, "web-1")
        await others.decide("web-1", "Denied", "Policy", f"no, number {attempt}")
        await ca.settled()
        found = await ca.certificate("web")
        assert reason(found, "Issuing") == "Policy"
        assert found.status.failed_issuance_attempts == attempt
        assert not any(
            "next-private-key" in label for s in await ca.objects(Secret) for label in s.metadata.labels
        )
        began = ca.clock.now()
        while (await ca.get(CertificateRequest, "web-1")).metadata.uid == request.metadata.uid:
            await ca.advance(timedelta(minutes=30))
        waits.append(round((ca.clock.now() - began) / timedelta(hours=1)))
    assert waits == [1, 2, 4, 8]
    await others.decide("web-1", "Approved")
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.failed_issuance_attempts is None
    assert found.status.last_failure_time is None


async def test_an_edit_ends_the_waiting_after_a_failure(ca: Cluster, others: Others) -> None:
    await ca.start(ControllerConfig(namespace=ca.namespace, policy=Policy(approve=False)))
    await ca.create(certificate("web"))
    await ca.settled()
    await others.decide("web-1", "Denied")
    await ca.settled()
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["allowed.example"]}})
    await ca.settled()
    await others.decide("web-1", "Approved")
    await ca.settled()
    assert is_ready(await ca.certificate("web"))


async def test_a_secret_never_holds_a_key_that_does_not_belong_to_its_certificate(ca: Cluster) -> None:
    since = await ca.resource_version()
    await ca.start()
    names = [f"c{number}" for number in range(8)]
    await ca.create(*(certificate(name) for name in names))
    await ca.settled()
    for number, name in enumerate(names):
        await ca.patch(Certificate, name, {"spec": {"dnsNames": [f"{number}.example"]}})
        if number % 2:
            await ca.delete(Secret, f"{name}-tls")
    await ca.settled()
    await ca.advance(timedelta(days=61))
    changes = [c for c in await ca.history(Secret, since) if c.object.get("type") == "kubernetes.io/tls"]
    seen = [convert(change.object, Secret) for change in changes]
    assert len(seen) >= 3 * len(names)
    assert all(keys_match(secret) for secret in seen)


async def test_the_events_of_an_issuance(ca: Cluster) -> None:
    await issued(ca)
    assert await reasons(ca) == ["Issuing", "Generated", "Requested", "Issuing"]


async def test_a_clock_that_starts_in_the_future_issues_from_then(cluster: Cluster) -> None:
    cluster.clock.jump(datetime(2030, 1, 1, tzinfo=UTC) - cluster.clock.now())
    await cluster.create(ca_secret(), ca_issuer())
    secret = await issued(cluster)
    assert parse_certificate(secret.data["tls.crt"]).not_before.year == 2030
