import asyncio
import json
from typing import Any

Api = Any
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"


def widget(name: str, **labels: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": labels}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": {}}


def told(event: dict[str, Any]) -> tuple[str, str]:
    return event["type"], event["object"]["metadata"].get("name", "")


async def test_a_watch_tells_every_change_after_a_revision(api: Api) -> None:
    start = str(api.revision)
    await api.create(WIDGETS, widget("a"))
    await api.patch(f"{WIDGETS}/a", {"spec": {"size": 1}})
    await api.delete(f"{WIDGETS}/a")
    watch = api.watch(WIDGETS, resourceVersion=start, timeoutSeconds="10")
    events = [await anext(watch) for _ in range(3)]
    assert [told(event) for event in events] == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
    assert events[2]["object"]["metadata"]["resourceVersion"] == str(api.revision)
    await api.create(WIDGETS, widget("b"))
    assert told(await anext(watch)) == ("ADDED", "b")


async def test_without_a_revision_it_begins_with_what_there_is(api: Api) -> None:
    await api.create(WIDGETS, widget("a"))
    watch = api.watch(WIDGETS, timeoutSeconds="10")
    assert told(await anext(watch)) == ("ADDED", "a")
    await api.create(WIDGETS, widget("b"))
    assert told(await anext(watch)) == ("ADDED", "b")


async def test_the_end_of_the_initial_objects_is_marked(api: Api) -> None:
    await api.create(WIDGETS, widget("a"))
    query = {
        "sendInitialEvents": "true",
        "allowWatchBookmarks": "true",
        "resourceVersionMatch": "NotOlderThan",
    }
    watch = api.watch(WIDGETS, timeoutSeconds="10", **query)
    assert told(await anext(watch)) == ("ADDED", "a")
    mark = await anext(watch)
    assert mark["type"] == "BOOKMARK"
    assert mark["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert mark["object"]["metadata"]["resourceVersion"] == str(api.revision)
    without_match = await api.get(WIDGETS, watch="true", sendInitialEvents="true")
    assert without_match.status == 422


async def test_leaving_a_selection_is_a_deletion_and_entering_it_an_addition(api: Api) -> None:
    await api.create(WIDGETS, widget("a", app="x"))
    start = str(api.revision)
    await api.patch(f"{WIDGETS}/a", {"metadata": {"labels": {"app": "y"}}})
    await api.patch(f"{WIDGETS}/a", {"metadata": {"labels": {"app": "x"}}})
    watch = api.watch(WIDGETS, resourceVersion=start, labelSelector="app=x", timeoutSeconds="10")
    left, back = await anext(watch), await anext(watch)
    assert (told(left), told(back)) == (("DELETED", "a"), ("ADDED", "a"))
    assert left["object"]["metadata"]["labels"] == {"app": "x"}
    assert int(left["object"]["metadata"]["resourceVersion"]) == int(start) + 1


async def test_a_compacted_revision_is_410_at_the_start_and_an_error_event_later(api: Api) -> None:
    start = str(api.revision)
    open_watch = await api.server.handle(api.request("GET", WIDGETS, watch="true", resourceVersion=start))
    for n in range(3):
        await api.create(WIDGETS, widget(f"w{n}"))
    await api.server.cluster.log.compact(api.revision)
    late = await api.get(WIDGETS, watch="true", resourceVersion=start)
    assert (late.status, late.body["reason"]) == (410, "Expired")
    overtaken = [json.loads(line) async for chunk in open_watch.body for line in chunk.splitlines()]
    assert [event["type"] for event in overtaken] == ["ERROR"]
    assert overtaken[0]["object"]["code"] == 410


async def test_tables_say_their_columns_once(api: Api) -> None:
    watch = api.watch(WIDGETS, accept=TABLE, timeoutSeconds="10")
    await api.create(WIDGETS, widget("a"))
    await api.create(WIDGETS, widget("b"))
    first, second = await anext(watch), await anext(watch)
    assert len(first["object"]["columnDefinitions"]) == 4
    assert second["object"]["columnDefinitions"] == []
    assert second["object"]["rows"][0]["cells"][0] == "b"


async def test_a_watch_ends_when_the_server_does(api: Api) -> None:
    watch = api.watch(WIDGETS, timeoutSeconds="3600")
    waiting = asyncio.ensure_future(anext(watch, "the end"))
    await asyncio.sleep(0)
    await api.server.close()
    assert await waiting == "the end"
    assert (await api.get(WIDGETS)).status in (200, 503)
    assert (await api.create(WIDGETS, widget("late"))).status == 503


async def test_a_watch_of_one_name_hears_of_no_other(api: Api) -> None:
    watch = api.watch(WIDGETS, fieldSelector="metadata.name=a", timeoutSeconds="10")
    await api.create(WIDGETS, widget("aa"))
    await api.create(WIDGETS, widget("a"))
    assert told(await anext(watch)) == ("ADDED", "a")


async def test_two_clients_and_a_slow_one_all_see_everything_in_order(api: Api) -> None:
    watches = [api.watch(WIDGETS, timeoutSeconds="20", resourceVersion=str(api.revision)) for _ in range(3)]
    for n in range(200):
        await api.create(WIDGETS, widget(f"w{n:03}"))
    for watch in watches:
        assert [told(await anext(watch))[1] for _ in range(200)] == [f"w{n:03}" for n in range(200)]
