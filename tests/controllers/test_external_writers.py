"""Others write the same objects at the same time: that delays an issuance, and never breaks it."""

import asyncio
import logging
from datetime import timedelta
from typing import Any

import pytest

from certwright.api.certmanager import Certificate, CertificateRequest
from certwright.api.foreign import Secret
from certwright.api.meta import ObjectMeta
from certwright.kube.errors import ApiError
from certwright.kube.requests import Request
from certwright.testing.builders import certificate
from certwright.testing.checks import is_ready, keys_match
from certwright.testing.cluster import Cluster
from certwright.testing.tap import Trouble


class Hammer:
    """Labels an object right before each of the controllers' writes to it, so that each of them is late."""

    def __init__(self, cluster: Cluster, resource: str, type_: type[Any], limit: int) -> None:
        self.blows = 0
        self._cluster, self._resource, self._type, self._limit = cluster, resource, type_, limit

    async def strike(self, request: Request) -> Trouble | None:
        """Change the object that a write is about to change."""
        if request.resource == self._resource and self.blows < self._limit:
            self.blows += 1
            name = request.target.partition("/")[2]
            await self._cluster.patch(self._type, name, {"metadata": {"labels": {"blow": str(self.blows)}}})
        return None


@pytest.mark.parametrize(
    ("resource", "type_"),
    [("certificates/status", Certificate), ("certificaterequests/status", CertificateRequest)],
)
async def test_a_write_that_comes_between_is_planned_around_at_once(
    ca: Cluster, caplog: pytest.LogCaptureFixture, resource: str, type_: type[Any]
) -> None:
    caplog.set_level(logging.INFO)
    hammer = Hammer(ca, resource, type_, limit=7)
    running = await ca.start(cue=hammer.strike)
    await ca.settled()
    caplog.clear()
    await ca.create(certificate("web"))
    await ca.settled()
    found = await ca.certificate("web")
    assert hammer.blows == 7
    assert is_ready(found)
    assert found.status.revision == 1
    assert keys_match(await ca.secret("web-tls"))
    assert len(await ca.objects(CertificateRequest)) == 1
    assert [record.getMessage() for record in caplog.records] == []
    assert sum(engine.counters.conflicts for engine in running.controllers.engines) == 7
    assert len(running.controllers.held_keys) == 0


async def test_somebody_who_never_stops_writing_only_delays(
    ca: Cluster, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await ca.start()
    await ca.settled()
    caplog.clear()
    names = [f"c{number}" for number in range(5)]
    stop = asyncio.Event()

    async def hammer(name: str) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            labels = {"metadata": {"labels": {"n": str(number)}, "annotations": {"n": str(number)}}}
            try:
                await ca.patch(Certificate, name, labels)
            except ApiError:
                await asyncio.sleep(0)

    hammers = [asyncio.ensure_future(hammer(name)) for name in names]
    await ca.create(*(certificate(name) for name in names))
    async with asyncio.timeout(60):
        for name in names:
            await ca.until_ready(name)
    stop.set()
    await asyncio.gather(*hammers)
    await ca.settled()
    for name in names:
        found = await ca.certificate(name)
        assert is_ready(found)
        assert found.status.revision == 1
        assert keys_match(await ca.secret(f"{name}-tls"))
    assert [record.getMessage() for record in caplog.records] == []


async def test_a_foreign_label_on_the_secret_stays_and_starts_nothing(ca: Cluster) -> None:
    running = await ca.start()
    await ca.create(certificate("web"))
    await ca.settled()
    before = len(running.tap.writes)
    await ca.patch(Secret, "web-tls", {"metadata": {"labels": {"theirs": "1"}}})
    await ca.settled()
    assert running.tap.writes[before:] == []


async def test_a_request_of_a_stranger_under_our_name_is_left_alone(ca: Cluster) -> None:
    await ca.create(certificate("web"))
    first = await ca.start()
    await ca.settled()
    request = await ca.get(CertificateRequest, "web-1")
    await ca.kill(first)
    await ca.delete(Certificate, "web")
    await ca.settled()
    await ca.create(CertificateRequest(metadata=ObjectMeta(name="next-1"), spec=request.spec))
    await ca.create(certificate("next"))
    await ca.start()
    await ca.settled()
    stranger = await ca.get(CertificateRequest, "next-1")
    assert stranger.metadata.owner_references == []
    assert not await ca.exists(Secret, "next-tls")
    await ca.delete(CertificateRequest, "next-1")
    await ca.advance(timedelta(seconds=30))
    assert is_ready(await ca.certificate("next"))
