"""Others that never stop: what they drive is bounded, is said in a condition, and ends when they do."""

from datetime import timedelta
from typing import Any

from certwright.api import conditions
from certwright.api.annotations import PART_OF
from certwright.api.certmanager import Certificate, CertificateRequest, SecretTemplate
from certwright.api.foreign import Event, Secret
from certwright.api.meta import CERTIFICATES, SECRETS
from certwright.controllers.explain import explain
from certwright.controllers.manager import ControllerConfig
from certwright.plan.world import Policy
from certwright.testing.builders import certificate
from certwright.testing.checks import is_ready, reason
from certwright.testing.cluster import Cluster

MINUTE = timedelta(minutes=1)


def config(cluster: Cluster, **policy: Any) -> ControllerConfig:
    return ControllerConfig(namespace=cluster.namespace, policy=Policy(**policy))


async def events(cluster: Cluster, reason: str) -> list[str]:
    return [event.message for event in await cluster.objects(Event) if event.reason == reason]


async def message(cluster: Cluster, type_: str) -> str:
    found = conditions.find((await cluster.certificate("web")).status.conditions, type_)
    return found.message if found is not None else ""


async def overwrite_the_key(cluster: Cluster) -> None:
    data = {"data": {"tls.key": "bm9uc2Vuc2U="}}
    await cluster.client.merge_patch(
        SECRETS, "web-tls", cluster.namespace, data, type_=Secret, field_manager="sync-job"
    )


async def test_somebody_who_keeps_overwriting_the_secret_gets_no_more_than_the_budget(ca: Cluster) -> None:
    await ca.start(config(ca, requests_per_hour=5))
    await ca.create(certificate("web"))
    await ca.settled()
    for _ in range(12):
        await overwrite_the_key(ca)
        await ca.advance(MINUTE)
    found = await ca.certificate("web")
    assert found.status.revision == 5
    assert reason(found, "Ready") == "InvalidKeyPair"
    assert reason(found, "RateLimited") == "TooManyRequests"
    assert reason(found, "SecretConflict") == "OutsideWriter"
    assert "sync-job" in await message(ca, "RateLimited")
    assert "sync-job" in await message(ca, "SecretConflict")
    assert len(await events(ca, "TooManyRequests")) == 1
    assert len(await events(ca, "OutsideWriter")) == 1
    told = await explain(
        ca.client, CERTIFICATES, "web", ca.namespace, ca.clock.now(), Policy(requests_per_hour=5)
    )
    assert "is held back: 5 requests were made within an hour" in told.sentence
    await ca.live_through(timedelta(hours=1))
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == 6
    assert [c.type for c in found.status.conditions] == ["Ready"]


async def test_the_budget_holds_over_restarts_and_for_whoever_asks(ca: Cluster) -> None:
    running = await ca.start(config(ca, requests_per_hour=3))
    await ca.create(certificate("web"))
    await ca.settled()
    for _ in range(6):
        asked = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered"}
        now = await ca.client.get(CERTIFICATES, "web", ca.namespace, type_=dict)
        kept = [c for c in now["status"]["conditions"] if c["type"] != "Issuing"]
        await ca.patch(Certificate, "web", {"status": {"conditions": [*kept, asked]}}, "status")
        await ca.settled()
        await ca.kill(running)
        running = await ca.start(config(ca, requests_per_hour=3))
        await ca.settled()
    found = await ca.certificate("web")
    assert found.status.revision == 3
    assert reason(found, "RateLimited") == "TooManyRequests"
    assert reason(found, "Ready") == "Ready"
    (request,) = await ca.objects(CertificateRequest)
    assert request.metadata.annotations["certwright.dev/recent-requests"].count(",") == 1


async def test_another_limit_on_the_certificate_ends_the_holding_back(ca: Cluster) -> None:
    await ca.start(config(ca, requests_per_hour=1))
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.delete(Secret, "web-tls")
    await ca.settled()
    assert reason(await ca.certificate("web"), "RateLimited") == "TooManyRequests"
    limit = {"metadata": {"annotations": {"certwright.dev/requests-per-hour": "0"}}}
    await ca.patch(Certificate, "web", limit)
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert reason(found, "RateLimited") == ""


async def test_two_controllers_that_force_a_label_come_to_rest(ca: Cluster) -> None:
    running = await ca.start(config(ca, repairs_per_hour=4))
    await ca.create(certificate("web", secret_template=SecretTemplate(labels={"team": "a"})))
    await ca.settled()
    body = {"metadata": {"name": "web-tls", "labels": {"team": "b"}}}
    for _ in range(10):
        await ca.client.apply(SECRETS, "web-tls", ca.namespace, body, field_manager="labeller", type_=Secret)
        await ca.settled()
    assert len([call for call in running.tap.writes if call.verb == "apply"]) == 1 + 4
    assert (await ca.secret("web-tls")).metadata.labels["team"] == "b"
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == 1
    assert "labeller" in await message(ca, "SecretConflict")
    assert len(await events(ca, "OutsideWriter")) == 1
    await ca.live_through(timedelta(hours=1))
    assert (await ca.secret("web-tls")).metadata.labels["team"] == "a"
    assert reason(await ca.certificate("web"), "SecretConflict") == ""


async def test_two_certificates_with_one_secret_are_told_apart(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web", secret_template=SecretTemplate(labels={"team": "a"})))
    await ca.settled()
    other = SecretTemplate(labels={"team": "b"})
    await ca.create(certificate("usurper", secret_name="web-tls", secret_template=other))
    await ca.settled()
    loser = await ca.certificate("usurper")
    assert reason(loser, "SecretConflict") == "DuplicateSecretName"
    assert reason(await ca.certificate("web"), "SecretConflict") == ""
    assert (await ca.secret("web-tls")).metadata.labels["team"] == "a"
    writes = len(running.tap.writes)
    await ca.advance(timedelta(hours=2))
    assert running.tap.writes[writes:] == []
    await ca.patch(Certificate, "usurper", {"spec": {"secretName": "usurper-tls"}})
    await ca.settled()
    assert is_ready(await ca.certificate("usurper"))
    assert reason(await ca.certificate("usurper"), "SecretConflict") == ""


async def test_a_secret_whose_label_was_changed_is_neither_lost_nor_issued_again(ca: Cluster) -> None:
    await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    old = await ca.secret("web-tls")
    await ca.patch(Secret, "web-tls", {"metadata": {"labels": {PART_OF: "no"}}})
    await ca.settled()
    repaired = await ca.secret("web-tls")
    assert repaired.metadata.labels == {PART_OF: "true"}
    assert repaired.data == old.data
    assert (await ca.certificate("web")).status.revision == 1
