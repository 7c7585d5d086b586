import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from certwright.api.foreign import PartialObject
from certwright.api.meta import SECRETS
from certwright.kube.client import Client
from certwright.kube.packing import Packing
from certwright.kube.store import Store
from certwright.kube.watcher import Applied, Deleted, Malformed, Restarted, Tuning, Watcher, reflect

LIST_FIRST = Tuning(can_stream=False)


def obj(name: str, version: int, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "ns", "uid": f"u-{name}", "resourceVersion": str(version)}
    return {"metadata": meta} | more


def event(kind: str, name: str, version: int, **more: Any) -> dict[str, Any]:
    return {"type": kind, "object": obj(name, version, **more)}


def bookmark(version: int, initial_end: bool = False) -> dict[str, Any]:
    meta: dict[str, Any] = {"resourceVersion": str(version)}
    if initial_end:
        meta["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"type": "BOOKMARK", "object": {"kind": "Secret", "metadata": meta}}


def error_line(code: int, reason: str) -> dict[str, Any]:
    return {"type": "ERROR", "object": {"kind": "Status", "code": code, "reason": reason}}


def page(*items: Any, version: int = 10, token: str = "") -> dict[str, Any]:
    meta = {"resourceVersion": str(version)} | ({"continue": token} if token else {})
    return {"kind": "SecretList", "metadata": meta, "items": list(items)}


def short(happening: Restarted[Any] | Applied[Any] | Deleted[Any]) -> Any:
    """Restarted as a set of names, a change as its sign, name and version."""
    if isinstance(happening, Restarted):
        return {item.metadata.name for item in happening.objects}
    meta = happening.obj.metadata
    return f"{'-' if isinstance(happening, Deleted) else '+'}{meta.name}@{meta.resource_version}"


@pytest.fixture
def watch(client: Client, pauses: list[float]) -> Callable[..., Watcher[PartialObject]]:
    def make(type_: Any = PartialObject, **more: Any) -> Watcher[PartialObject]:
        more.setdefault("jitter", lambda: 0.0)
        return Watcher(client, SECRETS, type_, sleep=pauses, **more)

    return make


async def take(watcher: Watcher[Any], count: int) -> list[Any]:
    seen: list[Any] = []
    async with asyncio.timeout(20), aclosing(watcher.events()) as events:
        async for happening in events:
            seen.append(short(happening))
            if len(seen) == count:
                return seen
    raise AssertionError("the watcher ended")


async def test_the_list_is_streamed_where_the_server_can(peer: Any, watch: Any) -> None:
    peer.plays(
        peer.stream(
            event("ADDED", "a", 3),
            event("ADDED", "b", 5),
            bookmark(9, initial_end=True),
            event("MODIFIED", "a", 11),
            event("DELETED", "b", 12),
            then="hang",
        )
    )
    assert await take(watch(), 3) == [{"a", "b"}, "+a@11", "-b@12"]
    query = peer.queries()[0]
    assert query["sendInitialEvents"] == "true"
    assert query["resourceVersionMatch"] == "NotOlderThan"
    assert "resourceVersion" not in query


async def test_a_packed_list_is_the_same_list(peer: Any, watch: Any) -> None:
    peer.plays(
        peer.stream(
            event("ADDED", "a", 3),
            event("ADDED", "b", 5),
            event("DELETED", "b", 6),
            event("ADDED", "c", 7),
            bookmark(9, initial_end=True),
            then="hang",
        )
    )
    async with aclosing(watch(packing=Packing(PartialObject)).events()) as events:
        restarted = await anext(events)
    assert len(restarted.objects) == 2
    assert {found.metadata.name: found.metadata.uid for found in restarted.objects} == {
        "a": "u-a",
        "c": "u-c",
    }


@pytest.mark.parametrize(("code", "reason"), [(422, "Invalid"), (400, "BadRequest")])
async def test_a_server_that_refuses_to_stream_is_listed_in_pages(
    peer: Any, watch: Any, pauses: list[float], code: int, reason: str
) -> None:
    peer.plays(
        peer.status(code, reason),
        peer.json(page(obj("a", 3), token="t")),
        peer.json(page(obj("b", 4))),
        peer.stream(event("ADDED", "c", 11), then="hang"),
    )
    assert await take(watch(), 2) == [{"a", "b"}, "+c@11"]
    queries = peer.queries()
    assert [query.get("limit") for query in queries] == [None, "500", "500", None]
    assert queries[2]["continue"] == "t"
    assert queries[3]["resourceVersion"] == "10"
    assert queries[3]["allowWatchBookmarks"] == "true"
    assert pauses == []


async def test_a_server_that_ignores_the_wish_to_stream_is_found_out(peer: Any, watch: Any) -> None:
    peer.plays(
        peer.stream(event("ADDED", "a", 3), then="hang"),
        peer.json(page(obj("a", 3))),
        peer.stream(event("ADDED", "b", 11), then="hang"),
    )
    assert await take(watch(tuning=Tuning(quiet=0.05)), 2) == [{"a"}, "+b@11"]


async def test_silence_after_the_initial_events_is_no_reason_to_doubt_the_server(
    peer: Any, watch: Any
) -> None:
    async def silence() -> None:
        await asyncio.sleep(0.2)

    initial = [event("ADDED", "a", 3), bookmark(9, initial_end=True)]
    peer.plays(peer.stream(*initial, silence, event("ADDED", "b", 11), then="hang"))
    assert await take(watch(tuning=Tuning(quiet=0.05)), 2) == [{"a"}, "+b@11"]
    assert len(peer.asked) == 1


async def test_after_a_clean_end_the_watch_resumes_from_the_last_event_or_bookmark(
    peer: Any, watch: Any, pauses: list[float]
) -> None:
    peer.plays(
        peer.json(page()),
        peer.stream(event("ADDED", "a", 11)),
        peer.stream(bookmark(40)),
        peer.stream(event("ADDED", "b", 41), then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 3) == [set(), "+a@11", "+b@41"]
    assert [query.get("resourceVersion") for query in peer.queries()] == [None, "10", "11", "40"]
    assert pauses == []


async def test_a_broken_connection_resumes_and_half_a_line_is_not_an_event(
    peer: Any, watch: Any, pauses: list[float]
) -> None:
    peer.plays(
        peer.json(page()),
        peer.stream(event("ADDED", "a", 11), b'{"type":"ADDED","object":{"meta', then="break"),
        peer.stream(event("ADDED", "b", 12), then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 3) == [set(), "+a@11", "+b@12"]
    assert peer.queries()[2]["resourceVersion"] == "11"
    assert pauses == [0.8]


@pytest.mark.parametrize("as_line", [True, False])
async def test_a_version_that_is_too_old_leads_to_a_new_list(
    peer: Any, watch: Any, pauses: list[float], as_line: bool
) -> None:
    gone = peer.stream(error_line(410, "Expired")) if as_line else peer.status(410, "Expired")
    peer.plays(
        peer.json(page(obj("a", 3))),
        gone,
        peer.json(page(obj("b", 15), version=20)),
        peer.stream(event("ADDED", "c", 21), then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 3) == [{"a"}, {"b"}, "+c@21"]
    assert pauses == []


async def test_an_expired_page_token_leads_to_one_whole_list(peer: Any, watch: Any) -> None:
    peer.plays(
        peer.json(page(obj("old", 3), token="t")),
        peer.status(410, "Expired"),
        peer.json(page(obj("a", 4), obj("b", 5))),
        peer.stream(then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 1) == [{"a", "b"}]
    assert [query.get("limit") for query in peer.queries()] == ["500", "500", None]


async def test_the_server_may_ask_for_patience(peer: Any, watch: Any, pauses: list[float]) -> None:
    peer.plays(
        peer.json(page()),
        peer.status(429, "TooManyRequests", headers={"Retry_After": "7"}),
        peer.text("<h1>503</h1>", 503, Retry_After="4"),
        peer.stream(error_line(500, "InternalError")),
        peer.stream(event("ADDED", "a", 11), then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 2) == [set(), "+a@11"]
    assert pauses == [7, 4, pytest.approx(3.2)]


async def test_delays_are_stretched_by_chance(peer: Any, watch: Any, pauses: list[float]) -> None:
    peer.plays(peer.status(500, "InternalError"), peer.json(page()), peer.stream(then="hang"))
    await take(watch(tuning=LIST_FIRST, jitter=lambda: 1.0), 1)
    assert pauses == [pytest.approx(0.8 * 1.2)]


async def test_a_watch_that_ends_at_once_again_and_again_slows_down(
    peer: Any, watch: Any, pauses: list[float]
) -> None:
    at_last = peer.stream(event("ADDED", "a", 11))
    peer.plays(peer.json(page()), *[peer.stream() for _ in range(3)], at_last)
    await take(watch(tuning=LIST_FIRST), 2)
    assert pauses == [0.8, 1.6, 3.2]


async def test_a_silent_connection_is_given_up(peer: Any, watch: Any) -> None:
    peer.plays(
        peer.json(page()),
        peer.stream(then="hang"),
        otherwise=peer.stream(event("ADDED", "a", 11), then="hang"),
    )
    tuning = Tuning(can_stream=False, lifetime=0, grace=0.05)
    watcher = watch(tuning=tuning)
    assert await take(watcher, 2) == [set(), "+a@11"]


async def test_a_server_that_never_answers_is_given_up(peer: Any, watch: Any) -> None:
    async def never(request: object) -> Any:
        await asyncio.Event().wait()

    peer.plays(peer.json(page()), never, otherwise=peer.stream(event("ADDED", "a", 11), then="hang"))
    assert await take(watch(tuning=Tuning(can_stream=False, open_timeout=0.05)), 2) == [set(), "+a@11"]


async def test_lines_may_be_long_and_arrive_in_any_pieces(peer: Any, watch: Any) -> None:
    lines = [json.dumps(event("ADDED", "big", 11, data={"x": "y" * 300_000})).encode()]
    lines += [json.dumps(event("ADDED", f"n{n}", 12 + n)).encode() for n in range(3)]
    stream = b"\n".join(lines) + b"\n"

    async def breathe() -> None:
        await asyncio.sleep(0)

    cuts = [1, 100, 65_536, 200_000, len(lines[0]) + 3, len(stream) - 1, len(stream)]
    parts: list[Any] = []
    for begin, end in zip([0, *cuts], cuts, strict=False):
        parts += [stream[begin:end], breathe]
    peer.plays(peer.json(page()), peer.stream(*parts, then="hang"))
    assert await take(watch(tuning=LIST_FIRST), 5) == [set(), "+big@11", "+n0@12", "+n1@13", "+n2@14"]


@pytest.mark.parametrize("garbage", [b"<html>\n", b"[]\n", b'{"type": 5}\n', b"\xff\xfe\n"])
async def test_garbage_in_the_stream_breaks_that_connection_only(
    peer: Any, watch: Any, garbage: bytes
) -> None:
    peer.plays(
        peer.json(page()),
        peer.stream(event("ADDED", "a", 11), garbage, then="hang"),
        peer.stream(event("ADDED", "b", 12), then="hang"),
    )
    assert await take(watch(tuning=LIST_FIRST), 3) == [set(), "+a@11", "+b@12"]


async def test_one_malformed_object_is_reported_once_and_stops_nothing(peer: Any, watch: Any) -> None:
    odd = obj("odd", 4) | {"metadata": obj("odd", 4)["metadata"] | {"labels": "no map"}}
    peer.plays(
        peer.json(page(obj("a", 3), odd, obj("b", 5))),
        peer.stream({"type": "MODIFIED", "object": odd}, event("ADDED", "c", 11)),
        peer.stream({"type": "MODIFIED", "object": odd}, error_line(410, "Expired")),
        peer.json(page(odd, obj("b", 5), version=30)),
        peer.stream(event("MODIFIED", "odd", 31), then="hang"),
    )
    reports: list[Malformed] = []
    watcher = watch(tuning=LIST_FIRST, on_malformed=reports.append)
    assert await take(watcher, 4) == [{"a", "b"}, "+c@11", {"b"}, "+odd@31"]
    assert len(reports) == 1
    assert (reports[0].resource, reports[0].namespace, reports[0].name) == ("secrets", "ns", "odd")
    assert reports[0].error.startswith("metadata.labels:")


async def test_a_decoder_with_a_bug_stops_nothing_either(peer: Any, watch: Any) -> None:
    def decode(body: bytes) -> PartialObject:
        found = msgspec.json.decode(body, type=PartialObject)
        if found.metadata.name == "odd":
            raise KeyError("hunter2")
        return found

    peer.plays(peer.json(page(obj("odd", 3), obj("a", 4))), peer.stream(then="hang"))
    reports: list[Malformed] = []
    assert await take(watch(decode, tuning=LIST_FIRST, on_malformed=reports.append), 1) == [{"a"}]
    assert reports[0].error == "KeyError"


async def test_trouble_is_logged_once_and_so_is_its_end(
    peer: Any, watch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    peer.plays(
        *[peer.status(403, "Forbidden", "secrets is forbidden") for _ in range(4)],
        peer.json(page()),
        peer.stream(then="hang"),
    )
    with caplog.at_level(logging.INFO, logger="certwright.kube"):
        watcher = watch(tuning=LIST_FIRST)
        await take(watcher, 1)
    assert [record.message for record in caplog.records] == [
        "watch of secrets: secrets is forbidden",
        "watch of secrets works again",
    ]
    assert watcher.error is None


class Reflected:
    """A store that follows the server, and what its subscribers hear."""

    def __init__(self, watcher: Watcher[PartialObject]) -> None:
        self.store: Store[PartialObject] = Store()
        self.heard: asyncio.Queue[tuple[str | None, str | None]] = asyncio.Queue()
        self.store.subscribe(self._note)
        self.task = asyncio.ensure_future(reflect(watcher, self.store))

    def _note(self, old: PartialObject | None, new: PartialObject | None) -> None:
        name, gone = new and new.metadata.name, old and old.metadata.name
        self.heard.put_nowait((gone, name))

    async def hears(self, count: int) -> list[tuple[str | None, str | None]]:
        async with asyncio.timeout(20):
            return [await self.heard.get() for _ in range(count)]


@pytest.fixture
async def reflected(watch: Any) -> AsyncIterator[Callable[..., Reflected]]:
    made: list[Reflected] = []

    def make(**more: Any) -> Reflected:
        made.append(Reflected(watch(**more)))
        return made[-1]

    yield make
    for each in made:
        each.task.cancel()
        await asyncio.gather(each.task, return_exceptions=True)


async def test_a_store_notices_what_was_deleted_while_nobody_watched(peer: Any, reflected: Any) -> None:
    peer.plays(
        peer.json(page(obj("a", 3), obj("b", 4))),
        peer.status(410, "Expired"),
        peer.json(page(obj("b", 4), version=20)),
        peer.stream(event("DELETED", "b", 21), then="hang"),
    )
    kept = reflected(tuning=LIST_FIRST)
    assert await kept.hears(4) == [(None, "a"), (None, "b"), ("a", None), ("b", None)]
    assert kept.store.synced.is_set()


async def test_a_deleted_object_nobody_can_read_leaves_the_store(peer: Any, reflected: Any) -> None:
    odd = event("DELETED", "a", 12)
    odd["object"]["metadata"]["labels"] = 5
    peer.plays(
        peer.json(page(obj("a", 3))),
        peer.stream(odd, then="hang"),
        peer.json(page(version=20)),
        peer.stream(then="hang"),
    )
    kept = reflected(tuning=LIST_FIRST)
    assert await kept.hears(2) == [(None, "a"), ("a", None)]


async def test_an_object_that_became_unreadable_is_not_taken_for_deleted(peer: Any, reflected: Any) -> None:
    odd = obj("a", 15)
    odd["metadata"]["labels"] = 5
    peer.plays(
        peer.json(page(obj("a", 3))),
        peer.status(410, "Expired"),
        peer.json(page(odd, obj("b", 16), version=20)),
        peer.stream(then="hang"),
    )
    kept = reflected(tuning=LIST_FIRST)
    assert await kept.hears(2) == [(None, "a"), (None, "b")]
    assert len(kept.store) == 2


async def test_a_server_restored_from_a_backup_is_believed(peer: Any, reflected: Any) -> None:
    peer.plays(
        peer.json(page(obj("a", 500), obj("b", 3), version=1000)),
        peer.status(410, "Expired"),
        peer.json(page(obj("a", 40), obj("b", 3), version=50)),
        peer.stream(then="hang"),
    )
    kept = reflected(tuning=LIST_FIRST)
    await kept.hears(6)
    found = kept.store.get("ns", "a")
    assert found is not None
    assert found.metadata.resource_version == "40"


async def test_metadata_is_all_that_is_asked_for_when_that_is_enough(peer: Any, watch: Any) -> None:
    peer.plays(peer.json(page()), peer.stream(event("ADDED", "a", 11), then="hang"))
    await take(watch(tuning=LIST_FIRST, metadata_only=True, label_selector="x=y", namespace="ns"), 2)
    assert "as=PartialObjectMetadataList" in peer.asked[0].headers["Accept"]
    assert "as=PartialObjectMetadata;" in peer.asked[1].headers["Accept"]
    assert peer.asked[0].path == "/api/v1/namespaces/ns/secrets"
    assert all(query["labelSelector"] == "x=y" for query in peer.queries())
