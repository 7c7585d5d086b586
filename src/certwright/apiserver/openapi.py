"""`/openapi/v3` and `/openapi/v2`: what kubectl explains, validates and applies by. Version 2 is made in
`openapi_v2`.

Source: OpenAPI 3.0.0 as kube-apiserver publishes it, one document for each group and version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from certwright.apiserver import openapi_v2
from certwright.apiserver.kinds import Kind, Kinds
from certwright.apiserver.openapi_operations import PATCH_TYPES, Operation, operations
from certwright.apiserver.openapi_schemas import GVK, definitions, gvk
from certwright.apiserver.status import not_acceptable
from certwright.apiserver.wire import Request, Response

Schema = dict[str, Any]
Cached = Callable[[str, Callable[[], bytes]], bytes]
INFO: Final = {"title": "certwright embedded API server", "version": "v1"}
_JSON: Final = "application/json"
_V3: Final = "/openapi/v3"
_REFERENCE: Final = "#/components/schemas/"
_encode = msgspec.json.Encoder().encode


def answer(kinds: Kinds, request: Request, cached: Cached) -> Response | None:
    """The document at a path below `/openapi`, None when there is none. Raises StatusError (406)."""
    path, accept = request.path.rstrip("/"), request.headers.get("accept", "")
    if path == "/openapi/v2":
        return _version_2(kinds, accept, cached)
    if path != _V3 and not path.startswith(_V3 + "/"):
        return None
    if accept and not any(media in accept for media in (_JSON, "*/*", "application/*")):
        raise not_acceptable([_JSON])
    if path == _V3:
        return Response(200, {"content-type": _JSON}, cached(_V3, lambda: _encode(_index(kinds, cached))))
    found = _grouped(kinds).get(path.removeprefix(_V3 + "/"))
    if found is None:
        return None
    return Response(200, {"content-type": _JSON}, cached(path, lambda: _encode(document(found))))


def _version_2(kinds: Kinds, accept: str, cached: Cached) -> Response:
    for clause in accept.split(","):
        media = clause.split(";")[0].strip()
        if media in openapi_v2.PROTOBUF:
            # always the spelling without "@", which Go's own parser of media types refuses
            headers = {"content-type": openapi_v2.PROTOBUF[1]}
            return Response(200, headers, cached("v2 protobuf", lambda: openapi_v2.protobuf(kinds)))
        if media in ("", _JSON, "*/*", "application/*"):
            break
    else:
        raise not_acceptable([_JSON, *openapi_v2.PROTOBUF])
    return Response(200, {"content-type": _JSON}, cached("v2", lambda: _encode(openapi_v2.document(kinds))))


def _grouped(kinds: Kinds) -> dict[str, list[Kind]]:
    found: dict[str, list[Kind]] = {}
    for kind in kinds:
        where = f"apis/{kind.group}/{kind.version}" if kind.group else f"api/{kind.version}"
        found.setdefault(where, []).append(kind)
    return found


def _index(kinds: Kinds, cached: Cached) -> Schema:
    paths = {}
    for where, members in sorted(_grouped(kinds).items()):
        url = f"{_V3}/{where}"
        text = cached(url, lambda members=members: _encode(document(members)))  # type: ignore[misc]
        digest = hashlib.sha256(text).hexdigest().upper()
        paths[where] = {"serverRelativeURL": f"{url}?hash={digest}"}
    return {"paths": paths}


def document(kinds: Sequence[Kind]) -> Schema:
    """The version 3 document of the kinds of one group and version."""
    paths: dict[str, Schema] = {}
    for kind in kinds:
        for operation in operations(kind):
            item = paths.setdefault(operation.path, _path_parameters(operation.path))
            item[operation.method] = _operation(kind, operation)
    return {
        "openapi": "3.0.0",
        "info": INFO,
        "paths": paths,
        "components": {"schemas": definitions(kinds, _REFERENCE)},
    }


def _path_parameters(path: str) -> Schema:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    if not names:
        return {}
    return {
        "parameters": [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    }


def _operation(kind: Kind, operation: Operation) -> Schema:
    found: Schema = {
        "operationId": operation.identifier,
        "description": operation.description,
        "tags": [f"{kind.group or 'core'}_{kind.version}"],
        "parameters": [
            {"name": name, "in": "query", "description": text, "schema": {"type": type_, "uniqueItems": True}}
            for name, (type_, text) in operation.query.items()
        ],
        "responses": {
            str(operation.code): {
                "description": "OK" if operation.code == 200 else "Created",
                "content": {_JSON: {"schema": {"$ref": _REFERENCE + operation.result}}},
            }
        },
        "x-kubernetes-action": operation.action,
        GVK: gvk(kind),
    }
    if operation.action == "patch":
        types = [media for media in PATCH_TYPES if not (kind.custom and "strategic" in media)]
        content = {media: {"schema": {"type": "object"}} for media in types}
        found["requestBody"] = {"required": True, "content": content}
    elif operation.body:
        reference = {"schema": {"$ref": _REFERENCE + operation.body}}
        required = operation.method != "delete"
        found["requestBody"] = {"required": required, "content": {_JSON: reference}}
    return found
