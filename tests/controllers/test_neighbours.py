"""Good neighbours: what cannot succeed costs next to nothing for as long as it lasts, and delays nobody."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio
from tests.controllers.conftest import Others, definition

from certwright.api import annotations as ann
from certwright.api.certmanager import (
    Certificate,
    CertificateRequest,
    CertificateRequestSpec,
    IssuerRef,
    JKSKeystore,
    Keystores,
)
from certwright.api.foreign import Event
from certwright.api.meta import CUSTOM_RESOURCE_DEFINITIONS, ObjectMeta
from certwright.api.references import SecretKeySelector
from certwright.apiserver.cluster import Admission, Review
from certwright.apiserver.kinds import Kind
from certwright.apiserver.status import denied
from certwright.app.admission import Rules
from certwright.kube.requests import Request
from certwright.pki import csr, keys
from certwright.testing.builders import ca_issuer, ca_secret, certificate, self_signed_issuer
from certwright.testing.checks import is_ready
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, Running, as_admin, embedded_server, own_namespace
from certwright.testing.tap import Trouble

MANY = 50
GOOD = 20
HOUR = timedelta(hours=1)
NOBODY = IssuerRef(name="nobody", kind="Nobody", group="nobody.example")
Hopeless = Callable[[Cluster], Awaitable[None]]


async def of_a_kind_that_is_not_installed(cluster: Cluster) -> None:
    await cluster.create(*(certificate(f"bad-{number}", NOBODY) for number in range(MANY)))


async def without_an_issuer(cluster: Cluster) -> None:
    await cluster.create(*(certificate(f"bad-{number}", "missing") for number in range(MANY)))


async def of_an_issuer_without_its_secret(cluster: Cluster) -> None:
    await cluster.create(ca_issuer("broken"))
    await cluster.create(*(certificate(f"bad-{number}", "broken") for number in range(MANY)))


async def without_a_password_for_the_keystore(cluster: Cluster) -> None:
    password = SecretKeySelector(name="nothing", key="password")
    jks = Keystores(jks=JKSKeystore(create=True, password_secret_ref=password))
    await cluster.create(*(certificate(f"bad-{number}", keystores=jks) for number in range(MANY)))


async def requests_without_the_secret_of_their_key(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer())
    body = csr.build_request(certificate("bad").spec, keys.generate("ECDSA", 256))
    for number in range(MANY):
        named = {ann.PRIVATE_KEY_SECRET_NAME: f"nothing-{number}"}
        metadata = ObjectMeta(name=f"bad-{number}", annotations=named)
        spec = CertificateRequestSpec(request=body, issuer_ref=IssuerRef(name="self-signed"))
        await cluster.create(CertificateRequest(metadata=metadata, spec=spec))


SORTS: dict[Hopeless, int] = {
    of_a_kind_that_is_not_installed: 30,
    without_an_issuer: 0,
    of_an_issuer_without_its_secret: 0,
    without_a_password_for_the_keystore: 0,
    requests_without_the_secret_of_their_key: 21 * MANY,
}
"""What cannot succeed, and how many calls all of it may cost in its first hour."""


@pytest_asyncio.fixture(loop_scope="session")
async def running(ca: Cluster) -> Running:
    """Controllers that have found the CA."""
    running = await ca.start()
    await ca.settled()
    return running


def counted(running: Running, since: int = 0) -> Counter[tuple[str, str]]:
    calls = running.tap.calls[since:]
    return Counter((call.verb, call.resource) for call in calls if call.verb != "watch")


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.__name__)
async def test_what_cannot_succeed_costs_next_to_nothing(
    ca: Cluster, running: Running, sort: Hopeless
) -> None:
    await sort(ca)
    await ca.settled()
    before = len(running.tap.calls)
    await ca.live_through(HOUR)
    calls = counted(running, before)
    assert calls.total() <= SORTS[sort], calls
    assert not any(resource == "events" for _, resource in calls)


@pytest.mark.parametrize("sort", SORTS, ids=lambda sort: sort.__name__)
async def test_others_cost_what_they_cost_alone(ca: Cluster, running: Running, sort: Hopeless) -> None:
    await sort(ca)
    await ca.live_through(timedelta(minutes=10))
    before = len(running.tap.calls)
    await ca.create(*(certificate(f"good-{number}") for number in range(GOOD)))
    await ca.settled()
    assert counted(running, before).total() == 12 * GOOD
    assert await all_ready(ca)


async def test_failed_issuances_cost_nothing_before_the_next_try(
    ca: Cluster, running: Running, others: Others, foreign_signers: None
) -> None:
    ref = IssuerRef(name="x", kind="Signer", group="signer.example")
    await ca.create(*(certificate(f"bad-{number}", ref) for number in range(MANY)))
    await ca.settled()
    for number in range(MANY):
        await others.fail(f"bad-{number}-1")
    await ca.settled()
    before = len(running.tap.calls)
    await ca.live_through(timedelta(minutes=59))
    assert running.tap.calls[before:] == []
    await ca.live_through(timedelta(minutes=2))
    assert counted(running, before)["create", "certificaterequests"] == MANY


class Quota(Admission):
    """Refuses every new request whose name begins with `bad-`."""

    def wants(self, kind: Kind, operation: str, subresource: str) -> bool:
        del subresource
        return kind.plural == "certificaterequests" and operation == "CREATE"

    async def mutate(self, review: Review) -> None:
        """Change nothing."""

    async def validate(self, review: Review) -> None:
        assert review.new is not None
        if review.new["metadata"]["name"].startswith("bad-"):
            raise denied("quota.example", "exceeded quota", [])


async def test_requests_that_may_not_be_made_are_tried_ever_more_rarely_and_told_once_an_hour() -> None:
    async with (
        embedded_server(Clock(), [Rules(), Quota()]) as server,
        own_namespace(partial(as_admin, server), Clock(), server) as cluster,
    ):
        await cluster.create(ca_secret(), ca_issuer())
        running = await cluster.start()
        await cluster.create(*(certificate(f"bad-{number}") for number in range(10)))
        await cluster.live_through(timedelta(minutes=20))
        before = len(running.tap.calls)
        await cluster.live_through(HOUR)
        calls = counted(running, before)
        assert 10 * 11 < calls["create", "certificaterequests"] < 10 * 18
        assert calls.total() - calls["create", "certificaterequests"] <= 10 * 2


async def test_a_signer_that_is_not_installed_is_asked_for_one_request_and_all_are_told(
    ca: Cluster, running: Running
) -> None:
    await of_a_kind_that_is_not_installed(ca)
    await ca.settled()
    assert counted(running)["patch", "certificaterequests/status"] == 1
    told = [event for event in await ca.objects(Event) if event.reason == "ApprovalForbidden"]
    assert len({event.involved_object.name for event in told}) == len(told) == MANY


async def test_once_a_kind_is_installed_all_its_requests_are_approved_at_once(
    ca: Cluster, running: Running
) -> None:
    late = IssuerRef(name="late", kind="Late", group="late.example")
    await ca.create(*(certificate(f"bad-{number}", late) for number in range(MANY)))
    await ca.live_through(HOUR)
    await ca.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition("Late", "late.example"))
    before = len(running.tap.calls)
    await ca.live_through(timedelta(minutes=5))
    requests = await ca.objects(CertificateRequest)
    assert len(requests) == MANY
    assert all(request.status.conditions[0].type == "Approved" for request in requests)
    assert counted(running, before)["patch", "certificaterequests/status"] == MANY


async def test_a_new_request_finds_out_soon_that_its_kind_was_installed(
    ca: Cluster, running: Running
) -> None:
    del running
    soon = IssuerRef(name="soon", kind="Soon", group="soon.example")
    await ca.create(*(certificate(f"bad-{number}", soon) for number in range(MANY)))
    await ca.live_through(HOUR)
    await ca.client.create(CUSTOM_RESOURCE_DEFINITIONS, definition("Soon", "soon.example"))
    await ca.create(certificate("new", soon))
    await ca.live_through(timedelta(seconds=5))
    for name in ("new-1", "bad-0-1", f"bad-{MANY - 1}-1"):
        assert (await ca.get(CertificateRequest, name)).status.conditions[0].type == "Approved"


class Hanging:
    """Approvals of some requests are not answered before `answer` is set, and are then refused or lost."""

    def __init__(self) -> None:
        self.answer = asyncio.Event()
        self.most = 0
        self._now = 0

    async def __call__(self, request: Request) -> Trouble | None:
        if request.verb != "patch" or "/bad-" not in request.target:
            return None
        if not request.resource.startswith("certificaterequests"):
            return None
        self._now += 1
        self.most = max(self.most, self._now)
        try:
            await self.answer.wait()
        finally:
            self._now -= 1
        return None


def of_one_signer() -> Sequence[Certificate]:
    return [certificate(f"bad-{number}", NOBODY) for number in range(MANY * 4)]


def of_a_signer_each() -> Sequence[Certificate]:
    refs = [
        IssuerRef(name=f"x-{number}", kind="Nobody", group="nobody.example") for number in range(MANY * 4)
    ]
    return [certificate(f"bad-{number}", ref) for number, ref in enumerate(refs)]


@pytest.mark.parametrize(("bad", "at_once"), [(of_one_signer, 1), (of_a_signer_each, 8)])
async def test_answers_that_do_not_come_delay_nobody_else(
    ca: Cluster, bad: Callable[[], Sequence[Certificate]], at_once: int
) -> None:
    hanging = Hanging()
    await ca.start(cue=hanging)
    await ca.create(*bad())
    await ca.create(*(certificate(f"good-{number}") for number in range(GOOD)))
    for number in range(GOOD):
        await ca.until_ready(f"good-{number}")
    assert hanging.most == at_once
    hanging.answer.set()
    await ca.settled()


async def all_ready(cluster: Cluster) -> bool:
    return all([is_ready(await cluster.certificate(f"good-{number}")) for number in range(GOOD)])
