from typing import Any

Api = Any
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"


def widget(name: str, color: str = "red", **metadata: Any) -> dict[str, Any]:
    metadata = {"name": name, **metadata}
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": metadata, "spec": {"color": color}}


def names(answer: Any) -> list[str]:
    return [item["metadata"]["name"] for item in answer.body["items"]]


async def fill(api: Api, count: int = 5) -> None:
    for n in range(count):
        await api.create(WIDGETS, widget(f"w{n}", "red" if n % 2 else "blue", labels={"n": str(n)}))


async def test_pages_show_one_moment(api: Api) -> None:
    await fill(api)
    first = await api.get(WIDGETS, limit="2")
    assert names(first) == ["w0", "w1"]
    assert first.metadata["remainingItemCount"] == 3
    await api.create(WIDGETS, widget("w2a"))
    await api.delete(f"{WIDGETS}/w3")
    second = await api.get(WIDGETS, limit="2", **{"continue": first.metadata["continue"]})
    assert names(second) == ["w2", "w3"]
    assert second.metadata["resourceVersion"] == first.metadata["resourceVersion"]
    third = await api.get(WIDGETS, limit="2", **{"continue": second.metadata["continue"]})
    assert names(third) == ["w4"]
    assert "continue" not in third.metadata


async def test_a_page_with_a_selector_goes_on_where_it_ended(api: Api) -> None:
    await fill(api, 7)
    first = await api.get(WIDGETS, limit="2", fieldSelector="spec.color=blue")
    assert names(first) == ["w0", "w2"]
    assert "remainingItemCount" not in first.metadata
    token = first.metadata["continue"]
    second = await api.get(WIDGETS, limit="2", fieldSelector="spec.color=blue", **{"continue": token})
    assert names(second) == ["w4", "w6"]


async def test_a_compacted_page_is_gone(api: Api) -> None:
    await fill(api)
    first = await api.get(WIDGETS, limit="2")
    await api.patch(f"{WIDGETS}/w0", {"spec": {"size": 1}})
    await api.server.cluster.log.compact(api.revision)
    answer = await api.get(WIDGETS, limit="2", **{"continue": first.metadata["continue"]})
    assert (answer.status, answer.body["reason"]) == (410, "Expired")


async def test_lists_at_a_revision(api: Api) -> None:
    await fill(api, 2)
    then = str(api.revision)
    await api.delete(f"{WIDGETS}/w0")
    exact = await api.get(WIDGETS, resourceVersion=then, resourceVersionMatch="Exact")
    assert (names(exact), exact.metadata["resourceVersion"]) == (["w0", "w1"], then)
    later = await api.get(WIDGETS, resourceVersion=then, resourceVersionMatch="NotOlderThan")
    assert names(later) == ["w1"]
    future = await api.get(WIDGETS, resourceVersion="99999")
    assert (future.status, future.body["reason"]) == (504, "Timeout")


async def test_selectors_by_label_and_field(api: Api) -> None:
    await fill(api)
    assert names(await api.get(WIDGETS, labelSelector="n in (1,3),n!=3")) == ["w1"]
    assert names(await api.get(WIDGETS, fieldSelector="metadata.name=w4")) == ["w4"]
    assert names(await api.get(WIDGETS, fieldSelector="spec.color!=red")) == ["w0", "w2", "w4"]
    every = "/apis/example.com/v1/widgets"
    assert names(await api.get(every, fieldSelector="metadata.namespace=default,metadata.name=w1")) == ["w1"]
    assert (await api.get(WIDGETS, fieldSelector="spec.size=3")).status == 400
    assert (await api.get(WIDGETS, labelSelector="a==")).status == 200
    assert (await api.get(WIDGETS, labelSelector="a=b=c")).status == 400


async def test_tables_have_the_columns_of_the_definition(api: Api) -> None:
    await api.create(WIDGETS, widget("w"))
    await api.patch(f"{WIDGETS}/w/status", {"status": {"conditions": [{"type": "Ready", "status": "True"}]}})
    shown = await api.get(WIDGETS, accept=TABLE)
    assert shown.body["kind"] == "Table"
    columns = [column["name"] for column in shown.body["columnDefinitions"]]
    assert columns == ["Name", "Ready", "Size", "Age"]
    row = shown.body["rows"][0]
    assert row["cells"][:3] == ["w", "True", 3]
    assert row["object"]["kind"] == "PartialObjectMetadata"
    whole = await api.get(f"{WIDGETS}/w", accept=TABLE, includeObject="Object")
    assert whole.body["rows"][0]["object"]["kind"] == "Widget"
    assert (await api.get(WIDGETS, accept=TABLE, includeObject="None")).body["rows"][0]["object"] is None


async def test_metadata_alone_can_be_listed(api: Api) -> None:
    await api.create(WIDGETS, widget("w"))
    shown = await api.get(WIDGETS, accept=PARTIAL)
    assert shown.body["kind"] == "PartialObjectMetadataList"
    assert set(shown.body["items"][0]) == {"kind", "apiVersion", "metadata"}


async def test_formats_nobody_makes_are_refused(api: Api) -> None:
    assert (await api.get(WIDGETS, accept="text/html")).status == 406
    assert (await api.get(WIDGETS, accept="text/html, */*")).status == 200
    assert (await api.get(WIDGETS, accept="application/json;q=0.5, application/yaml")).headers[
        "content-type"
    ] == "application/yaml"
