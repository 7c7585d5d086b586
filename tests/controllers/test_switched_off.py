"""`--controllers`: what is switched off is left to somebody else, here to a second set of controllers."""

from typing import Any

import pytest

from certwright.api import conditions
from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    Issuer,
    NameConstraintItem,
    NameConstraints,
    OtherName,
)
from certwright.api.foreign import Secret
from certwright.app.settings import CONTROLLERS, parse_controllers
from certwright.controllers.manager import ControllerConfig
from certwright.pki.csr import parse_request
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster

PARTS = (
    "certificates-trigger",
    "certificates-readiness",
    "certificates-key-manager",
    "certificates-request-manager",
    "certificates-issuing",
    "certificates-revision-manager",
    "certificaterequests-approver",
    "certificaterequests-issuer-ca",
    "issuers",
)


def config(cluster: Cluster, *entries: str, **policy: Any) -> ControllerConfig:
    """The configuration that `--controllers` makes of these entries."""
    off = parse_controllers(entries)
    usual = {"inactive": off, "approve": "certificaterequests-approver" not in off}
    return ControllerConfig(namespace=cluster.namespace, policy=Policy(**usual | policy))


async def of_next_keys(cluster: Cluster) -> list[str]:
    return [
        s.metadata.name
        for s in await cluster.objects(Secret)
        if "cert-manager.io/next-private-key" in s.metadata.labels
    ]


@pytest.mark.parametrize("by_apply", [False, True], ids=["by-patch", "by-apply"])
@pytest.mark.parametrize("part", PARTS)
async def test_one_part_here_and_the_others_there_make_a_whole(
    ca: Cluster, part: str, by_apply: bool
) -> None:
    await ca.start(config(ca, "*", f"-{part}", server_side_apply=by_apply))
    await ca.start(config(ca, part, server_side_apply=by_apply))
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == 2
    assert found.status.next_private_key_secret_name in (None, "")
    assert keys_match(await ca.secret("web-tls"))
    assert await of_next_keys(ca) == []
    assert [r.metadata.name for r in await ca.objects(CertificateRequest)] == ["web-2"]


@pytest.mark.parametrize(
    ("part", "seen"),
    [
        ("certificates-trigger", {"Ready": "DoesNotExist"}),
        ("certificates-readiness", {}),
        ("certificates-key-manager", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
        ("certificates-request-manager", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
        ("certificates-issuing", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
        ("certificates-revision-manager", {"Ready": "Ready"}),
        ("certificaterequests-approver", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
        ("certificaterequests-issuer-ca", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
        ("issuers", {"Ready": "DoesNotExist", "Issuing": "DoesNotExist"}),
    ],
)
async def test_without_a_part_an_issuance_gets_as_far_as_it_can(
    ca: Cluster, part: str, seen: dict[str, str]
) -> None:
    await ca.start(config(ca, f"-{part}"))
    await ca.create(certificate("web"))
    await ca.settled()
    status = (await ca.certificate("web")).status
    assert {c.type: c.reason for c in status.conditions} == seen
    stored = await ca.exists(Secret, "web-tls")
    assert stored == (part in {"certificates-readiness", "certificates-revision-manager"})


async def test_with_nothing_switched_on_nothing_is_written(ca: Cluster) -> None:
    only = ControllerConfig(namespace=ca.namespace, policy=Policy(inactive=CONTROLLERS, approve=False))
    running = await ca.start(only)
    await ca.create(certificate("web"))
    await ca.settled()
    assert running.tap.writes == []


async def test_a_signer_that_is_off_leaves_its_requests_to_somebody_else(ca: Cluster, others: Any) -> None:
    await ca.start(config(ca, "-certificaterequests-issuer-ca"))
    await ca.create(certificate("web"), self_signed_issuer("ss"), certificate("own", "ss"))
    await ca.settled()
    request = await ca.get(CertificateRequest, "web-1")
    assert [c.type for c in request.status.conditions] == ["Approved"]
    assert is_ready(await ca.certificate("own"))
    (key,) = await of_next_keys(ca)  # another process signs: the key must outlive this one
    assert (await ca.certificate("web")).status.next_private_key_secret_name == key
    await others.sign("web-1")
    await ca.settled()
    assert is_ready(await ca.certificate("web"))


async def test_issuers_that_are_not_checked_are_as_ready_as_they_were(cluster: Cluster) -> None:
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.start(config(cluster, "-issuers"))
    await cluster.create(certificate("web"))
    await cluster.settled()
    assert (await cluster.get(Issuer, "ca")).status.conditions == []
    ready = {"type": "Ready", "status": "True", "reason": "Elsewhere"}
    await cluster.patch(Issuer, "ca", {"status": {"conditions": [ready]}}, "status")
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))
    issuer = await cluster.get(Issuer, "ca")
    assert conditions.find(issuer.status.conditions, "Ready").reason == "Elsewhere"  # type: ignore[union-attr]


HIDDEN: dict[str, dict[str, Any]] = {
    "literal_subject": {"literal_subject": "CN=web.example,O=Shop"},
    "other_names": {"other_names": [OtherName(oid="1.3.6.1.4.1.311.20.2.3", utf8_value="me@web.example")]},
    "name_constraints": {
        "is_ca": True,
        "name_constraints": NameConstraints(permitted=NameConstraintItem(dns_domains=["web.example"])),
    },
}


@pytest.mark.parametrize("gate", HIDDEN)
async def test_a_field_whose_gate_is_off_is_not_asked_for_and_is_not_missed(ca: Cluster, gate: str) -> None:
    running = await ca.start(config(ca, "*", **{gate: False}))
    await ca.create(certificate("web", **HIDDEN[gate]))
    await ca.settled()
    assert is_ready(await ca.certificate("web"))
    asked = parse_request((await ca.get(CertificateRequest, "web-1")).spec.request)
    assert asked.subject_der == b"0\x00"
    assert asked.other_names == ()
    assert "2.5.29.30" not in [extension.oid for extension in asked.extensions]
    before = running.syncs()
    await ca.settled()
    assert running.syncs() == before


@pytest.mark.parametrize("gate", HIDDEN)
async def test_turning_a_gate_on_asks_for_what_was_hidden_where_that_is_compared(
    ca: Cluster, gate: str
) -> None:
    first = await ca.start(config(ca, "*", **{gate: False}))
    await ca.create(certificate("web", **HIDDEN[gate]))
    await ca.settled()
    await ca.stop(first)
    await ca.start(config(ca, "*"))
    await ca.settled()
    found = await ca.certificate("web")
    assert is_ready(found)
    assert found.status.revision == (1 if gate == "name_constraints" else 2)
