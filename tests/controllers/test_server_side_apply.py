"""The gate ServerSideApply: status by apply, one field manager for each kind, and what others own stays."""

from datetime import timedelta
from typing import Any

import pytest

from certwright.api import conditions
from certwright.api.certmanager import Certificate, CertificateRequest, Issuer
from certwright.api.meta import CERTIFICATE_REQUESTS, CERTIFICATES, ISSUERS, Resource
from certwright.controllers.manager import ControllerConfig
from certwright.plan.world import Policy
from certwright.testing.builders import certificate
from certwright.testing.checks import keys_match
from certwright.testing.cluster import Cluster

RESOURCES: dict[type[Any], Resource] = {
    Certificate: CERTIFICATES,
    CertificateRequest: CERTIFICATE_REQUESTS,
    Issuer: ISSUERS,
}


def config(cluster: Cluster, *, gate: bool = True, **policy: Any) -> ControllerConfig:
    return ControllerConfig(namespace=cluster.namespace, policy=Policy(server_side_apply=gate, **policy))


async def raw(cluster: Cluster, type_: type[Any], name: str) -> dict[str, Any]:
    """An object with its managedFields."""
    found: dict[str, Any] = await cluster.client.get(RESOURCES[type_], name, cluster.namespace, type_=dict)
    return found


async def apply_status(
    cluster: Cluster, type_: type[Any], name: str, status: dict[str, Any], manager: str = "somebody"
) -> None:
    """Server-side apply a status as somebody else."""
    await cluster.client.apply(
        RESOURCES[type_],
        name,
        cluster.namespace,
        {"metadata": {"name": name}, "status": status},
        type_=dict,
        subresource="status",
        field_manager=manager,
    )


def by_type(obj: dict[str, Any]) -> dict[str, str]:
    return {c["type"]: f"{c['status']}/{c.get('reason', '')}" for c in obj["status"].get("conditions", [])}


def status_managers(obj: dict[str, Any]) -> set[tuple[str, str]]:
    return {
        (entry["manager"], entry["operation"])
        for entry in obj["metadata"]["managedFields"]
        if entry.get("subresource") == "status"
    }


async def test_an_issuance_is_the_same_but_for_issuing_that_stays_as_false(ca: Cluster) -> None:
    running = await ca.start(config(ca))
    await ca.create(certificate("web"))
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert by_type(found) == {"Ready": "True/Ready", "Issuing": "False/Issued"}
    assert found["status"]["revision"] == 1
    assert "nextPrivateKeySecretName" not in found["status"]
    assert keys_match(await ca.secret("web-tls"))
    assert by_type(await raw(ca, CertificateRequest, "web-1")) == {
        "Approved": "True/cert-manager.io",
        "Ready": "True/Issued",
    }
    assert status_managers(found) == {("cert-manager-certificates-readiness", "Apply")}
    assert status_managers(await raw(ca, CertificateRequest, "web-1")) == {
        ("cert-manager-certificaterequests-approver", "Apply")
    }
    assert status_managers(await raw(ca, Issuer, "ca")) == {("cert-manager-issuers", "Apply")}
    assert sum(engine.counters.conflicts for engine in running.controllers.engines) == 0


async def test_it_costs_no_more_calls_than_patches_do(ca: Cluster) -> None:
    async def writes(name: str, *, gate: bool) -> list[tuple[str, str]]:
        running = await ca.start(config(ca, gate=gate))
        await ca.settled()
        before = len(running.tap.writes)
        await ca.create(certificate(name))
        await ca.settled()
        calls = [(call.verb, call.resource) for call in running.tap.writes[before:]]
        await ca.stop(running)
        return sorted(calls)

    patched = await writes("by-patch", gate=False)
    applied = await writes("by-apply", gate=True)
    assert len(applied) == len(patched)


async def test_conditions_of_others_survive_every_write(ca: Cluster) -> None:
    await ca.start(config(ca))
    await ca.create(certificate("web"))
    await ca.settled()
    theirs = {"type": "Theirs", "status": "True", "reason": "Said"}
    await apply_status(ca, Certificate, "web", {"conditions": [theirs]})
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert found["status"]["revision"] == 2
    assert by_type(found) == {"Ready": "True/Ready", "Issuing": "False/Issued", "Theirs": "True/Said"}
    await apply_status(ca, Certificate, "web", {"conditions": []})
    await ca.settled()
    assert by_type(await raw(ca, Certificate, "web")) == {"Ready": "True/Ready", "Issuing": "False/Issued"}


@pytest.mark.parametrize("how", ["apply", "patch"])
async def test_an_issuance_that_somebody_else_begins_ends_as_false(ca: Cluster, how: str) -> None:
    await ca.start(config(ca))
    await ca.create(certificate("web"))
    await ca.settled()
    issuing = {"type": "Issuing", "status": "True", "reason": "ManuallyTriggered", "message": "now"}
    if how == "apply":  # it has no lastTransitionTime then
        await apply_status(ca, Certificate, "web", {"conditions": [issuing]})
    else:
        seen = await raw(ca, Certificate, "web")
        others = [c for c in seen["status"]["conditions"] if c["type"] != "Issuing"]
        await ca.patch(Certificate, "web", {"status": {"conditions": [*others, issuing]}}, "status")
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert found["status"]["revision"] == 2
    assert by_type(found) == {"Ready": "True/Ready", "Issuing": "False/Issued"}
    assert [r.metadata.name for r in await ca.objects(CertificateRequest)] == ["web-2"]


async def test_a_failure_is_forgotten_once_an_issuance_succeeds(ca: Cluster, others: Any) -> None:
    await ca.start(config(ca, approve=False))
    await ca.create(certificate("web"))
    await ca.settled()
    await others.decide("web-1", "Denied")
    await ca.settled()
    failed = (await ca.certificate("web")).status
    assert failed.failed_issuance_attempts == 1
    assert failed.last_failure_time is not None
    await ca.advance(timedelta(hours=1, seconds=1))
    await others.decide("web-1", "Approved")
    await ca.settled()
    found = (await ca.certificate("web")).status
    assert (found.revision, found.failed_issuance_attempts, found.last_failure_time) == (1, None, None)


async def test_what_patches_wrote_before_goes_when_it_is_time(ca: Cluster, others: Any) -> None:
    first = await ca.start(config(ca, gate=False, approve=False))
    await ca.create(certificate("web"))
    await ca.settled()
    await others.decide("web-1", "Denied")
    await ca.settled()
    assert (await ca.certificate("web")).status.failed_issuance_attempts == 1
    await ca.stop(first)
    await ca.start(config(ca, approve=False))
    await ca.advance(timedelta(hours=1, seconds=1))
    await others.decide("web-1", "Approved")
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert by_type(found) == {"Ready": "True/Ready", "Issuing": "False/Issued"}
    assert "failedIssuanceAttempts" not in found["status"]
    assert "lastFailureTime" not in found["status"]
    assert "nextPrivateKeySecretName" not in found["status"]


@pytest.mark.parametrize(("manager", "after"), [("somebody", 7), ("cert-manager-certificates-issuing", None)])
async def test_a_field_that_somebody_else_owns_too_is_not_taken_from_them(
    ca: Cluster, manager: str, after: int | None
) -> None:
    """One that cert-manager's own controllers have left behind is."""
    await ca.start(config(ca))
    await ca.create(certificate("web"))
    await ca.settled()
    await apply_status(ca, Certificate, "web", {"failedIssuanceAttempts": 7}, manager)
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert found["status"]["revision"] == 2
    assert found["status"].get("failedIssuanceAttempts") == after


async def test_turning_the_gate_off_again_goes_on_where_it_was(ca: Cluster) -> None:
    first = await ca.start(config(ca))
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.stop(first)
    running = await ca.start(config(ca, gate=False))
    await ca.settled()
    assert running.tap.writes == []
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    found = await raw(ca, Certificate, "web")
    assert by_type(found) == {"Ready": "True/Ready"}
    assert found["status"]["revision"] == 2


async def test_the_approval_of_somebody_else_stays_theirs(ca: Cluster) -> None:
    await ca.start(config(ca, approve=False))
    await ca.create(certificate("web"))
    await ca.settled()
    approved = {"type": "Approved", "status": "True", "reason": "Policy", "message": ""}
    await apply_status(ca, CertificateRequest, "web-1", {"conditions": [approved]}, "policy")
    await ca.settled()
    found = await raw(ca, CertificateRequest, "web-1")
    assert by_type(found) == {"Approved": "True/Policy", "Ready": "True/Issued"}
    ours = [e for e in found["metadata"]["managedFields"] if e["manager"].startswith("cert-manager-")]
    assert 'k:{"type":"Approved"}' not in str(ours)


async def test_a_late_write_is_planned_again_here_too(ca: Cluster) -> None:
    """The guard is the resourceVersion: what somebody has just begun is not applied over."""
    blows = 0

    async def strike(request: Any) -> None:
        nonlocal blows
        if request.resource == "certificates/status" and blows < 3:
            blows += 1
            await ca.patch(Certificate, "web", {"metadata": {"labels": {"blow": str(blows)}}})

    running = await ca.start(config(ca), cue=strike)
    await ca.settled()
    await ca.create(certificate("web"))
    await ca.settled()
    assert blows == 3
    assert conditions.has((await ca.certificate("web")).status.conditions, "Ready")
    assert sum(engine.counters.conflicts for engine in running.controllers.engines) == 3
