"""CertificateRequests as they are made: by which name, what stands in their way, and never twice."""

from datetime import timedelta
from typing import Protocol

import pytest

from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    CertificateRequestSpec,
    IssuerRef,
    NameConstraintItem,
    NameConstraints,
)
from certwright.api.foreign import Event
from certwright.api.meta import ObjectMeta
from certwright.controllers.manager import ControllerConfig
from certwright.kube.requests import Request
from certwright.pki import csr, keys
from certwright.plan.world import Policy
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.checks import is_ready, reason
from certwright.testing.cluster import Cluster, Running
from certwright.testing.tap import Trouble

THEIRS = IssuerRef(name="theirs", kind="Signer", group="signer.example")
UNSTABLE = Policy(stable_request_names=False)


class Others(Protocol):
    async def sign(self, name: str) -> None: ...


async def events(cluster: Cluster, wanted: str) -> list[Event]:
    return [e for e in await cluster.objects(Event) if e.reason == wanted]


async def names(cluster: Cluster) -> list[str]:
    return sorted(request.metadata.name for request in await cluster.objects(CertificateRequest))


def stranger(name: str) -> CertificateRequest:
    """A request that nobody controls."""
    made = csr.build_request(certificate("other").spec, keys.generate("ECDSA"))
    return CertificateRequest(
        metadata=ObjectMeta(name=name), spec=CertificateRequestSpec(request=made, issuer_ref=THEIRS)
    )


def tries(running: Running) -> int:
    """How often it was tried to make a request."""
    calls = [call for call in running.tap.calls if call.resource == "certificaterequests"]
    return sum(call.verb == "create" for call in calls)


class LosesAnswers:
    """Cuts the connection right after the first `limit` requests were made."""

    def __init__(self, limit: int) -> None:
        self.left = limit

    async def __call__(self, request: Request) -> Trouble | None:
        if request.resource != "certificaterequests" or request.verb != "create" or not self.left:
            return None
        self.left -= 1
        return Trouble(done=True, fatal=False)


@pytest.mark.parametrize("policy", [Policy(), UNSTABLE], ids=["stable", "unstable"])
@pytest.mark.parametrize("late", [False, True])
async def test_a_request_whose_answer_was_lost_is_found_and_not_made_twice(
    ca: Cluster, policy: Policy, late: bool
) -> None:
    running = await ca.start(
        ControllerConfig(namespace=ca.namespace, policy=policy), cue=LosesAnswers(limit=1)
    )
    await ca.settled()
    if late:
        running.tap.stall("certificaterequests")
    await ca.create(certificate("web"))
    if late:
        await ca.until(Certificate, "web", lambda found: reason(found, "Issuing") == "DoesNotExist")
        await running.idle()
        running.tap.resume("certificaterequests")
    await ca.advance(timedelta(minutes=1))
    assert is_ready(await ca.certificate("web"))
    assert len(await names(ca)) == 1
    assert await events(ca, "RequestFailed") == []


async def test_without_stable_names_every_revision_has_a_name_of_its_own(ca: Cluster) -> None:
    config = ControllerConfig(namespace=ca.namespace, policy=UNSTABLE)
    running = await ca.start(config)
    await ca.create(certificate("web"))
    await ca.settled()
    (first,) = await names(ca)
    assert first.startswith("web-")
    assert len(first) == len("web-") + 5
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["new.example"]}})
    await ca.settled()
    (second,) = await names(ca)
    assert second != first
    assert is_ready(await ca.certificate("web"))
    await ca.kill(running)
    again = await ca.start(config)
    await ca.settled()
    assert again.tap.writes == []


async def test_switching_the_way_of_naming_in_the_middle_makes_no_second_request(
    cluster: Cluster, others: Others
) -> None:
    running = await cluster.start(ControllerConfig(namespace=cluster.namespace, policy=UNSTABLE))
    await cluster.create(certificate("web", THEIRS))
    await cluster.settled()
    (name,) = await names(cluster)
    await cluster.kill(running)
    await cluster.start()
    await cluster.settled()
    assert await names(cluster) == [name]
    await others.sign(name)
    await cluster.settled()
    assert is_ready(await cluster.certificate("web"))


async def test_a_name_that_a_stranger_has_taken_is_told_and_waited_for(ca: Cluster) -> None:
    await ca.create(stranger("web-1"))
    running = await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    (event,) = await events(ca, "RequestFailed")
    assert event.type == "Warning"
    assert "web-1" in event.message
    assert reason(await ca.certificate("web"), "Issuing") == "DoesNotExist"
    assert (await ca.get(CertificateRequest, "web-1")).metadata.owner_references == []
    before = tries(running)
    await ca.live_through(timedelta(minutes=10))
    assert before <= 2
    assert 15 <= tries(running) <= 30  # every half a minute in the end
    assert len(await events(ca, "Generated")) == 1
    await ca.delete(CertificateRequest, "web-1")
    await ca.advance(timedelta(minutes=1))
    assert is_ready(await ca.certificate("web"))


@pytest.mark.parametrize(
    "fields",
    [
        {
            "is_ca": True,
            "name_constraints": NameConstraints(permitted=NameConstraintItem(ip_ranges=["10.0.0.0/99"])),
        },
        {"literal_subject": "unknown=1", "dns_names": []},
        {"dns_names": ["bücher.example"]},
        {"dns_names": []},
    ],
    ids=["malformed CIDR", "unknown attribute", "not ASCII", "no name at all"],
)
@pytest.mark.parametrize("issuer", ["ca", THEIRS], ids=["in process", "slow"])
async def test_a_spec_that_no_request_can_be_made_of_is_told_once_and_not_tried_again(
    lawless: Cluster, issuer: str | IssuerRef, fields: dict[str, object]
) -> None:
    ca = lawless  # rules would refuse most of these
    await ca.create(ca_secret(), ca_issuer())
    running = await ca.start()
    await ca.create(certificate("web", issuer, **fields))
    await ca.settled()
    await ca.advance(timedelta(days=1))
    (event,) = await events(ca, "RequestFailed")
    assert (event.type, event.count) == ("Warning", 1)
    assert await events(ca, "Requested") == []
    assert await names(ca) == []
    assert reason(await ca.certificate("web"), "Issuing") == "DoesNotExist"
    syncs = running.syncs()
    await ca.live_through(timedelta(hours=1))
    assert running.syncs() == syncs
    cured = {"literalSubject": None, "nameConstraints": None, "dnsNames": ["web.example"]}
    await ca.patch(Certificate, "web", {"spec": cured})
    await ca.settled()
    assert len(await names(ca)) == 1
    assert len(await events(ca, "Requested")) == 1


@pytest.mark.parametrize("gate", [False, True])
async def test_basic_constraints_are_asked_for_if_the_gate_says_so(ca: Cluster, gate: bool) -> None:
    policy = Policy(request_basic_constraints=gate)
    await ca.start(ControllerConfig(namespace=ca.namespace, policy=policy))
    await ca.create(certificate("web"), certificate("sub", is_ca=True))
    await ca.settled()
    for name, is_ca in (("web", False), ("sub", True)):
        asked = csr.parse_request((await ca.get(CertificateRequest, f"{name}-1")).spec.request)
        assert asked.is_ca == (is_ca if gate else None)
        assert is_ready(await ca.certificate(name))


async def test_long_names_make_requests_that_are_told_apart(ca: Cluster) -> None:
    await ca.start()
    long = [f"{'n' * 240}{letter}" for letter in "ab"]
    await ca.create(
        *(certificate(name, secret_name=f"s-{name[-1]}", dns_names=["x.example"]) for name in long)
    )
    await ca.settled()
    assert all([is_ready(await ca.certificate(name)) for name in long])
    assert len(set(await names(ca))) == 2
