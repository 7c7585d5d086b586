"""What can be done with a kind, as OpenAPI operations by path: version 3 and version 2 differ only in how
they say it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certwright.apiserver.kinds import Kind
from certwright.apiserver.openapi_schemas import DELETE_OPTIONS_NAME, STATUS_NAME, name_of

PATCH_TYPES: Final = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)
_WRITE: Final = {
    "dryRun": ("string", "With All, nothing is stored."),
    "fieldManager": ("string", "Who owns the fields afterwards."),
    "fieldValidation": ("string", "Strict, Warn or Ignore: what to do about unknown fields."),
}
_LIST: Final = {
    "allowWatchBookmarks": ("boolean", "Whether a watch may send bookmarks."),
    "continue": ("string", "What the page before said."),
    "fieldSelector": ("string", "Which objects, by fields."),
    "labelSelector": ("string", "Which objects, by labels."),
    "limit": ("integer", "How many objects a page has at most."),
    "resourceVersion": ("string", "Which moment to show."),
    "resourceVersionMatch": ("string", "How to understand resourceVersion."),
    "sendInitialEvents": ("boolean", "Whether a watch begins with what there is."),
    "timeoutSeconds": ("integer", "How long a watch lasts at most."),
    "watch": ("boolean", "Whether to stream changes."),
}
_DELETE: Final = {
    "dryRun": _WRITE["dryRun"],
    "gracePeriodSeconds": ("integer", "Not used here."),
    "propagationPolicy": ("string", "What becomes of dependents."),
}
_VERBS: Final = {
    "get": "get",
    "list": "get",
    "create": "post",
    "update": "put",
    "patch": "patch",
    "delete": "delete",
    "deletecollection": "delete",
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One verb on one path. `query` maps a parameter to its type and meaning; `body` and `result` name
    definitions.
    """

    path: str
    method: str
    action: str
    identifier: str
    description: str
    query: dict[str, tuple[str, str]]
    body: str
    result: str
    code: int


def operations(kind: Kind) -> Iterator[Operation]:
    """Everything that can be done with a kind."""
    base = f"/apis/{kind.group}/{kind.version}" if kind.group else f"/api/{kind.version}"
    collection = (
        f"{base}/namespaces/{{namespace}}/{kind.plural}" if kind.namespaced else f"{base}/{kind.plural}"
    )
    if kind.namespaced:
        yield _operation(kind, f"{base}/{kind.plural}", "list", "ForAllNamespaces")
    for verb in ("list", "create", "deletecollection"):
        yield _operation(kind, collection, verb)
    for verb in ("get", "update", "patch", "delete"):
        yield _operation(kind, f"{collection}/{{name}}", verb)
    if kind.status:
        for verb in ("get", "update", "patch"):
            yield _operation(kind, f"{collection}/{{name}}/status", verb, "Status")


def _operation(kind: Kind, path: str, verb: str, suffix: str = "") -> Operation:
    name = name_of(kind)
    words = "".join(part.capitalize() for part in (kind.group.split(".")[0] or "core", kind.version))
    query = {"list": _LIST, "deletecollection": {**_DELETE, **_LIST}, "delete": _DELETE, "get": {}}.get(
        verb, _WRITE
    )
    if verb == "patch":
        query = {**query, "force": ("boolean", "Whether an apply takes fields over from other managers.")}
    writes = {
        "create": name,
        "update": name,
        "delete": DELETE_OPTIONS_NAME,
        "deletecollection": DELETE_OPTIONS_NAME,
    }
    result = {"list": name + "List", "delete": STATUS_NAME, "deletecollection": STATUS_NAME}.get(verb, name)
    return Operation(
        path,
        _VERBS[verb],
        {"create": "post", "update": "put"}.get(verb, verb),
        f"{verb}{words}{'Namespaced' if '{namespace}' in path else ''}{kind.kind}{suffix}",
        f"{verb} {kind.kind}",
        {"pretty": ("string", "Not used here."), **query},
        writes.get(verb, ""),
        result,
        201 if verb == "create" else 200,
    )
