import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from certwright.apiserver.cluster import Review
from certwright.apiserver.field_errors import FieldError
from certwright.apiserver.kinds import Kind
from certwright.apiserver.status import denied, forbidden
from certwright.apiserver.wire import MASTERS, Request, UserInfo

Api = Any
WIDGETS = "/apis/example.com/v1/namespaces/default/widgets"
SECRETS = "/api/v1/namespaces/default/secrets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"


def widget(name: str, **more: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1", "kind": "Widget", "metadata": {"name": name}, "spec": {}, **more}


async def test_a_created_object_has_what_the_server_sets(api: Api) -> None:
    sent = widget("w", status={"phase": "Done"})
    sent["metadata"] |= {"uid": "mine", "generation": 7, "creationTimestamp": "2000-01-01T00:00:00Z"}
    made = await api.create(WIDGETS, sent)
    assert made.status == 201
    assert made.metadata["uid"] != "mine"
    assert made.metadata["generation"] == 1
    assert made.metadata["creationTimestamp"] == api.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
    assert made.metadata["resourceVersion"] == str(api.revision)
    assert made.body["spec"] == {"size": 3}
    assert "status" not in made.body


async def test_generation_counts_changes_of_the_spec_only(api: Api) -> None:
    await api.create(WIDGETS, widget("w"))
    labelled = await api.patch(f"{WIDGETS}/w", {"metadata": {"labels": {"a": "b"}}})
    assert labelled.metadata["generation"] == 1
    reported = await api.patch(f"{WIDGETS}/w/status", {"status": {"phase": "Done"}})
    assert reported.metadata["generation"] == 1
    changed = await api.patch(f"{WIDGETS}/w", {"spec": {"size": 4}})
    assert changed.metadata["generation"] == 2


async def test_the_status_subresource_writes_only_the_status_and_the_main_one_all_but(api: Api) -> None:
    await api.create(WIDGETS, widget("w"))
    change = {"spec": {"size": 9}, "status": {"phase": "Done"}, "metadata": {"labels": {"x": "y"}}}
    first = await api.patch(f"{WIDGETS}/w/status", change)
    assert (first.body["spec"]["size"], first.body["status"]) == (3, {"phase": "Done"})
    assert "labels" not in first.metadata
    second = await api.patch(f"{WIDGETS}/w", {"spec": {"size": 9}, "status": {"phase": "Other"}})
    assert (second.body["spec"]["size"], second.body["status"]) == (9, {"phase": "Done"})


@pytest.mark.parametrize("kind", ["merge", "json", "apply"])
async def test_a_write_that_changes_nothing_writes_nothing(api: Api, kind: str) -> None:
    await api.create(WIDGETS, widget("w", spec={"size": 5}))
    await api.patch(f"{WIDGETS}/w", widget("w", spec={"size": 5}), "apply", fieldManager="me")
    before = api.revision
    api.clock.jump(timedelta(minutes=1))
    same = {
        "merge": {"spec": {"size": 5}},
        "json": [{"op": "replace", "path": "/spec/size", "value": 5}],
        "apply": widget("w", spec={"size": 5}),
    }[kind]
    answer = await api.patch(f"{WIDGETS}/w", same, kind, fieldManager="me")
    assert answer.status == 200
    assert api.revision == before


async def test_an_equal_put_writes_nothing(api: Api) -> None:
    made = await api.create(WIDGETS, widget("w"))
    before = api.revision
    assert (await api.put(f"{WIDGETS}/w", made.body)).status == 200
    assert api.revision == before


async def test_patches_at_the_same_time_lose_nothing(api: Api) -> None:
    await api.create("/api/v1/namespaces/default/configmaps", {"metadata": {"name": "c"}})
    path = "/api/v1/namespaces/default/configmaps/c"
    answers = await asyncio.gather(*(api.patch(path, {"data": {f"k{n}": "v"}}) for n in range(9)))
    assert {answer.status for answer in answers} == {200}
    assert len((await api.get(path)).body["data"]) == 9


async def test_a_put_based_on_an_old_version_is_a_conflict(api: Api) -> None:
    made = await api.create(WIDGETS, widget("w"))
    await api.patch(f"{WIDGETS}/w", {"spec": {"size": 4}})
    answer = await api.put(f"{WIDGETS}/w", {**made.body, "spec": {"size": 5}})
    assert (answer.status, answer.body["reason"]) == (409, "Conflict")


async def test_a_generated_name_is_drawn_again_when_it_is_taken(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = iter(["w-aaaaa", "w-aaaaa", "w-bbbbb"])
    monkeypatch.setattr("certwright.apiserver.metadata.generated_name", lambda _base: next(drawn))
    sent = widget("", metadata={"generateName": "w-"})
    assert (await api.create(WIDGETS, sent)).metadata["name"] == "w-aaaaa"
    assert (await api.create(WIDGETS, sent)).metadata["name"] == "w-bbbbb"


async def test_a_dry_run_answers_as_if_and_stores_nothing(api: Api) -> None:
    before = api.revision
    made = await api.create(WIDGETS, widget("w"), dryRun="All")
    assert made.status == 201
    assert made.body["spec"] == {"size": 3}
    assert api.revision == before
    await api.create(WIDGETS, widget("w"))
    before = api.revision
    assert (await api.create(WIDGETS, widget("w"), dryRun="All")).status == 409
    assert (await api.patch(f"{WIDGETS}/w", {"spec": {"size": 8}}, dryRun="All")).body["spec"]["size"] == 8
    assert (await api.delete(f"{WIDGETS}/w", dryRun="All")).status == 200
    assert api.revision == before


async def test_a_lease_can_be_created_by_put_and_a_secret_cannot(api: Api) -> None:
    lease = {"metadata": {"name": "leader"}, "spec": {"holderIdentity": "me"}}
    assert (await api.put(f"{LEASES}/leader", lease)).status == 201
    assert (await api.put(f"{SECRETS}/s", {"metadata": {"name": "s"}})).status == 404


async def test_true_in_place_of_one_is_a_change(api: Api) -> None:
    await api.create(CRDS, anything())
    path = "/apis/example.com/v1/blobs"
    await api.create(
        path, {"apiVersion": "example.com/v1", "kind": "Blob", "metadata": {"name": "b"}, "x": 1}
    )
    answer = await api.patch(f"{path}/b", {"x": True})
    assert answer.body["x"] is True
    assert (await api.get(f"{path}/b")).body["x"] is True


CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def anything() -> dict[str, Any]:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "blobs", "kind": "Blob"}
    spec = {"group": "example.com", "scope": "Cluster", "names": names, "versions": [version]}
    return {"metadata": {"name": "blobs.example.com"}, "spec": spec}


async def test_a_bare_spec_that_is_no_object_is_refused_not_crashed_on(api: Api) -> None:
    for body in (
        widget("w", spec=5),
        widget("w", spec=[]),
        widget("w", metadata=5),
        b"[]",
        b"{",
        b"null",
        b"",
    ):
        assert (await api.create(WIDGETS, body)).status in (400, 422)
    for body in ({"metadata": {"name": 5}}, {"metadata": {"labels": 5}}, {"data": 5}, {"type": {}}):
        assert (await api.create(SECRETS, {"metadata": {"name": "s"}} | body)).status in (400, 422)
    definitions: list[Any] = [{}, {"spec": 5}, {"spec": {"names": 5}}, {"spec": {"versions": [5]}}]
    definitions += [{"spec": {"versions": 5}}, {"spec": {"group": 5, "names": {"kind": 5, "plural": []}}}]
    for body in definitions:
        assert (await api.create(CRDS, {"metadata": {"name": "x.y.z"}} | body)).status in (400, 422)


class Recorder:
    """An admission that colors widgets and refuses big ones."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def wants(self, kind: Kind, operation: str, subresource: str) -> bool:
        return kind.kind == "Widget" and not subresource

    async def mutate(self, review: Review) -> None:
        assert review.new is not None
        review.new["spec"] = {**review.new["spec"], "color": "red", "unknown": 1}

    async def validate(self, review: Review) -> None:
        self.seen.append((review.operation, review.user.username))
        review.warnings.append("looked at")
        if review.new is not None and review.new["spec"]["size"] > 50:
            raise forbidden("example.com", "widgets", review.target.name, "too big")


async def test_admission_changes_and_refuses(api: Api) -> None:
    recorder = Recorder()
    api.server.cluster.admission = (recorder,)
    made = await api.create(WIDGETS, widget("w"))
    assert made.body["spec"] == {"size": 3, "color": "red"}
    assert made.warnings == ("looked at",)
    refused = await api.patch(f"{WIDGETS}/w", {"spec": {"size": 60}})
    assert (refused.status, refused.message) == (403, 'widgets.example.com "w" is forbidden: too big')
    await api.delete(f"{WIDGETS}/w")
    assert recorder.seen == [("CREATE", "admin"), ("UPDATE", "admin"), ("DELETE", "admin")]


class Webhook:
    """An admission that refuses as a webhook does, and looks at what is served."""

    def wants(self, kind: Kind, operation: str, subresource: str) -> bool:
        return kind.kind == "Widget"

    async def mutate(self, review: Review) -> None:
        assert review.kinds.of_group("example.com", "Widget") is review.target.kind
        assert review.kinds.of_group("example.com", "Gadget") is None

    async def validate(self, review: Review) -> None:
        raise denied("hook.example.com", "no", [FieldError("spec.size", "FieldValueInvalid", "too odd")])


async def test_a_denial_says_over_http_what_webhooks_say_and_more_to_callers_in_this_process(
    api: Api,
) -> None:
    api.server.cluster.admission = (Webhook(),)
    headers = {"content-type": "application/json"}
    body = json.dumps(widget("w")).encode()
    answer = await api.server.handle(Request("POST", WIDGETS, {}, headers, body, UserInfo("a", (MASTERS,))))
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": 'admission webhook "hook.example.com" denied the request: no',
        "reason": "Forbidden",
        "code": 403,
    }
    assert answer.causes == ({"reason": "FieldValueInvalid", "message": "too odd", "field": "spec.size"},)
