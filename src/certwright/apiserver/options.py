"""The query of a request, parsed and checked: how to write, what to list, how to delete. It acts on nothing.

Source: `k8s.io/apimachinery/pkg/apis/meta/v1` (ListOptions, PatchOptions, DeleteOptions and their
validation).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from certwright.apiserver import field_errors as fe
from certwright.apiserver.field_errors import FieldError, message_of, supported_values
from certwright.apiserver.managed_fields import check_manager_name, manager_name
from certwright.apiserver.status import bad_request, invalid

META: Final = "meta.k8s.io"
Query = Mapping[str, list[str]]
_TRUE: Final = frozenset(("1", "t", "T", "true", "TRUE", "True"))
_FALSE: Final = frozenset(("", "0", "f", "F", "false", "FALSE", "False"))
_POLICIES: Final = ("Foreground", "Background", "Orphan")


def first(query: Query, name: str) -> str:
    """The first value of a parameter, empty when it is missing."""
    values = query.get(name)
    return values[0] if values else ""


def flag(query: Query, name: str) -> bool:
    """A boolean parameter. Raises StatusError (400) for text that is none."""
    text = first(query, name)
    if text in _FALSE:
        return False
    if text in _TRUE:
        return True
    raise bad_request(f'invalid value "{text}" for {name}: must be true or false')


def number(query: Query, name: str) -> int | None:
    """A whole-number parameter, None when it is missing. Raises StatusError (400)."""
    text = first(query, name)
    if not text:
        return None
    try:
        return int(text)
    except ValueError:
        raise bad_request(f'invalid value "{text}" for {name}: must be a whole number') from None


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """How to write. `manager` is who owns the fields afterwards; `validation` is Strict, Warn or Ignore."""

    manager: str
    dry_run: bool = False
    validation: str = "Warn"
    force: bool = False
    validation_asked: bool = False
    """Whether the client named a validation, so that it wants to hear of repeated fields as well."""


def write_options(query: Query, user_agent: str, *, kind: str, apply: bool = False) -> WriteOptions:
    """The options of create (`CreateOptions`), update and patch. Raises StatusError (422) naming the
    parameter.
    """
    if not query and not apply:
        return WriteOptions(manager_name("", user_agent))
    manager = first(query, "fieldManager")
    validation = first(query, "fieldValidation")
    dry_run = query.get("dryRun") or []
    errors: list[FieldError] = []
    if apply and not manager:
        errors.append(_error("fieldManager", fe.REQUIRED, detail="is required for apply patch"))
    if not apply and "force" in query and kind == "PatchOptions":
        errors.append(_error("force", fe.FORBIDDEN, detail="may not be specified for non-apply patch"))
    errors += check_manager_name(manager) + _dry_run_errors(dry_run)
    if validation not in ("", "Strict", "Warn", "Ignore"):
        supported = supported_values(["", "Ignore", "Strict", "Warn"])
        errors.append(_error("fieldValidation", fe.NOT_SUPPORTED, validation, supported))
    if errors:
        raise invalid(META, kind, "", errors)
    return WriteOptions(
        manager_name(manager, user_agent),
        bool(dry_run),
        validation or "Warn",
        apply and flag(query, "force"),
        bool(validation),
    )


def _dry_run_errors(dry_run: Sequence[str]) -> list[FieldError]:
    if all(value == "All" for value in dry_run):
        return []
    return [_error("dryRun", fe.NOT_SUPPORTED, list(dry_run), supported_values(["All"]))]


def _error(field: str, reason: str, value: Any = fe.OMITTED, detail: str = "") -> FieldError:
    return FieldError(field, reason, message_of(reason, value, detail))


@dataclass(frozen=True, slots=True)
class ListOptions:
    """What to list or watch."""

    labels: str
    fields: str
    limit: int
    continue_: str
    version: str
    match: str
    watch: bool
    initial_events: bool | None
    bookmarks: bool
    timeout: int | None


def list_options(query: Query, *, watch: bool) -> ListOptions:
    """The options of list, watch and deletecollection. Raises StatusError (400 or 422)."""
    initial = flag(query, "sendInitialEvents") if "sendInitialEvents" in query else None
    options = ListOptions(
        labels=first(query, "labelSelector"),
        fields=first(query, "fieldSelector"),
        limit=max(number(query, "limit") or 0, 0),
        continue_=first(query, "continue"),
        version=first(query, "resourceVersion"),
        match=first(query, "resourceVersionMatch"),
        watch=watch,
        initial_events=initial,
        bookmarks=flag(query, "allowWatchBookmarks"),
        timeout=number(query, "timeoutSeconds"),
    )
    errors = _watch_errors(options) if watch else _list_errors(options)
    if errors:
        raise invalid(META, "ListOptions", "", errors)
    return options


def _forbidden(field: str, detail: str) -> FieldError:
    return _error(field, fe.FORBIDDEN, detail=detail)


def _list_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match = "resourceVersionMatch"
    if options.match:
        if not options.version:
            errors.append(_forbidden(match, f"{match} is forbidden unless resourceVersion is provided"))
        if options.continue_:
            errors.append(_forbidden(match, f"{match} is forbidden when continue is provided"))
        if options.match not in ("Exact", "NotOlderThan"):
            supported = supported_values(["Exact", "NotOlderThan", ""])
            errors.append(_error(match, fe.NOT_SUPPORTED, options.match, supported))
        if options.match == "Exact" and options.version == "0":
            errors.append(_forbidden(match, f'{match} "exact" is forbidden for resourceVersion "0"'))
    if options.initial_events is not None:
        errors.append(_forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"))
    return errors


def _watch_errors(options: ListOptions) -> list[FieldError]:
    errors: list[FieldError] = []
    match = "resourceVersionMatch"
    if options.initial_events is not None and options.match != "NotOlderThan":
        errors.append(_forbidden(match, f"sendInitialEvents requires setting {match} to NotOlderThan"))
    if options.match:
        if options.initial_events is None:
            errors.append(
                _forbidden(match, f"{match} is forbidden for watch unless sendInitialEvents is provided")
            )
        if options.match != "NotOlderThan":
            errors.append(_error(match, fe.NOT_SUPPORTED, options.match, supported_values(["NotOlderThan"])))
        if options.continue_:
            errors.append(_forbidden(match, f"{match} is forbidden when continue is provided"))
    return errors


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. `policy` is Foreground, Background, Orphan or empty for the kind's own choice."""

    uid: str = ""
    version: str = ""
    policy: str = ""
    dry_run: bool = False
    orphan_dependents: bool | None = None
    """What clients said before there were policies; it decides whether 202 is answered."""


class _Preconditions(msgspec.Struct):
    uid: str | None = None
    resourceVersion: str | None = None  # noqa: N815 - as on the wire


class _DeleteBody(msgspec.Struct):
    kind: str | None = None
    preconditions: _Preconditions | None = None
    propagationPolicy: str | None = None  # noqa: N815 - as on the wire
    orphanDependents: bool | None = None  # noqa: N815 - as on the wire
    dryRun: list[str] | None = None  # noqa: N815 - as on the wire


def delete_options(query: Query, body: Mapping[str, Any] | None) -> DeleteOptions:
    """The options of delete, from the body when there is one. Raises StatusError (400 or 422)."""
    if body is None:
        orphan = flag(query, "orphanDependents") if "orphanDependents" in query else None
        body = {"propagationPolicy": first(query, "propagationPolicy") or None, "orphanDependents": orphan}
    try:
        sent = msgspec.convert(body, _DeleteBody)
    except msgspec.ValidationError as error:
        raise bad_request(f"DeleteOptions cannot be read: {error}") from None
    if sent.kind not in (None, "", "DeleteOptions"):
        raise bad_request("decoded object cannot be converted to DeleteOptions")
    policy, orphan = sent.propagationPolicy, sent.orphanDependents
    dry_run = [*(sent.dryRun or ()), *(query.get("dryRun") or ())]
    errors: list[FieldError] = []
    if policy and orphan is not None:
        detail = "orphanDependents and deletionPropagation cannot be both set"
        errors.append(_error("propagationPolicy", fe.INVALID, policy, detail))
    if policy and policy not in _POLICIES:
        supported = supported_values([*_POLICIES, "nil"])
        errors.append(_error("propagationPolicy", fe.NOT_SUPPORTED, policy, supported))
    errors += _dry_run_errors(dry_run)
    if errors:
        raise invalid(META, "DeleteOptions", "", errors)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    wanted = sent.preconditions or _Preconditions()
    return DeleteOptions(wanted.uid or "", wanted.resourceVersion or "", policy or "", bool(dry_run), orphan)
