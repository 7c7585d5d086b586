import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from certwright.api.foreign import Event, ObjectReference, PartialObject
from certwright.api.meta import CERTIFICATES, CLUSTER_ISSUERS, EVENTS, ObjectMeta
from certwright.kube.client import Client
from certwright.kube.events import BUSY, PATIENCE, EventRecorder, reference
from certwright.kube.queue import Queue
from certwright.kube.requests import Request
from certwright.kube.transport import Response

WEB = PartialObject(metadata=ObjectMeta(name="web", namespace="default", uid="u1", resource_version="7"))
ABOUT = reference(CERTIFICATES, WEB)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def recorder(direct: Client, clock: Clock) -> AsyncIterator[EventRecorder]:
    made = EventRecorder(direct, clock)
    yield made
    await made.close(0)


async def posted(client: Client, namespace: str = "default") -> list[Event]:
    return await client.list_(EVENTS, namespace, type_=Event)


def say(recorder: EventRecorder, reason: str = "Issuing", about: ObjectReference = ABOUT) -> None:
    recorder.record(about, "Normal", reason, f"{reason} it", "cert-manager-test")


async def test_an_event_tells_all_about_its_object(direct: Client, recorder: EventRecorder) -> None:
    say(recorder)
    await recorder.flush()
    (event,) = await posted(direct)
    about = event.involved_object
    assert (
        about.api_version,
        about.kind,
        about.namespace,
        about.name,
        about.uid,
        about.resource_version,
    ) == (
        "cert-manager.io/v1",
        "Certificate",
        "default",
        "web",
        "u1",
        "7",
    )
    assert (event.type, event.reason, event.message) == ("Normal", "Issuing", "Issuing it")
    assert event.source.component == event.reporting_component == "cert-manager-test"
    assert event.first_timestamp == event.last_timestamp == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert event.count == 1
    name, nanos = event.metadata.name.rsplit(".", 1)
    assert name == "web"
    assert datetime.fromtimestamp(int(nanos, 16) / 1e9, UTC) == datetime(2026, 1, 1, 12, tzinfo=UTC)


async def test_events_of_cluster_scoped_objects_live_in_the_default_namespace(
    direct: Client, recorder: EventRecorder
) -> None:
    about = reference(CLUSTER_ISSUERS, PartialObject(metadata=ObjectMeta(name="ca", uid="u2")))
    say(recorder, about=about)
    await recorder.flush()
    (event,) = await posted(direct)
    assert event.involved_object.namespace == ""


async def test_a_repeat_within_ten_minutes_raises_the_count(
    direct: Client, recorder: EventRecorder, clock: Clock
) -> None:
    for _ in range(3):
        say(recorder)
        await recorder.flush()
        clock.now += timedelta(minutes=6)
    (event,) = await posted(direct)
    assert event.count == 3
    assert event.last_timestamp == datetime(2026, 1, 1, 12, 12, tzinfo=UTC)
    assert direct.calls.counts == {
        ("create", "events", 201): 1,
        ("patch", "events", 200): 2,
        ("list", "events", 200): 1,
    }


async def test_a_repeat_after_ten_minutes_is_a_new_event(
    direct: Client, recorder: EventRecorder, clock: Clock
) -> None:
    for _ in range(2):
        say(recorder)
        await recorder.flush()
        clock.now += timedelta(minutes=10)
    assert [event.count for event in await posted(direct)] == [1, 1]


async def test_a_repeat_of_an_event_the_server_has_forgotten_is_posted_anew(
    direct: Client, recorder: EventRecorder
) -> None:
    say(recorder)
    await recorder.flush()
    (event,) = await posted(direct)
    await direct.delete(EVENTS, event.metadata.name, "default")
    say(recorder)
    await recorder.flush()
    assert len(await posted(direct)) == 1


async def test_repeats_that_still_wait_are_posted_as_one(direct: Client, recorder: EventRecorder) -> None:
    for _ in range(100):
        say(recorder)
    await recorder.flush()
    (event,) = await posted(direct)
    assert event.count == 100
    assert direct.calls.total("create", "events") == 1


async def test_events_about_one_object_keep_their_order_and_have_different_names(
    direct: Client, recorder: EventRecorder
) -> None:
    for number in range(20):
        say(recorder, f"Reason{number}")
    await recorder.flush()
    events = sorted(await posted(direct), key=lambda event: int(event.metadata.resource_version))
    assert [event.reason for event in events] == [f"Reason{number}" for number in range(20)]
    assert len({event.metadata.name for event in events}) == 20


async def test_a_long_name_still_makes_a_valid_event(direct: Client, recorder: EventRecorder) -> None:
    about = reference(CERTIFICATES, PartialObject(metadata=ObjectMeta(name="a" * 253, namespace="default")))
    say(recorder, about=about)
    await recorder.flush()
    assert len(await posted(direct)) == 1


async def test_what_the_server_will_never_take_is_dropped_at_once(
    direct: Client, recorder: EventRecorder
) -> None:
    nowhere = reference(CERTIFICATES, PartialObject(metadata=ObjectMeta(name="web", namespace="nowhere")))
    say(recorder, about=nowhere)
    say(recorder)
    await recorder.flush()
    assert recorder.dropped == 1
    assert len(await posted(direct)) == 1


async def test_a_server_that_is_away_blocks_nobody_and_gets_the_events_later(
    peer: Any, client: Client, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = [peer.status(500, "InternalError") for _ in range(3)]
    taken = peer.json({"metadata": {"name": "x"}}, 201)
    peer.plays(*away, taken, *away, taken)
    recorder = EventRecorder(client, clock)
    recorder._queue = Queue(base=0.001)
    say(recorder, "First")
    say(recorder, "Second")
    await recorder.flush()
    reasons = [json.loads(body)["reason"] for body in peer.bodies]
    assert reasons == ["First"] * 4 + ["Second"] * 4
    assert len({json.loads(body)["metadata"]["name"] for body in peer.bodies[:4]}) == 1
    assert recorder.dropped == 0
    await recorder.close()


def test_events_wait_for_a_quiet_moment_but_not_for_ever(virtual: Callable[[Any], Any]) -> None:
    async def scenario() -> None:
        posts: list[float] = []
        time = asyncio.get_running_loop().time

        class Transport:
            async def send(self, request: Request) -> Response:
                posts.append(time())
                return Response(201, {}, request.body)

        client = Client(cast("Any", Transport()))
        recorder = EventRecorder(client)
        began = time()
        with contextlib.ExitStack() as calls:
            for _ in range(BUSY):
                calls.enter_context(client.in_flight)
            say(recorder)
            await asyncio.sleep(PATIENCE / 2)
            assert posts == []
            say(recorder, about=reference(CLUSTER_ISSUERS, WEB))
            await asyncio.sleep(PATIENCE / 2 + 0.01)
            assert posts == [pytest.approx(began + PATIENCE)]
        await recorder.flush()
        assert posts[1] - began == pytest.approx(PATIENCE + 0.01)
        await recorder.close()

    virtual(scenario())


async def test_an_event_whose_answer_was_lost_is_not_posted_twice(
    peer: Any, client: Client, clock: Clock
) -> None:
    recorder = EventRecorder(client, clock)
    recorder._queue = Queue(base=0.001)
    peer.plays(peer.status(500, "InternalError"), peer.status(409, "AlreadyExists"))
    say(recorder)
    await recorder.flush()
    assert len(peer.asked) == 2
    await recorder.close()


async def test_a_server_that_stays_away_costs_the_events_after_some_attempts(
    peer: Any, client: Client, clock: Clock
) -> None:
    peer.plays(otherwise=peer.status(500, "InternalError"))
    recorder = EventRecorder(client, clock)
    recorder._queue = Queue(base=0.001)
    say(recorder)
    await recorder.flush()
    assert (len(peer.asked), recorder.dropped) == (5, 1)
    await recorder.close()


async def test_memory_is_bounded_while_nothing_can_be_posted(peer: Any, client: Client, clock: Clock) -> None:
    async def never(request: object) -> Any:
        await asyncio.Event().wait()

    peer.plays(otherwise=never)
    recorder = EventRecorder(client, clock, limit=10)
    for number in range(100):
        say(recorder, f"Reason{number}")
    assert recorder.dropped == 90
    await recorder.close(0)
