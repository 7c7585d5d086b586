"""Bodies that Go's own types wrote, and bodies that nobody should."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver.bodies import decode as decode_body
from certwright.apiserver.handler import ApiServer
from certwright.apiserver.protobuf import message, text
from certwright.apiserver.protobuf_messages import KINDS, messages
from certwright.apiserver.protobuf_objects import (
    _SCALARS,
    DEPTH_LIMIT,
    FIELD_LIMIT,
    MAGIC,
    MEDIA_TYPE,
    UnknownKindError,
    decode,
)
from certwright.apiserver.protobuf_reader import ProtobufError
from certwright.apiserver.status import StatusError
from certwright.apiserver.wire import Request, Response, UserInfo

BODIES = json.loads((Path(__file__).parent / "data/protobuf_bodies.json").read_text())
ADMIN = UserInfo("admin", ("system:masters",))


def envelope(api_version: str, kind: str, raw: bytes) -> bytes:
    return MAGIC + message(1, text(1, api_version) + text(2, kind)) + message(2, raw)


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["name"])
def test_the_object_is_what_the_same_client_would_have_sent_as_json(body: dict[str, Any]) -> None:
    assert decode(base64.b64decode(body["protobuf"])) == body["json"]


def test_every_kind_in_the_table_is_among_the_recorded_bodies() -> None:
    assert {(b["json"]["apiVersion"], b["json"]["kind"]) for b in BODIES} >= set(KINDS)


def test_every_type_in_the_table_is_a_scalar_or_a_message() -> None:
    known = messages()
    assert {field.type for fields in known.values() for field in fields} <= {*known, *_SCALARS}
    for fields in known.values():
        assert len({field.number for field in fields}) == len({field.name for field in fields}) == len(fields)


def test_fields_that_are_not_known_are_passed_over() -> None:
    raw = message(1, text(1, "x") + text(99, "later")) + message(77, b"\xff\xff")
    assert decode(envelope("v1", "ConfigMap", raw)) == {
        "kind": "ConfigMap",
        "apiVersion": "v1",
        "metadata": {"name": "x"},
    }


def test_a_message_in_two_parts_is_their_sum() -> None:
    raw = message(1, text(1, "x")) + message(1, text(3, "n"))
    assert decode(envelope("v1", "ConfigMap", raw))["metadata"] == {"name": "x", "namespace": "n"}


@pytest.mark.parametrize("body", BODIES, ids=lambda body: body["name"])
def test_a_body_that_was_cut_off_is_refused_or_read(body: dict[str, Any]) -> None:
    whole = base64.b64decode(body["protobuf"])
    for size in range(len(whole) - 1):
        _refused_or_read(whole[:size])


def _refused_or_read(body: bytes) -> None:
    code = 200
    try:
        json.dumps(decode_body(body, MEDIA_TYPE), allow_nan=False)
    except StatusError as error:
        code = error.code
    assert code in (200, 400, 415)


@given(st.sampled_from(sorted(KINDS)), st.binary(max_size=300))
def test_garbage_in_an_envelope_is_refused_or_read(kind: tuple[str, str], raw: bytes) -> None:
    _refused_or_read(envelope(*kind, raw))


@given(st.binary(max_size=300))
def test_garbage_without_an_envelope_is_refused(body: bytes) -> None:
    with pytest.raises((ProtobufError, UnknownKindError)):
        decode(body)
    with pytest.raises((ProtobufError, UnknownKindError)):
        decode(MAGIC + body)


@given(st.sampled_from(BODIES), st.data())
def test_a_body_with_a_changed_byte_is_refused_or_read(body: dict[str, Any], data: st.DataObject) -> None:
    changed = bytearray(base64.b64decode(body["protobuf"]))
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    _refused_or_read(bytes(changed))


def _schema(depth: int) -> bytes:
    props = b""
    for _ in range(depth):
        props = message(28, props)  # not
    return envelope("apiextensions.k8s.io/v1", "CustomResourceDefinition", _in_version(props))


def _in_version(props: bytes) -> bytes:
    return message(2, message(7, message(4, message(1, props))))


def test_messages_in_messages_have_a_limit() -> None:
    found = decode(_schema(DEPTH_LIMIT - 10))
    assert found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["not"]
    for depth in (DEPTH_LIMIT + 1, 20_000):
        with pytest.raises(ProtobufError, match="max depth"):
            decode(_schema(depth))


def test_fields_have_a_limit_in_number() -> None:
    few, many = (message(1, message(13, b"") * count) for count in (1000, FIELD_LIMIT))
    assert len(decode(envelope("v1", "ConfigMap", few))["metadata"]["ownerReferences"]) == 1000
    with pytest.raises(ProtobufError, match="more than"):
        decode(envelope("v1", "ConfigMap", many))
    entries = message(2, b"") * (FIELD_LIMIT + 1)
    with pytest.raises(ProtobufError, match="more than"):
        decode(envelope("v1", "ConfigMap", entries))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(message(1, message(8, b"\x08\xff\xff\xff\xff\xff\xff\x01")), id="after-the-year-9999"),
        pytest.param(message(1, message(17, message(7, message(1, b"{")))), id="fields-that-are-no-json"),
        pytest.param(message(1, message(17, message(7, message(1, b"[" * 9999)))), id="fields-too-deep"),
        pytest.param(b"\x08\x01", id="a-number-for-a-message"),
        pytest.param(message(1, b"\x08\x01"), id="a-number-for-a-name"),
    ],
)
def test_values_that_json_cannot_say_are_refused(raw: bytes) -> None:
    with pytest.raises(ProtobufError):
        decode(envelope("v1", "ConfigMap", raw))


async def _send(server: ApiServer, method: str, path: str, body: bytes, accept: str) -> Response:
    headers = {"content-type": MEDIA_TYPE, "accept": accept}
    return await server.handle(Request(method, path, {}, headers, body, ADMIN))


def _body(name: str) -> bytes:
    return next(base64.b64decode(body["protobuf"]) for body in BODIES if body["name"] == name)


LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases"
BOTH = f"{MEDIA_TYPE},application/json"


@pytest.fixture
async def server() -> Any:
    opened = await ApiServer.open(None)
    yield opened
    await opened.close()


async def test_a_lease_is_created_updated_and_deleted_in_protobuf(server: ApiServer) -> None:
    created = await _send(server, "POST", LEASES, _body("lease"), BOTH)
    assert (created.status, created.headers["content-type"]) == (201, "application/json")
    assert isinstance(created.body, bytes)
    assert json.loads(created.body)["spec"]["renewTime"] == "2026-03-04T05:06:07.000000Z"
    spec = message(2, text(1, "another"))
    body = envelope("coordination.k8s.io/v1", "Lease", message(1, text(1, "small")) + spec)
    updated = await _send(server, "PUT", f"{LEASES}/small", body, BOTH)
    assert updated.status == 200
    foreground = envelope("coordination.k8s.io/v1", "DeleteOptions", text(4, "Background"))
    assert (await _send(server, "DELETE", f"{LEASES}/small", foreground, BOTH)).status == 200


async def test_a_review_is_answered(server: ApiServer) -> None:
    path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
    answer = await _send(server, "POST", path, _body("may I"), BOTH)
    assert answer.status == 201
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body)["status"]["allowed"]


async def test_a_review_in_a_namespace_is_about_that_namespace(server: ApiServer) -> None:
    path = "/apis/authorization.k8s.io/v1/namespaces/{}/localsubjectaccessreviews"
    attributes = message(1, text(1, "default") + text(2, "get") + text(5, "secrets"))
    raw = message(1, text(3, "default")) + message(2, attributes + text(3, "alice"))
    body = envelope("authorization.k8s.io/v1", "LocalSubjectAccessReview", raw)
    answer = await _send(server, "POST", path.format("default"), body, BOTH)
    assert isinstance(answer.body, bytes)
    assert (answer.status, json.loads(answer.body)["status"]["allowed"]) == (201, False)
    assert (await _send(server, "POST", path.format("other"), body, BOTH)).status == 400


async def test_a_kind_without_a_message_is_refused_by_name(server: ApiServer) -> None:
    body = envelope("cert-manager.io/v1", "Certificate", b"")
    answer = await _send(server, "POST", LEASES, body, BOTH)
    assert answer.status == 415
    assert isinstance(answer.body, bytes)
    assert "Certificate in version cert-manager.io/v1" in json.loads(answer.body)["message"]


async def test_who_takes_only_protobuf_is_told_that_there_is_none(server: ApiServer) -> None:
    assert (await _send(server, "GET", LEASES, b"", MEDIA_TYPE)).status == 406
    assert (await _send(server, "GET", LEASES, b"", BOTH)).status == 200


async def test_a_write_whose_answer_cannot_be_given_is_not_carried_out(server: ApiServer) -> None:
    assert (await _send(server, "POST", LEASES, _body("lease"), MEDIA_TYPE)).status == 406
    assert (await _send(server, "GET", f"{LEASES}/small", b"", BOTH)).status == 404
