"""Who owns which field: `metadata.managedFields` after a write, and server-side apply. It stores nothing.

A write that is not an apply gives its manager the leaves it changes or adds, and takes them from everybody
else. An apply says all that its manager wants: fields it no longer names go, unless another manager owns
them; values that others own and that it would change are conflicts. Fields that the write cannot change
(status on the main resource, all but status on the status subresource) are never counted.

Invariants: arguments are never changed; entries that did not change are the very same dicts; an apply that
changes nothing gives back an equal object, times included.

Source: apimachinery `managedfields`, structured-merge-diff `merge`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

from certwright.apiserver.defaulting import copy_json
from certwright.apiserver.field_errors import TOO_LONG, FieldError, at_most_bytes, go_quote, message_of
from certwright.apiserver.field_sets import (
    FieldSet,
    difference,
    intersection,
    ordered,
    paths,
    recursive_difference,
    union,
)
from certwright.apiserver.field_types import FieldType, UnkeyedItemError
from certwright.apiserver.field_walks import changes, merged, named_fields, with_named_parents, without
from certwright.apiserver.patch import PatchError
from certwright.apiserver.structural import Structural

JsonObject = dict[str, Any]

MAX_NAME_BYTES: Final = 128
MAX_UPDATE_ENTRIES: Final = 10
"""How many managers of the operation Update are kept apart; older ones are thrown together."""
RESET_STATUS: Final[FieldSet] = {"f:status": {}}
RESET_ALL_BUT_STATUS: Final[FieldSet] = {"f:metadata": {}, "f:spec": {}}

_ANCIENT: Final = "ancient-changes"
_BEFORE_FIRST_APPLY: Final = "before-first-apply"
_KUBECTL: Final = "kubectl"
_NEVER_OWNED: Final[FieldSet] = {
    "f:apiVersion": {},
    "f:kind": {},
    "f:metadata": {
        ".": {},
        **{
            f"f:{name}": {}
            for name in (
                "clusterName",
                "creationTimestamp",
                "generation",
                "managedFields",
                "name",
                "namespace",
                "resourceVersion",
                "selfLink",
                "uid",
            )
        },
    },
}


class Identity(NamedTuple):
    """What makes two entries one: an Apply entry is the same in every version."""

    manager: str
    operation: str
    api_version: str
    subresource: str


@dataclass(frozen=True, slots=True)
class _Write:
    """One write: by whom, through what, when, and which fields it cannot touch."""

    manager: str
    subresource: str
    api_version: str
    time: str
    reset: FieldSet

    def identity(self, operation: str) -> Identity:
        version = "" if operation == "Apply" else self.api_version
        return Identity(self.manager or "unknown", operation, version, self.subresource)

    def entry(self, operation: str, fields: FieldSet, time: str | None) -> JsonObject:
        entry = {
            "manager": self.manager or "unknown",
            "operation": operation,
            "apiVersion": self.api_version,
            "time": time,
            "fieldsType": "FieldsV1",
            "fieldsV1": ordered(fields),
            "subresource": self.subresource,
        }
        return {name: value for name, value in entry.items() if value or name == "fieldsV1"}


Managed = dict[Identity, JsonObject]


class ApplyConflict(Exception):  # noqa: N818 - it is the API's word
    """Other managers own fields that an apply would change.

    `causes` are those of the Status (reason FieldManagerConflict); the text is its message.
    """

    def __init__(self, conflicts: list[tuple[Identity, str]]) -> None:
        self.causes = [
            {"reason": "FieldManagerConflict", "message": f"conflict with {_shown(who)}", "field": path}
            for who, path in conflicts
        ]
        super().__init__(_conflict_message(conflicts))


def manager_name(field_manager: str, user_agent: str) -> str:
    """Who writes: what the client says, or its user agent up to the first slash, at most 128 bytes."""
    if field_manager:
        return field_manager
    name = "".join(char for char in user_agent.split("/", 1)[0] if char.isprintable())
    return name.encode()[:MAX_NAME_BYTES].decode(errors="ignore")


def check_manager_name(field_manager: str) -> list[FieldError]:
    """What is wrong with the fieldManager parameter of a request."""
    if len(field_manager.encode()) > MAX_NAME_BYTES:
        return [
            FieldError("fieldManager", TOO_LONG, message_of(TOO_LONG, detail=at_most_bytes(MAX_NAME_BYTES)))
        ]
    for place, char in enumerate(field_manager):
        if not char.isprintable():
            detail = f"invalid character U+{ord(char):04X} (at position {place})"
            return [
                FieldError(
                    "fieldManager", "FieldValueInvalid", f"Invalid value: {go_quote(field_manager)}: {detail}"
                )
            ]
    return []


def update_managers(
    live: JsonObject | None,
    new: JsonObject,
    manager: str,
    subresource: str,
    now: datetime,
    schema: Structural,
    *,
    reset: FieldSet | None = None,
) -> list[JsonObject]:
    """The managedFields of `new`, which a create, update or patch makes of `live` (None when it creates).

    `reset`: what the write cannot change; by default status, or all but status on the status subresource.
    Pass an empty set for kinds without a status subresource. Entries that `new` itself brings replace those
    of `live`, except on subresources; an empty list there ends the tracking.
    """
    write = _write(new, manager, subresource, now, reset)
    managed = _managed_before(live or {}, new, subresource)
    if not managed and live and live.get("metadata", {}).get("uid"):
        return []  # tracking was given up, and nobody has applied since
    return _entries(_tracked(managed, live or {}, new, write, schema.field_type()))


def apply(
    live: JsonObject,
    config: JsonObject,
    manager: str,
    force: bool,
    subresource: str,
    now: datetime,
    schema: Structural,
    *,
    reset: FieldSet | None = None,
) -> JsonObject:
    """The object that results when a manager applies a config, without new defaults; it shares nothing.

    `live` is the stored object, or a bare one (apiVersion, kind, name) when the apply creates it; `reset` is
    as for `update_managers`. Raises ApplyConflict unless forced, and PatchError (400) for list items that
    lack their keys or have them twice.
    """
    write = _write(config, manager, subresource, now, reset)
    kind = schema.field_type()
    managed = _decoded(live) or {}
    if not managed:
        first = _write(live, _BEFORE_FIRST_APPLY, subresource, now, reset)
        managed = _tracked({}, {}, live, first, kind)
    try:
        result, managed = _applied(managed, live, config, write, kind, force)
    except UnkeyedItemError as error:
        raise PatchError(400, str(error)) from None
    return _with_entries(copy_json(result), _entries(managed))


# Steps of a write


def _write(obj: JsonObject, manager: str, subresource: str, now: datetime, reset: FieldSet | None) -> _Write:
    if reset is None:
        reset = RESET_ALL_BUT_STATUS if subresource == "status" else RESET_STATUS
    return _Write(manager, subresource, obj.get("apiVersion", ""), now.strftime("%Y-%m-%dT%H:%M:%SZ"), reset)


def _tracked(managed: Managed, live: JsonObject, new: JsonObject, write: _Write, kind: FieldType) -> Managed:
    """The entries after a write that is not an apply."""
    written, removed = changes(live, new, kind)
    written = recursive_difference(written, write.reset)
    removed = recursive_difference(removed, write.reset)
    if not written and not removed:
        return managed
    result = _less(managed, union(written, removed))
    mine = difference(written, _NEVER_OWNED)
    if mine:
        who = write.identity("Update")
        before = result.get(who)
        result[who] = write.entry("Update", union(before["fieldsV1"], mine) if before else mine, write.time)
    return _capped(result)


def _applied(
    managed: Managed, live: JsonObject, config: JsonObject, write: _Write, kind: FieldType, force: bool
) -> tuple[JsonObject, Managed]:
    """The object and the entries after an apply; if nothing changed the object is the live one itself."""
    who = write.identity("Apply")
    mine = recursive_difference(named_fields(config, kind, strict=True), write.reset)
    last = managed.get(who)
    result = _reset_restored(live, merged(live, config, kind), write.reset)
    if last and difference(last["fieldsV1"], mine):
        owned = mine
        for other, entry in managed.items():
            owned = owned if other == who else union(owned, entry["fieldsV1"])
        result = _pruned(result, last["fieldsV1"], owned, kind)
    written, removed = changes(live, result, kind)
    unchanged = not written and not removed and live == result
    written = recursive_difference(written, write.reset)
    removed = recursive_difference(removed, write.reset)
    others = {other: entry for other, entry in managed.items() if other != who}
    if not force:
        _refuse_conflicts(others, written)
    after = _less(others, union(written, removed))
    mine = difference(mine, _NEVER_OWNED)
    if mine:
        time = last.get("time") if last and unchanged else None if unchanged else write.time
        entry = write.entry("Apply", mine, time)
        after[who] = last if last == entry and last is not None else entry
    return (live if unchanged else result), after


def _reset_restored(live: JsonObject, result: JsonObject, reset: FieldSet) -> JsonObject:
    """The result with the top-level fields this write cannot change as they were; metadata is left alone."""
    fixed = [step[2:] for step in reset if step != "f:metadata"]
    kept = {name: value for name, value in result.items() if name not in fixed}
    return {**kept, **{name: live[name] for name in fixed if name in live}}


def _pruned(result: JsonObject, last: FieldSet, owned: FieldSet, kind: FieldType) -> JsonObject:
    """The merged object less what the manager named last time and nobody owns now.

    What was never named survives even below a parent that goes, and then keeps that parent.
    """
    last = with_named_parents(last, kind)
    bare = without(result, last, kind) or {}
    there = with_named_parents(named_fields(result, kind), kind)
    kept = union(with_named_parents(named_fields(bare, kind), kind), with_named_parents(owned, kind))
    back = without(result, difference(there, kept), kind) or {}
    left = with_named_parents(named_fields(back, kind), kind)
    return without(result, intersection(difference(there, left), last), kind) or {}


def _less(managed: Managed, taken: FieldSet) -> Managed:
    """The entries without the fields taken; entries that lose none stay the same dicts, empty ones go."""
    result = {}
    for who, entry in managed.items():
        fields: FieldSet = entry["fieldsV1"]
        if not _touches(fields, taken):
            result[who] = entry
            continue
        rest = difference(fields, taken)
        if rest == fields:
            result[who] = entry
        elif rest:
            result[who] = {**entry, "fieldsV1": rest}
    return result


def _touches(fields: FieldSet, taken: FieldSet) -> bool:
    return not fields.keys().isdisjoint(taken)


def _capped(managed: Managed) -> Managed:
    """At most ten Update entries: beyond that the oldest of a version become one."""
    updates = [who for who in managed if who.operation == "Update"]
    surplus = len(updates) - MAX_UPDATE_ENTRIES
    if surplus <= 0:
        return managed
    result = dict(managed)
    updates.sort(
        key=lambda who: (managed[who].get("time", ""), *who[:3], not who.subresource, who.subresource)
    )
    first: dict[str, Identity] = {}
    for who in updates:
        if surplus <= 0:
            break
        bucket = Identity(_ANCIENT, "Update", who.api_version, "")
        if who.api_version not in first:
            first[who.api_version] = who
            continue
        if bucket not in result:
            oldest = result.pop(first[who.api_version])
            result[bucket] = {**oldest, "manager": _ANCIENT}
            result[bucket].pop("subresource", None)
        entry = result.pop(who)
        fields = ordered(union(entry["fieldsV1"], result[bucket]["fieldsV1"]))
        result[bucket] = {**result[bucket], "fieldsV1": fields, "time": entry.get("time")}
        surplus -= 1
    return result


def _refuse_conflicts(others: Managed, written: FieldSet) -> None:
    conflicts = [
        (who, path)
        for who in sorted(others)
        if _touches(others[who]["fieldsV1"], written)
        for path in paths(intersection(others[who]["fieldsV1"], written))
    ]
    if conflicts:
        raise ApplyConflict(conflicts)


# Entries


def _managed_before(live: JsonObject, new: JsonObject, subresource: str) -> Managed:
    """The entries a write starts from: the client's own where it may bring some, else the stored ones."""
    if not subresource:
        brought = new.get("metadata", {}).get("managedFields")
        if isinstance(brought, list) and brought in ([], [{}]):
            return {}
        managed = _decoded(new)
        if managed:
            return managed
    return _decoded(live) or {}


def _decoded(obj: JsonObject) -> Managed | None:
    """The entries by identity, or None if one of them is none."""
    result: Managed = {}
    entries = (obj.get("metadata") or {}).get("managedFields")
    for entry in entries if isinstance(entries, list) else ():
        if not isinstance(entry, dict) or entry.get("operation") not in ("Apply", "Update"):
            return None
        fields = entry.get("fieldsV1", {})
        if (
            not entry.get("apiVersion")
            or entry.get("fieldsType") != "FieldsV1"
            or not isinstance(fields, dict)
        ):
            return None
        version = "" if entry["operation"] == "Apply" else entry["apiVersion"]
        who = Identity(entry.get("manager", ""), entry["operation"], version, entry.get("subresource", ""))
        result[who] = entry if "fieldsV1" in entry else {**entry, "fieldsV1": {}}
    return result


def _entries(managed: Managed) -> list[JsonObject]:
    """Upstream's order: Apply first, then by time, manager, version, subresource."""

    def place(who: Identity) -> tuple[str, str, str, str, str]:
        entry = managed[who]
        return who.operation, entry.get("time") or "", who.manager, entry["apiVersion"], who.subresource

    return [managed[who] for who in sorted(managed, key=place)]


def _with_entries(obj: JsonObject, entries: list[JsonObject]) -> JsonObject:
    metadata = {name: value for name, value in obj.get("metadata", {}).items() if name != "managedFields"}
    return {**obj, "metadata": {**metadata, "managedFields": entries} if entries else metadata}


# Conflicts in words


def _shown(who: Identity) -> str:
    text = go_quote(who.manager)
    if who.subresource:
        text += f" with subresource {go_quote(who.subresource)}"
    return f"{text} using {who.api_version}" if who.operation == "Update" else text


def _conflict_message(conflicts: list[tuple[Identity, str]]) -> str:
    if len(conflicts) == 1:
        who, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {_shown(who)}: {path}"
    lines = []
    for who in dict.fromkeys(who for who, _ in conflicts):
        lines.append(f"conflicts with {_shown(who)}:")
        lines += [f"- {path}" for other, path in conflicts if other == who]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
