"""Approvals that are refused: nothing is signed, it is said once, tried ever more rarely, and delays none."""

import logging
from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from certwright.api import conditions
from certwright.api.certmanager import CertificateRequest, IssuerRef
from certwright.api.foreign import Event, Secret
from certwright.apiserver.authorization import Access
from certwright.apiserver.wire import UserInfo
from certwright.app.admission import Rules
from certwright.kube.errors import Forbidden
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.clock import Clock
from certwright.testing.cluster import Cluster, as_admin, embedded_server, own_namespace

REFUSED = ("certificaterequests-approver", "Warning", "ApprovalForbidden")
STATUS = ("patch", "certificaterequests/status")


class Rights:
    """Who may approve: nobody, until `granted` names a signer."""

    def __init__(self) -> None:
        self.granted: set[str] = set()
        self.asked: list[str] = []

    def may(self, user: UserInfo, access: Access) -> bool:
        del user
        assert (access.verb, access.group, access.resource) == ("approve", "cert-manager.io", "signers")
        self.asked.append(access.name)
        return access.name in self.granted


@pytest.fixture
def rights() -> Rights:
    return Rights()


@pytest_asyncio.fixture
async def strict(rights: Rights) -> AsyncIterator[Cluster]:
    """A cluster with a CA, whose controllers may approve what `rights` says."""
    async with (
        embedded_server(Clock(), [Rules(may=rights.may)]) as server,
        own_namespace(partial(as_admin, server), Clock(), server) as cluster,
    ):
        await cluster.create(ca_secret(), ca_issuer())
        yield cluster


async def told(cluster: Cluster) -> list[tuple[str, str, str]]:
    events = [e for e in await cluster.objects(Event) if e.involved_object.kind == "CertificateRequest"]
    return [(e.source.component.removeprefix("cert-manager-"), e.type, e.reason) for e in events]


async def test_a_request_that_we_may_not_approve_is_not_signed(strict: Cluster) -> None:
    await strict.start()
    await strict.create(certificate("web"))
    await strict.settled()
    request = await strict.get(CertificateRequest, "web-1")
    assert request.status.conditions == []
    assert request.status.certificate == b""
    assert await told(strict) == [REFUSED]


async def test_the_right_is_asked_for_all_issuers_of_the_kind_and_then_for_this_one(
    strict: Cluster, rights: Rights
) -> None:
    await strict.start()
    await strict.create(certificate("web"))
    await strict.settled()
    assert rights.asked[:2] == ["issuers.cert-manager.io/*", f"issuers.cert-manager.io/{strict.namespace}.ca"]


@pytest.mark.parametrize("whole_kind", [True, False])
async def test_once_it_may_be_approved_it_is_signed(
    strict: Cluster, rights: Rights, whole_kind: bool
) -> None:
    await strict.start()
    await strict.create(certificate("web"))
    await strict.settled()
    rights.granted.add(f"issuers.cert-manager.io/{'*' if whole_kind else f'{strict.namespace}.ca'}")
    await strict.advance(timedelta(minutes=5))
    assert is_ready(await strict.certificate("web"))
    assert keys_match(await strict.secret("web-tls"))


async def test_the_key_of_a_request_that_waits_for_approval_is_stored(strict: Cluster) -> None:
    await strict.start()
    await strict.create(certificate("web"))
    await strict.settled()
    name = (await strict.certificate("web")).status.next_private_key_secret_name
    assert name
    assert await strict.exists(Secret, name)


async def test_a_refusal_is_logged_once_and_tried_again_ever_more_rarely(
    strict: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = await strict.start()
    await strict.create(certificate("web"))
    await strict.live_through(timedelta(hours=1))
    tries = [call for call in running.tap.writes if (call.verb, call.resource) == STATUS]
    assert 10 < len(tries) < 25
    lines = [record for record in caplog.records if "approve" in record.getMessage()]
    assert len(lines) == 1
    assert lines[0].levelno == logging.WARNING
    assert await told(strict) == [REFUSED]


async def test_refusals_delay_no_other_request(strict: Cluster, rights: Rights) -> None:
    rights.granted.add("issuers.cert-manager.io/*")
    await strict.start()
    unknown = IssuerRef(name="x", kind="Y", group="ext.example")
    await strict.create(*(certificate(f"stuck-{number}", unknown) for number in range(40)))
    await strict.create(certificate("web"))
    await strict.settled()
    assert is_ready(await strict.certificate("web"))
    assert len(await told(strict)) == 42  # one refusal each, and two good events of the other


async def test_only_who_may_approve_can_deny(strict: Cluster) -> None:
    await strict.start()
    await strict.create(certificate("web"))
    await strict.settled()
    denied = conditions.set_condition([], conditions.Condition(type="Denied", status="True"), Clock().now())
    with pytest.raises(Forbidden, match=r"status\.conditions: Forbidden: user \"admin\" may not set"):
        await strict.patch(CertificateRequest, "web-1", {"status": {"conditions": denied}}, "status")
