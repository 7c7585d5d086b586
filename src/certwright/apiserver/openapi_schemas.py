"""The schemas of all kinds as OpenAPI definitions, under the names clients know them by. No paths, no
formats.

One definition for an object, one for its list, and those of metadata, which all share.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from certwright.apiserver.kinds import Kind
from certwright.apiserver.object_meta import OBJECT_META

Schema = dict[str, Any]
GVK: Final = "x-kubernetes-group-version-kind"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
OBJECT_META_NAME: Final = _META + "ObjectMeta"
LIST_META_NAME: Final = _META + "ListMeta"
STATUS_NAME: Final = _META + "Status"
DELETE_OPTIONS_NAME: Final = _META + "DeleteOptions"
_TEXT: Final[Schema] = {"type": "string"}
_API_VERSION: Final = "The API group and version of this object, such as cert-manager.io/v1."
_KIND: Final = "What kind of object this is, such as Certificate."
_DESCRIBED_META: Final = {
    "annotations": "Text that tools and people attach to the object.",
    "creationTimestamp": "When the object was created; set by the server.",
    "deletionGracePeriodSeconds": "How long deletion may take; set by the server.",
    "deletionTimestamp": "When deletion was asked for; set by the server.",
    "finalizers": "Who has to let go before a deleted object is removed.",
    "generateName": "The beginning of a name that the server completes.",
    "generation": "Counts the changes of the desired state; set by the server.",
    "labels": "Key and value pairs to select objects by.",
    "managedFields": "Which manager owns which field; kept by the server.",
    "name": "The name, unique among objects of the kind in the namespace.",
    "namespace": "The namespace the object is in.",
    "ownerReferences": "The objects this one goes with when they are deleted.",
    "resourceVersion": "The version of the stored object; set by the server.",
    "selfLink": "No longer used.",
    "uid": "Identifies the object for all time; set by the server.",
}
_BUILT_IN_PACKAGES: Final = {
    "": "io.k8s.api.core",
    "coordination.k8s.io": "io.k8s.api.coordination",
    "events.k8s.io": "io.k8s.api.events",
    "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
}


def name_of(kind: Kind) -> str:
    """The name of a kind's definition: its group backwards, its version, its kind."""
    package = _BUILT_IN_PACKAGES.get(kind.group)
    if package is None or kind.custom:
        package = ".".join(reversed(kind.group.split(".")))
    return f"{package}.{kind.version}.{kind.kind}"


def gvk(kind: Kind, suffix: str = "") -> Schema:
    """What an operation or definition is about."""
    return {"group": kind.group, "kind": kind.kind + suffix, "version": kind.version}


def definitions(kinds: Iterable[Kind], reference: str) -> dict[str, Schema]:
    """All definitions; `reference` is what precedes a name in a `$ref`."""
    found = dict(_shared(reference))
    for kind in kinds:
        found[name_of(kind)] = _object(kind, reference)
        found[name_of(kind) + "List"] = _list(kind, reference)
    return dict(sorted(found.items()))


def _shared(reference: str) -> dict[str, Schema]:
    meta = {name: dict(schema) for name, schema in OBJECT_META["properties"].items()}
    for name, text in _DESCRIBED_META.items():
        meta[name]["description"] = text
    return {
        OBJECT_META_NAME: {
            "type": "object",
            "description": "What every stored object has: names, labels, and what the server keeps about it.",
            "properties": meta,
        },
        LIST_META_NAME: {
            "type": "object",
            "description": "What every list has.",
            "properties": {
                "continue": {**_TEXT, "description": "What to ask the next page with."},
                "remainingItemCount": {
                    "type": "integer",
                    "format": "int64",
                    "description": "How many follow.",
                },
                "resourceVersion": {**_TEXT, "description": "The moment the list shows."},
                "selfLink": {**_TEXT, "description": "No longer used."},
            },
        },
        STATUS_NAME: {
            "type": "object",
            "description": "The answer of a call that returns no object.",
            "properties": {
                **_type_meta(),
                "code": {"type": "integer", "format": "int32", "description": "The HTTP code."},
                "details": {"type": "object", "description": "What it is about, and the causes."},
                "message": {**_TEXT, "description": "What is wrong, in words."},
                "metadata": _ref(LIST_META_NAME, reference),
                "reason": {**_TEXT, "description": "What is wrong, in one word."},
                "status": {**_TEXT, "description": "Success or Failure."},
            },
            GVK: [{"group": "", "kind": "Status", "version": "v1"}],
        },
        DELETE_OPTIONS_NAME: {
            "type": "object",
            "description": "How to delete.",
            "properties": {
                **_type_meta(),
                "dryRun": {"type": "array", "items": _TEXT, "description": "All: change nothing."},
                "gracePeriodSeconds": {"type": "integer", "format": "int64", "description": "Not used here."},
                "orphanDependents": {"type": "boolean", "description": "Use propagationPolicy."},
                "preconditions": {
                    "type": "object",
                    "description": "What has to be true of the object.",
                    "properties": {"resourceVersion": _TEXT, "uid": _TEXT},
                },
                "propagationPolicy": {**_TEXT, "description": "Background, Foreground or Orphan."},
            },
        },
    }


def _type_meta() -> dict[str, Schema]:
    return {
        "apiVersion": {**_TEXT, "description": _API_VERSION},
        "kind": {**_TEXT, "description": _KIND},
    }


def _ref(name: str, reference: str) -> Schema:
    return {"$ref": reference + name}


def _object(kind: Kind, reference: str) -> Schema:
    document = {
        name: value for name, value in kind.document.items() if not name.startswith("x-kubernetes-emb")
    }
    properties = dict(document.get("properties", {}))
    properties.update(_type_meta())
    properties["metadata"] = _ref(OBJECT_META_NAME, reference)
    return {**document, "type": "object", "properties": dict(sorted(properties.items())), GVK: [gvk(kind)]}


def _list(kind: Kind, reference: str) -> Schema:
    return {
        "type": "object",
        "description": f"A list of {kind.kind} objects.",
        "required": ["items"],
        "properties": {
            **_type_meta(),
            "items": {
                "type": "array",
                "items": _ref(name_of(kind), reference),
                "description": "The objects.",
            },
            "metadata": _ref(LIST_META_NAME, reference),
        },
        GVK: [gvk(kind, "List")],
    }
