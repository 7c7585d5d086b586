"""What is served, for clients to find: API groups and resources, version, health, OpenAPI. No objects.

Source: the discovery documents of kube-apiserver 1.36, aggregated (`apidiscovery.k8s.io`) and not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from certwright.apiserver import openapi
from certwright.apiserver.custom_resources import version_order
from certwright.apiserver.kinds import ALL_VERBS, Kind, Kinds, Object
from certwright.apiserver.paths import ResourcePath
from certwright.apiserver.representation import Format, finish, negotiate
from certwright.apiserver.reviews import REVIEWS, ReviewKind
from certwright.apiserver.status import StatusError, method_not_allowed, unknown_path
from certwright.apiserver.wire import Request, Response

VERSION: Final = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.0+certwright",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "none",
    "compiler": "none",
    "platform": "python",
}
_JSON: Final = {"content-type": "application/json"}
_TEXT: Final = {"content-type": "text/plain; charset=utf-8"}
_HEALTH: Final = ("/healthz", "/livez", "/readyz")
_STATUS_VERBS: Final = ["get", "patch", "update"]
_DISCOVERY: Final = "apidiscovery.k8s.io"
_encode = msgspec.json.Encoder().encode


class Discovery:
    """The documents, made when they are first asked for and again when the kinds change."""

    def __init__(self, kinds: Kinds) -> None:
        self._kinds = kinds
        self._cache: dict[str, bytes] = {}
        self._generation = -1

    def answer(self, request: Request, path: ResourcePath | None) -> Response:
        """The answer to a path that names no object. Raises StatusError (404, 405)."""
        found = self._found(request, path)
        if found is None:
            raise unknown_path(request.path)
        if request.method not in ("GET", "HEAD"):
            raise method_not_allowed()
        if "etag" in found.headers and request.headers.get("if-none-match") == found.headers["etag"]:
            return Response(304, {"etag": found.headers["etag"], "vary": "Accept"}, b"")
        return found

    def _found(self, request: Request, path: ResourcePath | None) -> Response | None:
        where = request.path.rstrip("/") or "/"
        if where.startswith(_HEALTH) and where.split("/")[1] in ("healthz", "livez", "readyz"):
            return Response(200, dict(_TEXT), b"ok")
        if where == "/version":
            return Response(200, dict(_JSON), _encode(VERSION))
        if where == "/":
            return Response(200, dict(_JSON), _encode({"paths": self._paths()}))
        if where.startswith("/openapi/"):
            return openapi.answer(self._kinds, request, self._cached)
        wanted = negotiate_discovery(request.headers.get("accept", ""))
        if where in ("/api", "/apis"):
            return self._root(where, wanted)
        if path is not None:
            return self._resources(path, Format(media=wanted.media))
        if where.startswith("/apis/") and where.count("/") == 2:
            return self._group(where.removeprefix("/apis/"), Format(media=wanted.media))
        return None

    def _cached(self, key: str, make: Any) -> bytes:
        if self._generation != self._kinds.generation:
            self._cache.clear()
            self._generation = self._kinds.generation
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def _answer(self, key: str, make: Any, wanted: Format) -> Response:
        body = self._cached(key, lambda: _encode(make()))
        headers = {"content-type": wanted.media, "vary": "Accept"}
        if wanted.form != "plain":
            headers["content-type"] += f";g={_DISCOVERY};v={wanted.version};as={wanted.form}"
            headers["etag"] = f'"{hashlib.sha256(body).hexdigest().upper()}"'
        return Response(200, headers, finish(body, wanted))

    def _root(self, where: str, wanted: Format) -> Response:
        if wanted.form != "plain":
            key = f"{where} {wanted.version}"
            return self._answer(key, lambda: self._aggregated(where == "/api", wanted.version), wanted)
        if where == "/api":
            return self._answer(where, _api_versions, wanted)
        return self._answer(where, self._group_list, wanted)

    def _group(self, group: str, wanted: Format) -> Response | None:
        if group not in _groups(self._kinds):
            return None
        document = {"kind": "APIGroup", "apiVersion": "v1", **self._group_document(group)}
        return self._answer(f"/apis/{group}", lambda: document, wanted)

    def _resources(self, path: ResourcePath, wanted: Format) -> Response | None:
        if path.version not in _groups(self._kinds).get(path.group, ()):
            return None
        key = f"resources {path.group}/{path.version}"
        return self._answer(key, lambda: self._resource_list(path.group, path.version), wanted)

    def _paths(self) -> list[str]:
        found = ["/api", "/api/v1", "/apis"]
        for group, versions in _groups(self._kinds).items():
            if group:
                found += [f"/apis/{group}", *(f"/apis/{group}/{version}" for version in versions)]
        return [*found, *_HEALTH, "/openapi/v2", "/openapi/v3", "/version"]

    def _group_list(self) -> Object:
        groups = [self._group_document(group) for group in _groups(self._kinds) if group]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}

    def _group_document(self, group: str) -> Object:
        versions = [{"groupVersion": f"{group}/{v}", "version": v} for v in _groups(self._kinds)[group]]
        return {"name": group, "versions": versions, "preferredVersion": versions[0]}

    def _resource_list(self, group: str, version: str) -> Object:
        resources = [entry for kind in _of(self._kinds, group, version) for entry in _legacy(kind)]
        resources += [
            {
                "name": review.plural,
                "singularName": review.kind.lower(),
                "namespaced": review.namespaced,
                "kind": review.kind,
                "verbs": ["create"],
            }
            for review in _reviews(group, version)
        ]
        name = f"{group}/{version}" if group else version
        resources.sort(key=lambda entry: entry["name"])
        return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": resources}

    def _aggregated(self, core: bool, version: str) -> Object:
        items = [
            {
                "metadata": {"name": group, "creationTimestamp": None}
                if group
                else {"creationTimestamp": None},
                "versions": [self._version_document(group, v) for v in versions],
            }
            for group, versions in _groups(self._kinds).items()
            if core == (not group)
        ]
        return {
            "kind": "APIGroupDiscoveryList",
            "apiVersion": f"{_DISCOVERY}/{version}",
            "metadata": {},
            "items": items,
        }

    def _version_document(self, group: str, version: str) -> Object:
        resources = [_aggregated(kind) for kind in _of(self._kinds, group, version)]
        resources += [
            {
                "resource": review.plural,
                "responseKind": {"group": group, "version": version, "kind": review.kind},
                "scope": "Namespaced" if review.namespaced else "Cluster",
                "singularResource": review.kind.lower(),
                "verbs": ["create"],
            }
            for review in _reviews(group, version)
        ]
        resources.sort(key=lambda entry: entry["resource"])
        return {"version": version, "resources": resources, "freshness": "Current"}


def negotiate_discovery(accept: str) -> Format:
    """Aggregated discovery where the client prefers a served version of it, else the plain documents."""
    for clause in accept.split(","):
        parts = dict(part.strip().split("=", 1) for part in clause.split(";")[1:] if "=" in part)
        if parts.get("g") == _DISCOVERY and parts.get("as") == "APIGroupDiscoveryList":
            if parts.get("v") in ("v2", "v2beta1") and clause.split(";")[0].strip() == "application/json":
                return Format("APIGroupDiscoveryList", parts["v"])
        elif "as" not in parts:
            try:
                return negotiate(clause.strip(), ())
            except StatusError:
                continue
    return negotiate(accept, ())


def _groups(kinds: Kinds) -> dict[str, list[str]]:
    """The versions of every group, the preferred one first; the core group is the empty one."""
    found: dict[str, set[str]] = {}
    for kind in kinds:
        found.setdefault(kind.group, set()).add(kind.version)
    for review in REVIEWS:
        found.setdefault(review.group, set()).add(review.version)
    return {group: sorted(versions, key=version_order) for group, versions in found.items()}


def _of(kinds: Kinds, group: str, version: str) -> Iterable[Kind]:
    return [kind for kind in kinds if kind.group == group and kind.version == version]


def _reviews(group: str, version: str) -> list[ReviewKind]:
    return [review for review in REVIEWS if (review.group, review.version) == (group, version)]


def _api_versions() -> Object:
    return {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1"}],
    }


def _verbs(kind: Kind) -> list[str]:
    return [verb for verb in ALL_VERBS if not (verb == "deletecollection" and kind.plural == "namespaces")]


def _legacy(kind: Kind) -> list[Object]:
    entry: Object = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _verbs(kind),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if not kind.status:
        return [entry]
    status = {"name": f"{kind.plural}/status", "singularName": "", "namespaced": kind.namespaced}
    return [entry, {**status, "kind": kind.kind, "verbs": _STATUS_VERBS}]


def _aggregated(kind: Kind) -> Object:
    response = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    entry: Object = {
        "resource": kind.plural,
        "responseKind": response,
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": _verbs(kind),
    }
    if kind.short_names:
        entry["shortNames"] = list(kind.short_names)
    if kind.categories:
        entry["categories"] = list(kind.categories)
    if kind.status:
        entry["subresources"] = [{"subresource": "status", "responseKind": response, "verbs": _STATUS_VERBS}]
    return entry
