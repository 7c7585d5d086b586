from typing import Any

from certwright.apiserver.protobuf_reader import fields

Api = Any
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v={};as=APIGroupDiscoveryList"
OLD_PROTOBUF = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"


async def test_groups_and_resources_are_listed(api: Api) -> None:
    groups = [group["name"] for group in (await api.get("/apis")).body["groups"]]
    assert {"apiextensions.k8s.io", "coordination.k8s.io", "example.com"} <= set(groups)
    listed = (await api.get("/apis/example.com/v1")).body["resources"]
    assert [(r["name"], r["kind"], r["namespaced"]) for r in listed] == [
        ("widgets", "Widget", True),
        ("widgets/status", "Widget", True),
    ]
    assert listed[0]["shortNames"] == ["wd"]
    assert (await api.get("/apis/example.com")).body["preferredVersion"]["version"] == "v1"
    assert (await api.get("/api")).body["versions"] == ["v1"]


async def test_aggregated_discovery_comes_in_the_version_asked_for(api: Api) -> None:
    for version in ("v2", "v2beta1"):
        answer = await api.get("/apis", accept=AGGREGATED.format(version) + ",application/json")
        assert answer.body["apiVersion"] == f"apidiscovery.k8s.io/{version}"
        assert f"v={version}" in answer.headers["content-type"]
        group = next(item for item in answer.body["items"] if item["metadata"]["name"] == "example.com")
        (resource,) = group["versions"][0]["resources"]
        assert (resource["resource"], resource["scope"]) == ("widgets", "Namespaced")
        assert [sub["subresource"] for sub in resource["subresources"]] == ["status"]
    assert (await api.get("/apis", accept=AGGREGATED.format("v9") + ",application/json")).body[
        "kind"
    ] == "APIGroupList"


async def test_a_new_kind_is_there_at_once_and_goes_at_once(api: Api) -> None:
    etag = (await api.get("/apis", accept=AGGREGATED.format("v2"))).headers["etag"]
    request = api.request("GET", "/apis", accept=AGGREGATED.format("v2"))
    same = await api.server.handle(
        type(request)("GET", "/apis", {}, {**request.headers, "if-none-match": etag}, b"", request.user)
    )
    assert same.status == 304
    watch = api.watch(CRDS, resourceVersion=str(api.revision), timeoutSeconds="30")
    await api.delete(f"{CRDS}/widgets.example.com")
    while (await anext(watch))["type"] != "DELETED":
        pass
    assert (await api.get("/apis/example.com/v1")).status == 404
    assert (await api.get("/apis", accept=AGGREGATED.format("v2"))).headers["etag"] != etag


async def test_what_is_not_served_is_refused_by_name(api: Api) -> None:
    cases = {
        "/api/v1/pods": (404, "pods in the core group/v1 is not served here"),
        "/apis/apps/v1/deployments": (404, "deployments in apps/v1"),
        "/nope": (404, "/nope"),
        "/api/v1/namespaces/default/serviceaccounts/x/token": (
            501,
            "the token subresource of serviceaccounts",
        ),
        "/api/v1/watch/secrets": (501, "?watch=true"),
    }
    for path, (status, text) in cases.items():
        answer = await api.get(path)
        assert (answer.status, text in answer.message) == (status, True), answer.message


async def test_openapi_3_describes_each_group(api: Api) -> None:
    index = (await api.get("/openapi/v3")).body["paths"]
    assert {"api/v1", "apis/example.com/v1"} <= set(index)
    path = index["apis/example.com/v1"]["serverRelativeURL"].partition("?")[0]
    document = (await api.get(path)).body
    schema = document["components"]["schemas"]["com.example.v1.Widget"]
    assert schema["properties"]["spec"]["properties"]["size"]["type"] == "integer"
    assert schema["x-kubernetes-group-version-kind"] == [
        {"group": "example.com", "kind": "Widget", "version": "v1"}
    ]
    patch = document["paths"]["/apis/example.com/v1/namespaces/{namespace}/widgets/{name}"]["patch"]
    assert {"fieldValidation", "dryRun", "force"} <= {parameter["name"] for parameter in patch["parameters"]}
    assert (await api.get("/openapi/v3/apis/nope/v1")).status == 404


async def test_openapi_2_is_the_same_in_json_and_in_protobuf(api: Api) -> None:
    document = (await api.get("/openapi/v2")).body
    assert document["swagger"] == "2.0"
    answer = await api.get("/openapi/v2", accept=OLD_PROTOBUF)
    assert "@" not in answer.headers["content-type"]
    parts: dict[int, list[Any]] = {}
    for number, _, value in fields(answer.body):
        parts.setdefault(number, []).append(value)
    assert parts[1] == [b"2.0"]
    (definitions,) = parts[9]
    assert names(definitions) == list(document["definitions"])
    (paths,) = parts[8]
    assert names(paths) == list(document["paths"])


def names(named: bytes) -> list[str]:
    """The first field of each message in a list of named things."""
    return [{n: v for n, _, v in fields(each)}[1].decode() for _, _, each in fields(named)]  # type: ignore


async def test_the_version_is_one_that_clients_understand(api: Api) -> None:
    version = (await api.get("/version")).body
    assert (version["major"], version["minor"]) == ("1", "36")
    assert version["gitVersion"].startswith("v1.36.")
