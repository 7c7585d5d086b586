"""CustomResourceDefinitions as objects: what they may say, and what the server answers in their status.

The kinds they define are made in `custom_resources`. What this server cannot do (webhook conversion) is
refused here. Source: `k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from certwright.api import names
from certwright.apiserver import field_errors as fe
from certwright.apiserver.field_errors import FieldError, message_of, supported_values
from certwright.apiserver.jsonpath import JsonPathError, compile_path
from certwright.apiserver.kinds import Kinds, Object, Strategy
from certwright.apiserver.known_rules import unknown_rules
from certwright.apiserver.structural_rules import check_structural

CLEANUP: Final = "customresourcecleanup.apiextensions.k8s.io"
_APPROVAL: Final = "api-approved.kubernetes.io"
_APPROVAL_PAGE: Final = "https://github.com/kubernetes/enhancements/pull/1111"
_COLUMN_TYPES: Final = ("integer", "number", "string", "boolean", "date")
_COLUMN_FORMATS: Final = ("int32", "int64", "float", "double", "byte", "date", "date-time", "password")


def _error(field: str, reason: str, value: Any = fe.OMITTED, detail: str = "") -> FieldError:
    return FieldError(field, reason, message_of(reason, value, detail))


class DefinitionRules(Strategy):
    """Names, versions and schemas of a CustomResourceDefinition; its status conditions."""

    generation = True
    fields_of_status = ("status",)
    deletion_finalizers = (CLEANUP,)

    def __init__(self) -> None:
        self.kinds: Kinds | None = None
        """What is served already, to find names that are taken; set by the server."""

    def name_errors(self, name: str, *, prefix: bool) -> list[str]:
        """What is wrong with a name, or with the beginning of one."""
        return names.dns_subdomain(names.generated_name_prefix(name) if prefix else name)

    def normalize(self, obj: Object) -> None:
        """Bring it into the stored form."""
        spec = obj.get("spec")
        if not isinstance(spec, dict):
            return
        spec = obj["spec"] = dict(spec)
        if not spec.get("conversion"):
            spec["conversion"] = {"strategy": "None"}
        wanted = spec.get("names")
        if isinstance(wanted, dict) and isinstance(wanted.get("kind"), str) and wanted["kind"]:
            kind = wanted["kind"]
            spec["names"] = {"singular": kind.lower(), "listKind": f"{kind}List", **_present(wanted)}

    def prepare(self, new: Object, old: Object | None) -> None:
        """Say in the status whether the names are accepted."""
        if old is None or new.get("spec") != old.get("spec"):
            new["status"] = self._status(new, (old or {}).get("status") or {})

    def _status(self, new: Object, old: Object) -> Object:
        spec = new.get("spec") or {}
        stored = list(old.get("storedVersions") or ())
        for version in spec.get("versions") or ():
            if isinstance(version, dict) and version.get("storage") and version.get("name") not in stored:
                stored.append(version["name"])
        time = new["metadata"]["creationTimestamp"]
        taken = self._taken(spec)
        if taken:
            accepted = _condition("NamesAccepted", "False", taken[0], taken[1], time)
            established = _condition(
                "Established", "False", "NotAccepted", "not all names are accepted", time
            )
        else:
            accepted = _condition("NamesAccepted", "True", "NoConflicts", "no conflicts found", time)
            text = "the initial names have been accepted"
            established = _condition("Established", "True", "InitialNamesAccepted", text, time)
        return {
            "acceptedNames": {"kind": "", "plural": ""} if taken else spec.get("names"),
            "conditions": [accepted, established],
            "storedVersions": stored,
        }

    def _taken(self, spec: Object) -> tuple[str, str] | None:
        """Why a name cannot be had: another resource of the group has it."""
        wanted, plural = spec.get("names") or {}, (spec.get("names") or {}).get("plural")
        for kind in self.kinds or ():
            if kind.group != spec.get("group") or kind.plural == plural:
                continue
            used = {kind.plural, kind.singular, *kind.short_names}
            for field in ("plural", "singular"):
                if wanted.get(field) in used:
                    return f"{field.capitalize()}Conflict", f'"{wanted[field]}" is already in use'
            for short in wanted.get("shortNames") or ():
                if short in used:
                    return "ShortNamesConflict", f'"{short}" is already in use'
            for field in ("kind", "listKind"):
                if wanted.get(field) in (kind.kind, kind.list_kind):
                    return f"{field[0].upper()}{field[1:]}Conflict", f'"{wanted[field]}" is already in use'
        return None

    def errors(self, new: Object, old: Object | None) -> list[FieldError]:
        """What is wrong beyond the schema."""
        spec = new.get("spec") or {}
        wanted = spec.get("names") or {}
        full_name = f"{wanted.get('plural', '')}.{spec.get('group', '')}"
        found: list[FieldError] = []
        if new["metadata"].get("name") != full_name:
            detail = 'must be spec.names.plural+"."+spec.group'
            found.append(_error("metadata.name", fe.INVALID, new["metadata"].get("name"), detail))
        found += _group_errors(spec.get("group") or "", new["metadata"].get("annotations") or {})
        scope = spec.get("scope") or ""
        if not scope:
            found.append(_error("spec.scope", fe.REQUIRED))
        elif scope not in ("Cluster", "Namespaced"):
            found.append(
                _error("spec.scope", fe.NOT_SUPPORTED, scope, supported_values(["Cluster", "Namespaced"]))
            )
        found += _names_errors(wanted)
        found += _versions_errors(spec)
        if (spec.get("conversion") or {}).get("strategy", "None") != "None":
            strategy = spec["conversion"]["strategy"]
            supported = supported_values(["None"]) + " (this server does not call conversion webhooks)"
            found.append(_error("spec.conversion.strategy", fe.NOT_SUPPORTED, strategy, supported))
        if spec.get("preserveUnknownFields"):
            detail = "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in "
            detail += "spec.versions[*].schema instead"
            found.append(_error("spec.preserveUnknownFields", fe.INVALID, True, detail))
        if old is not None:
            found += _update_errors(spec, old.get("spec") or {})
        return found

    def warnings(self, new: Object) -> list[str]:
        """What to warn of."""
        return [
            f"spec.versions[{index}]: x-kubernetes-validations rules are stored, but only evaluated where "
            "this server knows them"
            for index, version in enumerate(new["spec"].get("versions") or ())
            if unknown_rules(version.get("schema"))
        ]


def _present(fields: Object) -> Object:
    return {name: value for name, value in fields.items() if value}


def _condition(type_: str, status: str, reason: str, message: str, time: str) -> Object:
    return {"type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": time}


def _group_errors(group: str, annotations: Object) -> list[FieldError]:
    if not group:
        return [_error("spec.group", fe.REQUIRED)]
    complaints = names.dns_subdomain(group)
    if complaints:
        return [_error("spec.group", fe.INVALID, group, ",".join(complaints))]
    if "." not in group:
        return [_error("spec.group", fe.INVALID, group, "should be a domain with at least one dot")]
    if group.endswith((".k8s.io", ".kubernetes.io")) and not annotations.get(_APPROVAL):
        detail = f'protected groups must have approval annotation "{_APPROVAL}", see {_APPROVAL_PAGE}'
        return [_error(f"metadata.annotations[{_APPROVAL}]", fe.REQUIRED, detail=detail)]
    return []


def _names_errors(wanted: Object) -> list[FieldError]:
    found: list[FieldError] = []
    for field, lower in (("plural", False), ("singular", False), ("kind", True), ("listKind", True)):
        value = wanted.get(field) or ""
        path = f"spec.names.{field}"
        if not value:
            found.append(_error(path, fe.REQUIRED))
            continue
        for complaint in names.dns_1035_label(value.lower() if lower else value):
            detail = f"may have mixed case, but should otherwise match: {complaint}" if lower else complaint
            found.append(_error(path, fe.INVALID, value, detail))
    for index, short in enumerate(wanted.get("shortNames") or ()):
        path = f"spec.names.shortNames[{index}]"
        found += [_error(path, fe.INVALID, short, complaint) for complaint in names.dns_1035_label(short)]
    if wanted.get("kind") and wanted.get("kind") == wanted.get("listKind"):
        detail = "kind and listKind may not be the same"
        found.append(_error("spec.names.listKind", fe.INVALID, wanted["listKind"], detail))
    return found


def _versions_errors(spec: Object) -> list[FieldError]:
    versions = [version for version in spec.get("versions") or () if isinstance(version, dict)]
    found: list[FieldError] = []
    if not versions:
        return [_error("spec.versions", fe.INVALID, [], "must have at least one version")]
    if sum(bool(version.get("storage")) for version in versions) != 1:
        detail = "must have exactly one version marked as storage version"
        found.append(_error("spec.versions", fe.INVALID, [_shown(v) for v in versions], detail))
    if len({version.get("name") for version in versions}) != len(versions):
        detail = "must contain unique version names"
        found.append(_error("spec.versions", fe.INVALID, [_shown(v) for v in versions], detail))
    for index, version in enumerate(versions):
        found += _version_errors(version, f"spec.versions[{index}]", alone=len(versions) == 1)
    return found


def _shown(version: Object) -> Object:
    return {key: version[key] for key in ("name", "served", "storage") if key in version}


def _version_errors(version: Object, path: str, *, alone: bool) -> list[FieldError]:
    found = [
        _error(f"{path}.name", fe.INVALID, version.get("name"), text)
        for text in names.dns_1035_label(version.get("name") or "")
    ]
    schema = (version.get("schema") or {}).get("openAPIV3Schema")
    if not isinstance(schema, dict) or not schema:
        return [*found, _error(f"{path}.schema.openAPIV3Schema", fe.REQUIRED, detail="schemas are required")]
    # with one version, upstream reports its schema at the place where v1beta1 had it
    below = "spec.validation.openAPIV3Schema" if alone else f"{path}.schema.openAPIV3Schema"
    found += [FieldError(_join(below, e.field), e.reason, e.message) for e in check_structural(schema)]
    for index, column in enumerate(version.get("additionalPrinterColumns") or ()):
        found += _column_errors(column, f"{path}.additionalPrinterColumns[{index}]")
    for index, field in enumerate(version.get("selectableFields") or ()):
        where = field.get("jsonPath") or ""
        if not re.fullmatch(r"(\.[A-Za-z0-9_-]+)+", where):
            detail = "must be a simple path such as .spec.name"
            found.append(_error(f"{path}.selectableFields[{index}].jsonPath", fe.INVALID, where, detail))
    return found


def _join(path: str, field: str) -> str:
    if not field:
        return path
    return path + field if field.startswith("[") else f"{path}.{field}"


def _column_errors(column: Object, path: str) -> list[FieldError]:
    found = [
        _error(f"{path}.{part}", fe.REQUIRED) for part in ("name", "type", "jsonPath") if not column.get(part)
    ]
    kind, form = column.get("type"), column.get("format")
    if kind and kind not in _COLUMN_TYPES:
        found.append(_error(f"{path}.type", fe.INVALID, kind, f"must be one of {','.join(_COLUMN_TYPES)}"))
    if form and form not in _COLUMN_FORMATS:
        found.append(
            _error(f"{path}.format", fe.INVALID, form, f"must be one of {','.join(_COLUMN_FORMATS)}")
        )
    try:
        compile_path(column.get("jsonPath") or "")
    except JsonPathError as problem:
        found.append(_error(f"{path}.jsonPath", fe.INVALID, column["jsonPath"], str(problem)))
    return found


def _update_errors(spec: Object, old: Object) -> list[FieldError]:
    found: list[FieldError] = []
    fields = [("spec.group", ("group",)), ("spec.scope", ("scope",)), ("spec.names.kind", ("names", "kind"))]
    for path, steps in [*fields, ("spec.names.plural", ("names", "plural"))]:
        ours, theirs = _at(spec, steps), _at(old, steps)
        if ours != theirs:
            found.append(_error(path, fe.INVALID, ours, "field is immutable"))
    return found


def _at(spec: Object, steps: tuple[str, ...]) -> Any:
    value: Any = spec
    for step in steps:
        value = (value or {}).get(step)
    return value
