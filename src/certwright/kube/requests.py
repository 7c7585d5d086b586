"""Kubernetes API requests as values: method, path, query and body. Nothing here sends one.

Paths and parameters follow the API conventions of Kubernetes; `client` and `watcher` are the senders.
"""

from typing import Any, Literal
from urllib.parse import quote

import msgspec

from certwright.api.meta import Resource

JSON = "application/json"
PATCH_TYPES = {
    "merge": "application/merge-patch+json",
    "json": "application/json-patch+json",
    "apply": "application/apply-patch+yaml",
}

PatchKind = Literal["merge", "json", "apply"]
Propagation = Literal["Background", "Foreground", "Orphan"]


class Request(msgspec.Struct, frozen=True, kw_only=True, repr_omit_defaults=True):
    """One call. `path` is percent-encoded, `query` is not.

    `verb` and `resource` (with subresource, as in `certificates/status`) name the call in metrics and errors,
    `target` is the namespace and name it is about.
    """

    method: str
    path: str
    query: dict[str, str] = {}
    body: bytes = b""
    content_type: str = ""
    accept: str = JSON
    user_agent: str = ""
    verb: str = ""
    resource: str = ""
    target: str = ""

    def __repr__(self) -> str:
        return f"Request({self.method} {self.path}, {len(self.body)} bytes)"

    @property
    def call(self) -> str:
        """The call in words, without anything secret: `get secrets shop/web`."""
        return " ".join(part for part in (self.verb, self.resource, self.target) if part)


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which objects to list or watch: a kind, and optionally one namespace and selectors.

    `metadata_only` asks for PartialObjectMetadata instead of whole objects.
    """

    resource: Resource
    namespace: str | None = None
    label_selector: str = ""
    field_selector: str = ""
    metadata_only: bool = False

    @property
    def query(self) -> dict[str, str]:
        """The selectors as query parameters."""
        pairs = {"labelSelector": self.label_selector, "fieldSelector": self.field_selector}
        return {name: value for name, value in pairs.items() if value}

    def __str__(self) -> str:
        where = f" in {self.namespace}" if self.namespace else ""
        selectors = ",".join(part for part in (self.label_selector, self.field_selector) if part)
        return f"{self.resource.plural}{where}" + (f" [{selectors}]" if selectors else "")


def collection_path(resource: Resource, namespace: str | None = None) -> str:
    """The path of a kind's collection; without a namespace, that of all namespaces."""
    root = f"/apis/{resource.group}/{resource.version}" if resource.group else f"/api/{resource.version}"
    if not namespace:
        return f"{root}/{resource.plural}"
    if not resource.namespaced:
        raise ValueError(f"{resource.plural} are cluster-scoped, but namespace {namespace!r} was given")
    return f"{root}/namespaces/{quote(namespace, safe='')}/{resource.plural}"


def object_path(resource: Resource, name: str, namespace: str | None, subresource: str | None = None) -> str:
    """The path of one object. Raises ValueError without a name, or without the namespace a kind needs."""
    if not name or name in (".", ".."):
        raise ValueError(f"{resource.plural}: a name is needed, not {name!r}")
    if resource.namespaced and not namespace:
        raise ValueError(f"{resource.plural} {name}: a namespace is needed")
    path = f"{collection_path(resource, namespace)}/{quote(name, safe='')}"
    return f"{path}/{subresource}" if subresource else path


def get(
    resource: Resource,
    name: str,
    namespace: str | None = None,
    *,
    subresource: str | None = None,
    metadata_only: bool = False,
) -> Request:
    """Read one object."""
    return Request(
        method="GET",
        path=object_path(resource, name, namespace, subresource),
        accept=_accept("PartialObjectMetadata") if metadata_only else JSON,
        **_labels("get", resource, subresource, name, namespace),
    )


def list_(
    selection: Selection, *, limit: int = 0, continue_: str = "", resource_version: str = ""
) -> Request:
    """List one page of `limit` objects (0: all); `continue_` is the token that came with the page before."""
    query = selection.query
    if limit:
        query["limit"] = str(limit)
    if continue_:
        query["continue"] = continue_
    if resource_version:
        query["resourceVersion"] = resource_version
    return Request(
        method="GET",
        path=collection_path(selection.resource, selection.namespace),
        query=query,
        accept=_accept("PartialObjectMetadataList") if selection.metadata_only else JSON,
        **_labels("list", selection.resource, None, "", selection.namespace),
    )


def watch(
    selection: Selection,
    *,
    resource_version: str = "",
    timeout_seconds: int = 0,
    initial_events: bool = False,
) -> Request:
    """Watch from `resource_version`, or with `initial_events` let the server stream the list first."""
    query = selection.query | {"watch": "true", "allowWatchBookmarks": "true"}
    if resource_version:
        query["resourceVersion"] = resource_version
    if initial_events:
        query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
    if timeout_seconds:
        query["timeoutSeconds"] = str(timeout_seconds)
    return Request(
        method="GET",
        path=collection_path(selection.resource, selection.namespace),
        query=query,
        accept=_accept("PartialObjectMetadata") if selection.metadata_only else JSON,
        **_labels("watch", selection.resource, None, "", selection.namespace),
    )


def create(
    resource: Resource,
    body: bytes,
    namespace: str | None = None,
    *,
    name: str = "",
    subresource: str | None = None,
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    """Create an object (or, with `subresource` and `name`, post to a subresource)."""
    if resource.namespaced and not namespace:
        raise ValueError(f"create {resource.plural}: a namespace is needed")
    path = (
        object_path(resource, name, namespace, subresource)
        if subresource
        else collection_path(resource, namespace)
    )
    return Request(
        method="POST",
        path=path,
        query=_write_query(field_manager, dry_run),
        body=body,
        content_type=JSON,
        **_labels("create", resource, subresource, name, namespace),
    )


def update(
    resource: Resource,
    name: str,
    body: bytes,
    namespace: str | None = None,
    *,
    subresource: str | None = None,
    field_manager: str = "",
    dry_run: bool = False,
) -> Request:
    """Replace an object; a resourceVersion in the body is the precondition."""
    return Request(
        method="PUT",
        path=object_path(resource, name, namespace, subresource),
        query=_write_query(field_manager, dry_run),
        body=body,
        content_type=JSON,
        **_labels("update", resource, subresource, name, namespace),
    )


def patch(
    resource: Resource,
    name: str,
    body: bytes,
    namespace: str | None = None,
    *,
    kind: PatchKind = "merge",
    subresource: str | None = None,
    field_manager: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> Request:
    """Patch an object. `metadata.resourceVersion` and `metadata.uid` in a merge patch are preconditions.

    An apply patch needs a field manager; `force` takes over fields of other managers.
    """
    if kind == "apply" and not field_manager:
        raise ValueError(f"apply {resource.plural} {name}: a field manager is needed")
    query = _write_query(field_manager, dry_run)
    if force:
        query["force"] = "true"
    return Request(
        method="PATCH",
        path=object_path(resource, name, namespace, subresource),
        query=query,
        body=body,
        content_type=PATCH_TYPES[kind],
        **_labels("apply" if kind == "apply" else "patch", resource, subresource, name, namespace),
    )


def delete(
    resource: Resource,
    name: str,
    namespace: str | None = None,
    *,
    uid: str | None = None,
    resource_version: str | None = None,
    propagation: Propagation | None = None,
    dry_run: bool = False,
) -> Request:
    """Delete one object, only if its uid and resourceVersion are these when they are given."""
    preconditions = {
        key: value for key, value in (("uid", uid), ("resourceVersion", resource_version)) if value
    }
    options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions"}
    if preconditions:
        options["preconditions"] = preconditions
    if propagation:
        options["propagationPolicy"] = propagation
    return Request(
        method="DELETE",
        path=object_path(resource, name, namespace),
        query=_write_query("", dry_run),
        body=msgspec.json.encode(options),
        content_type=JSON,
        **_labels("delete", resource, None, name, namespace),
    )


def _accept(kind: str) -> str:
    return f"{JSON};as={kind};g=meta.k8s.io;v=v1,{JSON}"


def _write_query(field_manager: str, dry_run: bool) -> dict[str, str]:
    query = {"fieldManager": field_manager} if field_manager else {}
    return query | {"dryRun": "All"} if dry_run else query


def _labels(
    verb: str, resource: Resource, subresource: str | None, name: str, namespace: str | None
) -> dict[str, Any]:
    return {
        "verb": verb,
        "resource": f"{resource.plural}/{subresource}" if subresource else resource.plural,
        "target": "/".join(part for part in (namespace, name) if part),
    }
