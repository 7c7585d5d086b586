"""What an issuance costs: every call is counted."""

from collections import Counter
from datetime import timedelta

import pytest_asyncio

from certwright.api.certmanager import Certificate
from certwright.api.foreign import Secret
from certwright.testing.builders import ca_secret, certificate, self_signed_issuer
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster, Running


async def calls_during(cluster: Cluster, running: Running) -> Counter[tuple[str, str]]:
    """The calls that controllers make until there is nothing left to do."""
    before = len(running.tap.calls)
    await cluster.settled()
    calls = running.tap.calls[before:]
    assert all(call.code != 409 for call in calls)
    return Counter((call.verb, call.resource) for call in calls)


def without_events(calls: Counter[tuple[str, str]]) -> dict[tuple[str, str], int]:
    return {call: count for call, count in calls.items() if call[1] != "events"}


RENEWAL = {
    ("patch", "certificates/status"): 2,
    ("create", "certificaterequests"): 1,
    ("patch", "certificaterequests/status"): 1,
    ("apply", "secrets"): 1,
    ("delete", "certificaterequests"): 1,
}


@pytest_asyncio.fixture(loop_scope="session")
async def running(ca: Cluster) -> Running:
    """Controllers that have found the CA."""
    running = await ca.start()
    await ca.settled()
    return running


async def test_an_issuance_by_a_ca_takes_twelve_calls_and_five_object_writes(
    ca: Cluster, running: Running
) -> None:
    await ca.create(certificate("web"))
    assert await calls_during(ca, running) == {
        ("get", "secrets"): 1,
        ("patch", "certificates/status"): 2,
        ("create", "certificaterequests"): 1,
        ("patch", "certificaterequests/status"): 1,
        ("apply", "secrets"): 1,
        ("create", "events"): 6,
    }
    assert is_ready(await ca.certificate("web"))


async def test_a_renewal_takes_no_read_and_deletes_the_old_request(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"))
    await ca.settled()
    before = len(running.tap.calls)
    await ca.advance(timedelta(days=61))
    assert without_events(Counter((c.verb, c.resource) for c in running.tap.calls[before:])) == RENEWAL
    assert (await ca.certificate("web")).status.revision == 2


async def test_a_changed_spec_costs_as_much_as_a_renewal(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.patch(Certificate, "web", {"spec": {"dnsNames": ["other.example"]}})
    assert without_events(await calls_during(ca, running)) == RENEWAL


async def test_a_self_signed_issuance_stores_no_key_on_the_way(cluster: Cluster) -> None:
    await cluster.create(self_signed_issuer())
    running = await cluster.start()
    await cluster.settled()
    await cluster.create(certificate("root", "self-signed", is_ca=True, common_name="root"))
    calls = await calls_during(cluster, running)
    assert calls.total() == 12
    assert sum(without_events(calls).values()) - calls["get", "secrets"] == 5


async def test_a_secret_that_was_deleted_costs_one_read_more(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.delete(Secret, "web-tls")
    assert without_events(await calls_during(ca, running)) == RENEWAL | {("get", "secrets"): 1}
    assert keys_match(await ca.secret("web-tls"))


async def test_a_deletion_costs_nothing(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.delete(Certificate, "web")
    assert not await calls_during(ca, running)
    assert keys_match(await ca.secret("web-tls"))


async def test_at_rest_nothing_is_called(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"), certificate("api"))
    await ca.settled()
    before = len(running.tap.calls)
    await ca.live_through(timedelta(days=59))
    assert running.tap.calls[before:] == []


async def test_a_restart_writes_nothing(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"), certificate("api"))
    await ca.settled()
    await ca.stop(running)
    again = await ca.start()
    await ca.settled()
    assert [call for call in again.tap.calls if call.verb not in ("watch", "get")] == []


async def test_many_at_once_meet_no_conflict(ca: Cluster, running: Running) -> None:
    count = 40
    await ca.create(*(certificate(f"c{number}") for number in range(count)))
    calls = await calls_during(ca, running)
    assert calls.total() <= 12 * count
    assert all(is_ready(found) for found in await ca.objects(Certificate))
    assert len(running.controllers.held_keys) == 0


async def test_a_label_on_a_certificate_is_no_reason_to_write(ca: Cluster, running: Running) -> None:
    await ca.create(certificate("web"))
    await ca.settled()
    await ca.patch(Certificate, "web", {"metadata": {"labels": {"team": "blue"}}})
    assert not await calls_during(ca, running)


async def test_an_unrelated_secret_is_not_even_read(ca: Cluster, running: Running) -> None:
    await ca.create(ca_secret("someone-elses"))
    assert not await calls_during(ca, running)
