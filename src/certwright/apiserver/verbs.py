"""The verbs on resources: from a request that names a kind to the answer. What a verb does is elsewhere.

Reads come from `reads` and `watching`, writes go through `write_path` and `deletion`, formats are
`representation`'s.
"""

from __future__ import annotations

from certwright.apiserver import reads, watching
from certwright.apiserver.bodies import decode_object
from certwright.apiserver.changes import Body, Change, patch_of
from certwright.apiserver.cluster import Cluster, Target
from certwright.apiserver.deletion import delete as delete_object
from certwright.apiserver.kinds import Kind
from certwright.apiserver.options import (
    DeleteOptions,
    WriteOptions,
    delete_options,
    first,
    flag,
    list_options,
    write_options,
)
from certwright.apiserver.representation import (
    FORMS_OF_MANY,
    FORMS_OF_ONE,
    FORMS_OF_WATCH,
    PLAIN,
    Format,
    finish,
    many,
    negotiate,
    one,
)
from certwright.apiserver.status import (
    StatusError,
    method_not_allowed,
    not_implemented,
    success,
    unknown_path,
)
from certwright.apiserver.wire import Request, Response
from certwright.apiserver.write_path import write


async def serve(cluster: Cluster, kind: Kind, request: Request, target: Target) -> Response:
    """Answer a request for objects of a kind. Raises StatusError."""
    _check_target(kind, target)
    method = request.method
    if target.name:
        match method:
            case "GET" | "HEAD":
                return _get(cluster, target, request)
            case "PUT":
                return await _put(cluster, target, request)
            case "PATCH":
                return await _patch(cluster, target, request)
            case "DELETE" if not target.subresource:
                return await _delete(cluster, target, request)
    else:
        match method:
            case "GET" | "HEAD":
                return _list_or_watch(cluster, target, request)
            case "POST" if target.namespace or not kind.namespaced:
                return await _create(cluster, target, request)
            case "DELETE" if target.namespace or (not kind.namespaced and kind.plural != "namespaces"):
                return await _delete_collection(cluster, target, request)
    raise method_not_allowed()


def _check_target(kind: Kind, target: Target) -> None:
    """The path has to fit the kind's scope and subresources."""
    if target.namespace and not kind.namespaced:
        raise unknown_path(f"{kind.plural} in a namespace")
    if kind.namespaced and target.name and not target.namespace:
        raise unknown_path(f"{kind.plural} outside of a namespace")
    if not target.subresource:
        return
    if target.subresource in kind.not_served:
        raise not_implemented(f"the {target.subresource} subresource of {kind.plural}")
    if not (target.subresource == "status" and kind.status):
        raise target.not_found()


def _now(cluster: Cluster) -> float:
    return cluster.clock().timestamp()


def _answer(status: int, body: bytes, wanted: Format, warnings: list[str] | None = None) -> Response:
    unique = tuple(dict.fromkeys(warnings)) if warnings else ()
    return Response(status, {"content-type": wanted.media}, body, unique)


def _get(cluster: Cluster, target: Target, request: Request) -> Response:
    wanted = negotiate(request.headers.get("accept", ""), FORMS_OF_ONE)
    record = reads.get(cluster, target, first(request.query, "resourceVersion"))
    body = one(target.kind, record.value, wanted, request.query, _now(cluster) if wanted.form != PLAIN else 0)
    return _answer(200, body, wanted, [target.kind.deprecation] if target.kind.deprecation else None)


def _list_or_watch(cluster: Cluster, target: Target, request: Request) -> Response:
    query, accept = request.query, request.headers.get("accept", "")
    is_watch = flag(query, "watch")
    options = list_options(query, watch=is_watch)
    if is_watch:
        wanted = negotiate(accept, FORMS_OF_WATCH, stream=True)
        watch = watching.start(cluster, target, options, wanted, query)
        return Response(200, {"content-type": wanted.media}, watching.lines(watch))
    wanted = negotiate(accept, FORMS_OF_MANY)
    records, metadata = reads.list_objects(cluster, target, options)
    body = many(target.kind, records, metadata, wanted, query, _now(cluster) if wanted.form != PLAIN else 0)
    return _answer(200, body, wanted, [target.kind.deprecation] if target.kind.deprecation else None)


async def _create(cluster: Cluster, target: Target, request: Request) -> Response:
    options = write_options(request.query, request.headers.get("user-agent", ""), kind="CreateOptions")
    change = Body(request.body, request.headers.get("content-type", ""), creates=True, names_object=False)
    return await _write(cluster, target, change, options, request)


async def _put(cluster: Cluster, target: Target, request: Request) -> Response:
    options = write_options(request.query, request.headers.get("user-agent", ""), kind="UpdateOptions")
    may_create = target.kind.strategy.create_on_update and not target.subresource
    change = Body(request.body, request.headers.get("content-type", ""), may_create=may_create)
    return await _write(cluster, target, change, options, request)


async def _patch(cluster: Cluster, target: Target, request: Request) -> Response:
    strict = first(request.query, "fieldValidation") == "Strict"
    change = patch_of(target.kind, request.headers.get("content-type", ""), request.body, strict=strict)
    agent = request.headers.get("user-agent", "")
    options = write_options(request.query, agent, kind="PatchOptions", apply=change.applies)
    return await _write(cluster, target, change, options, request)


async def _write(
    cluster: Cluster, target: Target, change: Change, options: WriteOptions, request: Request
) -> Response:
    wanted = negotiate(request.headers.get("accept", ""), FORMS_OF_ONE)
    written = await write(cluster, target, change, options, request.user)
    now = _now(cluster) if wanted.form != PLAIN else 0
    body = one(target.kind, written.value, wanted, request.query, now)
    return _answer(201 if written.created else 200, body, wanted, written.warnings)


def _wish(request: Request) -> DeleteOptions:
    body = None
    if request.body.strip():
        body = decode_object(request.body, request.headers.get("content-type", ""))
    return delete_options(request.query, body)


async def _delete(cluster: Cluster, target: Target, request: Request) -> Response:
    wanted = negotiate(request.headers.get("accept", ""), FORMS_OF_ONE)
    options = _wish(request)
    deleted = await delete_object(cluster, target, options, request.user)
    status = 202 if not deleted.gone and options.orphan_dependents is False else 200
    kind = target.kind
    if not deleted.gone:
        return _answer(status, one(kind, deleted.value, wanted, request.query, _now(cluster)), wanted)
    details = {"name": target.name, "group": kind.group, "kind": kind.plural, "uid": deleted.uid}
    body = success({key: value for key, value in details.items() if value})
    return _answer(status, finish(body, wanted), wanted)


async def _delete_collection(cluster: Cluster, target: Target, request: Request) -> Response:
    wanted = negotiate(request.headers.get("accept", ""), FORMS_OF_MANY)
    options, query = _wish(request), list_options(request.query, watch=False)
    records, metadata = reads.list_objects(cluster, target, query)
    for record in records:
        namespace, name = record.object["metadata"].get("namespace", ""), record.object["metadata"]["name"]
        try:
            await delete_object(cluster, Target(target.kind, namespace, name), options, request.user)
        except StatusError as error:
            if error.code != 404:
                raise
    return _answer(200, many(target.kind, records, metadata, wanted, request.query, _now(cluster)), wanted)
