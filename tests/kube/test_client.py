import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from certwright.api.certmanager import Certificate
from certwright.api.foreign import PartialObject, Secret
from certwright.api.meta import CERTIFICATES, SECRETS, ObjectMeta
from certwright.kube import errors
from certwright.kube.client import Client, encode_object, retry_after
from certwright.kube.cluster import ClusterConfig
from certwright.kube.requests import Selection
from certwright.kube.transport import HttpTransport


def obj(name: str = "web", version: int = 1, **more: Any) -> dict[str, Any]:
    meta = {"name": name, "namespace": "shop", "uid": f"u-{name}", "resourceVersion": str(version)}
    return {"metadata": meta | more.pop("metadata", {})} | more


async def test_reading_decodes_into_the_wanted_type_and_names_the_agent(peer: Any, client: Client) -> None:
    peer.plays(peer.json(obj(spec={"secretName": "tls", "issuerRef": {"name": "ca"}})))
    found = await client.get(CERTIFICATES, "web", "shop", type_=Certificate)
    assert found.spec.secret_name == "tls"
    assert peer.asked[0].headers["User-Agent"] == "test/1"
    assert peer.asked[0].path == "/apis/cert-manager.io/v1/namespaces/shop/certificates/web"


async def test_a_function_can_decode_so_that_secrets_need_not_be_kept(peer: Any, client: Client) -> None:
    peer.plays(peer.json(obj(data={"tls.key": "aHVudGVyMg=="})))
    assert await client.get(SECRETS, "web", "shop", type_=len) > 10


async def test_creating_sends_kind_and_version_and_returns_what_was_stored(peer: Any, client: Client) -> None:
    peer.plays(peer.json(obj(version=7), 201))
    made = await client.create(SECRETS, Secret(metadata=ObjectMeta(name="web", namespace="shop")))
    assert made.metadata.resource_version == "7"
    sent = json.loads(peer.bodies[0])
    assert (sent["apiVersion"], sent["kind"]) == ("v1", "Secret")
    assert peer.asked[0].path == "/api/v1/namespaces/shop/secrets"


async def test_updating_and_patching_go_to_the_object_or_its_status(peer: Any, client: Client) -> None:
    peer.plays(*[peer.json(obj(version=n)) for n in range(4)])
    await client.update(SECRETS, obj())
    await client.merge_patch(
        CERTIFICATES,
        "web",
        "shop",
        {"status": {"revision": 1}},
        type_=PartialObject,
        subresource="status",
        field_manager="me",
    )
    await client.json_patch(SECRETS, "web", "shop", [{"op": "remove", "path": "/data"}], type_=dict)
    await client.apply(SECRETS, "web", "shop", {"data": {}}, field_manager="me", type_=dict)
    kinds = [(r.method, r.path.rsplit("/", 1)[1], r.headers["Content-Type"]) for r in peer.asked]
    assert kinds == [
        ("PUT", "web", "application/json"),
        ("PATCH", "status", "application/merge-patch+json"),
        ("PATCH", "web", "application/json-patch+json"),
        ("PATCH", "web", "application/apply-patch+yaml"),
    ]
    assert peer.queries()[1] == {"fieldManager": "me"}
    assert peer.queries()[3] == {"fieldManager": "me", "force": "true"}
    assert json.loads(peer.bodies[3])["kind"] == "Secret"


async def test_deleting_says_whether_finalizers_hold_the_object(peer: Any, client: Client) -> None:
    peer.plays(
        peer.json({"kind": "Status", "status": "Success"}),
        peer.json(obj(metadata={"finalizers": ["x/y"], "deletionTimestamp": "2026-01-01T00:00:00Z"})),
    )
    assert await client.delete(SECRETS, "web", "shop", uid="u-web")
    assert not await client.delete(SECRETS, "web", "shop")
    assert json.loads(peer.bodies[0])["preconditions"] == {"uid": "u-web"}


async def test_a_list_is_read_page_by_page(peer: Any, client: Client) -> None:
    peer.plays(
        peer.json({"metadata": {"resourceVersion": "9", "continue": "t"}, "items": [obj("a")]}),
        peer.json({"metadata": {"resourceVersion": "9"}, "items": [obj("b")]}),
        peer.json({"metadata": {"resourceVersion": "9"}, "items": None}),
    )
    found = await client.list_(SECRETS, type_=PartialObject, label_selector="a=b")
    assert [item.metadata.name for item in found] == ["a", "b"]
    assert peer.queries()[1] == {"labelSelector": "a=b", "limit": "500", "continue": "t"}
    page = await client.list_page(Selection(resource=SECRETS), type_=PartialObject)
    assert (page.items, page.resource_version) == ([], "9")


async def test_every_attempt_is_counted_by_verb_resource_and_code(peer: Any, client: Client) -> None:
    peer.plays(
        peer.json(obj()),
        peer.status(404, "NotFound"),
        peer.status(409, "Conflict"),
        peer.status(409, "AlreadyExists"),
        peer.status(503, "ServiceUnavailable", headers={"Retry_After": "1"}),
        peer.json(obj()),
    )
    await client.get(SECRETS, "web", "shop", type_=dict)
    with pytest.raises(errors.NotFound):
        await client.get(SECRETS, "web", "shop", type_=dict)
    with pytest.raises(errors.Conflict):
        await client.merge_patch(CERTIFICATES, "web", "shop", {}, type_=dict, subresource="status")
    with pytest.raises(errors.AlreadyExists):
        await client.create(SECRETS, obj())
    await client.get(SECRETS, "web", "shop", type_=dict)
    assert client.calls.counts == {
        ("get", "secrets", 200): 2,
        ("get", "secrets", 404): 1,
        ("get", "secrets", 503): 1,
        ("patch", "certificates/status", 409): 1,
        ("create", "secrets", 409): 1,
    }
    assert client.calls.conflicts == {"certificates/status": 1}
    assert client.calls.total() == 6
    assert client.calls.total("get", "secrets") == 4


async def test_the_server_is_waited_for_as_long_as_it_asks(
    peer: Any, client: Client, pauses: list[float]
) -> None:
    peer.plays(
        peer.text("slow down", 429, "text/plain", Retry_After="2"),
        peer.status(429, "TooManyRequests", details={"retryAfterSeconds": 3}),
        peer.json(obj()),
    )
    await client.get(SECRETS, "web", "shop", type_=dict)
    assert pauses == [2, 3]


async def test_waiting_has_an_end(peer: Any, client: Client, pauses: list[float]) -> None:
    peer.plays(otherwise=peer.status(429, "TooManyRequests", headers={"Retry_After": "1"}))
    with pytest.raises(errors.TooManyRequests):
        await client.get(SECRETS, "web", "shop", type_=dict)
    assert pauses == [1, 1, 1, 1]
    assert len(peer.asked) == 5


@pytest.mark.parametrize("headers", [{}, {"Retry_After": "3600"}, {"Retry_After": "soon"}])
async def test_without_a_usable_delay_the_caller_decides(
    peer: Any, client: Client, pauses: list[float], headers: dict[str, str]
) -> None:
    peer.plays(peer.text("no", 503, **headers))
    with pytest.raises(errors.ServerUnavailable) as caught:
        await client.get(SECRETS, "web", "shop", type_=dict)
    assert pauses == []
    assert caught.value.retry_after == (3600 if headers.get("Retry_After") == "3600" else None)


def test_a_retry_after_may_be_a_date() -> None:
    now = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)
    headers = {"retry-after": "Thu, 01 Jan 2026 12:00:30 GMT"}
    assert retry_after(headers, lambda: now) == 30


async def test_an_answer_that_never_comes_is_unreachable(peer: Any) -> None:
    async def never(request: object) -> Any:
        await asyncio.Event().wait()

    peer.plays(never)
    client = Client(HttpTransport(ClusterConfig(server=peer.url)), timeout=0.01)
    with pytest.raises(errors.Unreachable, match="get secrets shop/web: no answer within"):
        await client.get(SECRETS, "web", "shop", type_=dict)
    assert client.calls.counts == {("get", "secrets", 0): 1}
    await client.close()


async def test_a_body_cut_short_is_unreachable(peer: Any, client: Client) -> None:
    async def cut(request: Any) -> Any:
        from aiohttp import web

        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b'{"metadata"')
        request.transport.abort()
        return response

    peer.plays(cut)
    with pytest.raises(errors.Unreachable, match="the connection broke"):
        await client.get(SECRETS, "web", "shop", type_=dict)


@pytest.mark.parametrize("body", [["no", "object"], {"metadata": {"name": 5}}, "x"])
async def test_a_wrong_answer_names_the_call_and_the_field_but_no_value(
    peer: Any, client: Client, body: Any
) -> None:
    peer.plays(peer.json(body))
    with pytest.raises(errors.Unreadable, match="get secrets shop/web"):
        await client.get(SECRETS, "web", "shop", type_=PartialObject)


async def test_no_exception_holds_a_secret_that_was_sent_or_received(peer: Any, client: Client) -> None:
    secret = obj(data={"password": "aHVudGVyMg==", "odd": "hunter2!"})
    peer.plays(
        peer.text("you sent hunter2", 502),
        peer.json(secret),
        peer.json(secret | {"data": {"a": {"hunter2": 1}}}),
    )
    for call in (
        client.create(SECRETS, secret),
        client.get(SECRETS, "web", "shop", type_=Secret),
        client.get(SECRETS, "web", "shop", type_=Secret),
    ):
        with pytest.raises(errors.ApiError) as caught:
            await call
        assert "hunter2" not in repr(caught.value) + str(caught.value)
        assert caught.value.__cause__ is None


def test_kind_and_version_are_added_only_where_they_are_missing() -> None:
    class Bare(msgspec.Struct, omit_defaults=True):
        data: str = ""

    head = {"apiVersion": "v1", "kind": "Secret"}
    assert json.loads(encode_object(SECRETS, Bare())) == head
    assert json.loads(encode_object(SECRETS, Bare("x"))) == head | {"data": "x"}
    assert json.loads(encode_object(SECRETS, {"kind": "Other"})) == head | {"kind": "Other"}
    assert encode_object(SECRETS, Secret(data={"a": b"x"})).count(b'"kind"') == 1
