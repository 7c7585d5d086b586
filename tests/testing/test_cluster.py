"""The cluster for tests, used the way that users are told to."""

from datetime import UTC, datetime, timedelta

import pytest

from certwright.api.certmanager import Certificate
from certwright.api.foreign import Secret
from certwright.kube.errors import NotFound
from certwright.testing.builders import ca_issuer, ca_secret, certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster, in_memory


async def test_one_of_its_own_at_a_time_of_its_own() -> None:
    async with in_memory(datetime(2031, 5, 1, tzinfo=UTC)) as cluster:
        await cluster.create(ca_secret(), ca_issuer(), certificate("web"))
        await cluster.start()
        await cluster.settled()
        found = await cluster.certificate("web")
        assert is_ready(found)
        assert found.metadata.creation_timestamp is not None
        assert found.metadata.creation_timestamp.year == 2031
        assert keys_match(await cluster.secret("web-tls"))


async def test_living_through_a_span_meets_every_renewal_on_time(cluster: Cluster) -> None:
    await cluster.create(ca_secret(), ca_issuer(), certificate("web"))
    await cluster.start()
    await cluster.live_through(timedelta(days=365))
    found = await cluster.certificate("web")
    assert found.status.revision == 1 + 365 // 60
    assert is_ready(found)


async def test_a_jump_meets_only_the_end(cluster: Cluster) -> None:
    await cluster.create(ca_secret(), ca_issuer(), certificate("web"))
    await cluster.start()
    await cluster.advance(timedelta(days=365))
    assert (await cluster.certificate("web")).status.revision == 2


async def test_waiting_for_what_comes_and_what_goes(cluster: Cluster) -> None:
    await cluster.create(ca_secret(), ca_issuer())
    await cluster.start()
    await cluster.create(certificate("web"))
    await cluster.until_ready("web")
    await cluster.delete(Certificate, "web")
    await cluster.until_gone(Certificate, "web")
    with pytest.raises(NotFound):
        await cluster.certificate("web")


async def test_history_tells_every_change_since_a_version(cluster: Cluster) -> None:
    since = await cluster.resource_version()
    await cluster.create(ca_secret())
    await cluster.patch(Secret, "ca", {"metadata": {"labels": {"a": "b"}}})
    await cluster.delete(Secret, "ca")
    assert [change.type for change in await cluster.history(Secret, since)] == [
        "ADDED",
        "MODIFIED",
        "DELETED",
    ]
    with pytest.raises(ValueError, match="Certificate"):
        await cluster.history(Certificate, since)
