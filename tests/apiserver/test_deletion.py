import asyncio
from datetime import timedelta
from typing import Any

import pytest

from certwright.apiserver.background import EVENT_LIFE, TICK_SECONDS

Api = Any
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
CRD = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.com"
CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
NAMESPACES = "/api/v1/namespaces"


def widget(name: str, **metadata: Any) -> dict[str, Any]:
    return {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": name, **metadata},
        "spec": {},
    }


async def gone(api: Api, path: str) -> None:
    """Wait until an object is not there."""
    collection, _, name = path.rpartition("/")
    listed = await api.get(collection, fieldSelector=f"metadata.name={name}")
    if not listed.body["items"]:
        return
    version = listed.metadata["resourceVersion"]
    async for event in api.watch(
        collection, fieldSelector=f"metadata.name={name}", resourceVersion=version, timeoutSeconds="30"
    ):
        if event["type"] == "DELETED":
            return
    pytest.fail(f"{path} is still there")


async def test_an_object_without_finalizers_goes_at_once(api: Api) -> None:
    made = await api.create(WIDGETS, widget("w"))
    answer = await api.delete(f"{WIDGETS}/w")
    assert answer.status == 200
    details = {"name": "w", "group": "example.com", "kind": "widgets", "uid": made.metadata["uid"]}
    assert (answer.body["status"], answer.body["details"]) == ("Success", details)
    assert (await api.get(f"{WIDGETS}/w")).status == 404
    assert (await api.delete(f"{WIDGETS}/w")).status == 404


async def test_an_object_with_a_finalizer_is_marked_and_goes_with_it(api: Api) -> None:
    await api.create(WIDGETS, widget("w", finalizers=["example.com/a"]))
    marked = await api.delete(f"{WIDGETS}/w")
    assert marked.metadata["deletionTimestamp"]
    assert marked.metadata["deletionGracePeriodSeconds"] == 0
    assert marked.metadata["generation"] == 2
    refused = await api.patch(
        f"{WIDGETS}/w", {"metadata": {"finalizers": ["example.com/a", "example.com/b"]}}
    )
    assert refused.status == 422
    assert (await api.delete(f"{WIDGETS}/w")).metadata["resourceVersion"] == marked.metadata[
        "resourceVersion"
    ]
    last = await api.patch(f"{WIDGETS}/w", {"metadata": {"finalizers": None}})
    assert last.status == 200
    assert "finalizers" not in last.metadata
    assert (await api.get(f"{WIDGETS}/w")).status == 404


async def test_preconditions_are_checked(api: Api) -> None:
    made = await api.create(WIDGETS, widget("w"))
    for wrong in ({"uid": "other"}, {"resourceVersion": "1"}):
        assert (await api.delete(f"{WIDGETS}/w", {"preconditions": wrong})).status == 409
    right = {"uid": made.metadata["uid"], "resourceVersion": made.metadata["resourceVersion"]}
    assert (await api.delete(f"{WIDGETS}/w", {"preconditions": right})).status == 200


async def test_a_collection_is_deleted_by_selector(api: Api) -> None:
    for name, app in (("a", "x"), ("b", "x"), ("c", "y")):
        await api.create(WIDGETS, widget(name, labels={"app": app}))
    answer = await api.delete(WIDGETS, labelSelector="app=x")
    assert [item["metadata"]["name"] for item in answer.body["items"]] == ["a", "b"]
    assert [item["metadata"]["name"] for item in (await api.get(WIDGETS)).body["items"]] == ["c"]


@pytest.mark.parametrize("policy", ["Background", "Foreground", "Orphan"])
async def test_dependents_go_or_stay_as_asked(api: Api, policy: str) -> None:
    made = await api.create(WIDGETS, widget("w"))
    owner = {"apiVersion": "example.com/v1", "kind": "Widget", "name": "w", "uid": made.metadata["uid"]}
    owner["blockOwnerDeletion"] = True
    await api.create(CONFIG_MAPS, {"metadata": {"name": "child", "ownerReferences": [owner]}})
    await api.delete(f"{WIDGETS}/w", {"propagationPolicy": policy})
    await gone(api, f"{WIDGETS}/w")
    if policy == "Orphan":
        assert "ownerReferences" not in (await api.get(f"{CONFIG_MAPS}/child")).metadata
    else:
        await gone(api, f"{CONFIG_MAPS}/child")


async def test_a_namespace_goes_when_it_is_empty_and_takes_in_nothing_meanwhile(api: Api) -> None:
    await api.create(NAMESPACES, {"metadata": {"name": "team"}})
    held = f"{WIDGETS.replace('default', 'team')}"
    await api.create(held, widget("held", finalizers=["example.com/a"]))
    await api.create(f"{NAMESPACES}/team/secrets", {"metadata": {"name": "s"}})
    marked = await api.delete(f"{NAMESPACES}/team")
    assert marked.body["status"]["phase"] == "Terminating"
    await gone(api, f"{NAMESPACES}/team/secrets/s")
    refused = await api.create(f"{NAMESPACES}/team/secrets", {"metadata": {"name": "late"}})
    assert refused.status == 403
    assert refused.body["details"]["causes"][0]["reason"] == "NamespaceTerminating"
    await api.patch(f"{held}/held", {"metadata": {"finalizers": None}})
    await gone(api, f"{NAMESPACES}/team")


async def test_namespaces_that_have_to_stay_stay(api: Api) -> None:
    for name in ("default", "kube-system", "kube-public"):
        assert (await api.delete(f"{NAMESPACES}/{name}")).status == 403
    assert (await api.create(f"{NAMESPACES}/nowhere/secrets", {"metadata": {"name": "s"}})).message == (
        'namespaces "nowhere" not found'
    )


async def test_a_definition_takes_its_objects_along(api: Api) -> None:
    await api.create(WIDGETS, widget("free"))
    await api.create(WIDGETS, widget("held", finalizers=["example.com/a"]))
    marked = await api.delete(CRD)
    assert "customresourcecleanup.apiextensions.k8s.io" in marked.metadata["finalizers"]
    await gone(api, f"{WIDGETS}/free")
    await api.patch(f"{WIDGETS}/held", {"metadata": {"finalizers": None}})
    await gone(api, CRD)
    assert (await api.get(WIDGETS)).status == 404


async def test_events_go_an_hour_after_they_were_last_written(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = "/api/v1/namespaces/default/events"
    ticked = asyncio.Event()
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        """A minute is over when the test says so."""
        if seconds == TICK_SECONDS:
            await ticked.wait()
            ticked.clear()
        else:
            await real_sleep(seconds)

    monkeypatch.setattr("certwright.apiserver.background.asyncio.sleep", sleep)
    background = api.server._background
    job = asyncio.create_task(background._expire())
    await api.create(events, {"metadata": {"name": "old"}, "involvedObject": {"namespace": "default"}})
    ticked.set()
    await real_sleep(0)
    await real_sleep(0)
    api.clock.jump(EVENT_LIFE + timedelta(seconds=1))
    await api.create(events, {"metadata": {"name": "new"}, "involvedObject": {"namespace": "default"}})
    ticked.set()
    await gone(api, f"{events}/old")
    assert (await api.get(f"{events}/new")).status == 200
    job.cancel()
