"""ObjectMeta: what the server fills in, what nobody may change, and what is wrong with the rest. It stores
nothing.

Source: `k8s.io/apimachinery/pkg/api/validation/objectmeta.go` and the API conventions ("Metadata").
"""

from __future__ import annotations

import secrets
import uuid
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from certwright.api import names
from certwright.api.label_rules import label_key_errors, label_value_errors
from certwright.apiserver import field_errors as fe
from certwright.apiserver.field_errors import FieldError, go_quote, message_of
from certwright.apiserver.kinds import Kind, Object

_key_errors = lru_cache(maxsize=4096)(label_key_errors)
_value_errors = lru_cache(maxsize=4096)(label_value_errors)
"""Labels repeat from object to object."""
ANNOTATIONS_LIMIT: Final = 256 * 1024
"""Bytes of all annotation keys and values together."""
ORPHAN: Final = "orphan"
FOREGROUND: Final = "foregroundDeletion"
_ALPHABET: Final = "bcdfghjklmnpqrstvwxz2456789"
_NAME_LIMIT: Final = 63
_SUFFIX: Final = 5
_SET_BY_SERVER: Final = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "selfLink",
)
_IMMUTABLE: Final = (
    "name",
    "namespace",
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
)


def timestamp(now: datetime) -> str:
    """A time as API objects hold it: RFC 3339, UTC, whole seconds."""
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def generated_name(base: str) -> str:
    """`base` and five random letters, cut to what a label can hold."""
    return base[: _NAME_LIMIT - _SUFFIX] + "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))


def wrong_type(metadata: Object) -> str:
    """Why metadata cannot be worked with at all; the schema looks into the rest. Empty when it can."""
    for kind, fields in _TYPES.items():
        for name in fields:
            if not isinstance(metadata.get(name), kind | None):
                return f"metadata.{name} is not {_WORDS[kind]}"
    return ""


_TYPES: Final[dict[type, tuple[str, ...]]] = {
    str: ("name", "generateName", "namespace", "uid", "resourceVersion"),
    dict: ("labels", "annotations"),
    list: ("finalizers", "ownerReferences", "managedFields"),
}
_WORDS: Final[dict[type, str]] = {str: "a text", dict: "an object", list: "a list"}


def fill_system_fields(metadata: Object, now: datetime) -> None:
    """Give a new object its uid and creation time, and take from it what only the server may set."""
    for name in (*_SET_BY_SERVER, "resourceVersion", "generation"):
        metadata.pop(name, None)
    metadata["uid"] = str(uuid.uuid4())
    metadata["creationTimestamp"] = timestamp(now)


def keep_system_fields(metadata: Object, old: Object) -> None:
    """Bring back what an update left out and may not change; a changed value is left for the checks to
    refuse.
    """
    for name in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds"):
        if name in old and not metadata.get(name):
            metadata[name] = old[name]
    metadata["creationTimestamp"] = old["creationTimestamp"]
    metadata.pop("selfLink", None)
    if "generation" in old:
        metadata["generation"] = old["generation"]
    else:
        metadata.pop("generation", None)


_EMPTY: Final = {"labels": {}, "annotations": {}, "finalizers": [], "ownerReferences": [], "generateName": ""}


def drop_empty(metadata: Object) -> None:
    """An empty label set, or list of owners, is none at all; so it is stored."""
    for name, empty in _EMPTY.items():
        if name in metadata and metadata[name] in (empty, None):
            del metadata[name]


def errors_of(kind: Kind, metadata: Object, old: Object | None) -> list[FieldError]:
    """Everything that is wrong with the metadata of an object to be stored."""
    found: list[FieldError] = []
    name = metadata.get("name", "")
    if old is None or name != old.get("name"):
        if prefix := metadata.get("generateName"):
            found += _invalid("generateName", prefix, kind.strategy.name_errors(prefix, prefix=True))
        found += _name_errors(kind, name)
    namespace = metadata.get("namespace", "")
    if not kind.namespaced and namespace:
        found.append(
            FieldError("metadata.namespace", fe.FORBIDDEN, message_of(fe.FORBIDDEN, detail=_NO_NAMESPACE))
        )
    elif kind.namespaced and old is None:
        found += _invalid("namespace", namespace, names.dns_label(namespace))
    for part, check in _CHECKS:
        value = metadata.get(part)
        if value and (old is None or value != old.get(part)):
            found += check(value)
    if old is not None:
        found += _update_errors(metadata, old)
    return found


_NO_NAMESPACE: Final = "not allowed on this type"


def _name_errors(kind: Kind, name: str) -> list[FieldError]:
    if not name:
        return [
            FieldError(
                "metadata.name",
                fe.REQUIRED,
                message_of(fe.REQUIRED, detail="name or generateName is required"),
            )
        ]
    return _invalid("name", name, kind.strategy.name_errors(name, prefix=False))


def _invalid(part: str, value: Any, complaints: list[str] | tuple[str, ...]) -> list[FieldError]:
    return [
        FieldError(f"metadata.{part}", fe.INVALID, message_of(fe.INVALID, value, text)) for text in complaints
    ]


def _label_errors(labels: dict[str, str]) -> list[FieldError]:
    found: list[FieldError] = []
    for key, value in labels.items():
        found += _invalid("labels", key, _key_errors(key))
        found += _invalid("labels", value, _value_errors(value))
    return found


def _annotation_errors(annotations: dict[str, str]) -> list[FieldError]:
    found: list[FieldError] = []
    size = 0
    for key, value in annotations.items():
        found += _invalid("annotations", key, _key_errors(key.lower()))
        size += len(key.encode()) + len(value.encode())
    if size > ANNOTATIONS_LIMIT:
        text = message_of(fe.TOO_LONG, detail=fe.at_most_bytes(ANNOTATIONS_LIMIT))
        found.append(FieldError("metadata.annotations", fe.TOO_LONG, text))
    return found


def _owner_errors(owners: list[Object]) -> list[FieldError]:
    found: list[FieldError] = []
    controllers: list[str] = []
    for owner in owners:
        for part in ("apiVersion", "kind", "name", "uid"):
            if not owner.get(part):
                detail = "version must not be empty" if part == "apiVersion" else "must not be empty"
                found += _invalid(f"ownerReferences.{part}", owner.get(part) or "", [detail])
        if owner.get("apiVersion") == "v1" and owner.get("kind") == "Event":
            found += _invalid("ownerReferences", owner, ["/v1, Kind=Event is disallowed from being an owner"])
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    for other in controllers[1:]:
        detail = (
            "Only one reference can have Controller set to true. "
            f'Found "true" in references for {controllers[0]} and {other}'
        )
        found += _invalid("ownerReferences", owners, [detail])
    return found


def _finalizer_errors(finalizers: list[str]) -> list[FieldError]:
    found: list[FieldError] = []
    for finalizer in finalizers:
        found += _invalid("finalizers", finalizer, _key_errors(finalizer))
    if ORPHAN in finalizers and FOREGROUND in finalizers:
        detail = f"finalizer {ORPHAN} and {FOREGROUND} cannot be both set"
        found += _invalid("finalizers", finalizers, [detail])
    return found


_CHECKS: Final = (
    ("labels", _label_errors),
    ("annotations", _annotation_errors),
    ("ownerReferences", _owner_errors),
    ("finalizers", _finalizer_errors),
)


def _update_errors(metadata: Object, old: Object) -> list[FieldError]:
    found: list[FieldError] = []
    for part in _IMMUTABLE:
        if metadata.get(part) != old.get(part):
            found += _invalid(part, metadata.get(part), ["field is immutable"])
    if old.get("deletionTimestamp"):
        added = sorted(set(metadata.get("finalizers") or ()) - set(old.get("finalizers") or ()))
        if added:
            listed = ", ".join(go_quote(finalizer) for finalizer in added)
            detail = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{listed}}}"
            )
            found.append(
                FieldError("metadata.finalizers", fe.FORBIDDEN, message_of(fe.FORBIDDEN, detail=detail))
            )
    return found
