"""From a CustomResourceDefinition to the kinds it defines. Whether the definition is in order, `definitions`
says.

Source: `k8s.io/apiextensions-apiserver/pkg/registry/customresource` (strategies, table columns).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from certwright.api import names
from certwright.apiserver.durations import UNKNOWN, age
from certwright.apiserver.jsonpath import Finder, compile_path
from certwright.apiserver.kinds import Column, Kind, Object, Strategy
from certwright.apiserver.known_rules import RULES
from certwright.apiserver.structural import compile_schema


class CustomRules(Strategy):
    """What objects of run-time kinds have in common: updates name the version they are based on."""

    unconditional_update = False
    generation = True

    def __init__(self, fields_of_status: tuple[str, ...]) -> None:
        self.fields_of_status = fields_of_status

    def name_errors(self, name: str, *, prefix: bool) -> list[str]:
        """What is wrong with a name, or with the beginning of one."""
        return names.dns_subdomain(names.generated_name_prefix(name) if prefix else name)


def is_served(definition: Object) -> bool:
    """Whether the names of a definition are accepted, so that its kinds can be used."""
    conditions = (definition.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Established" and c.get("status") == "True" for c in conditions)


def kinds_of(definition: Object) -> list[Kind]:
    """The kinds to serve, one for each served version, the preferred one first."""
    spec = definition["spec"]
    versions = [version for version in spec["versions"] if version.get("served")]
    versions.sort(key=lambda version: version_order(version["name"]))
    stored = next(version["name"] for version in spec["versions"] if version.get("storage"))
    return [_kind(spec, version, stored, preferred=index == 0) for index, version in enumerate(versions)]


def version_order(name: str) -> tuple[int, int, int, str]:
    """Sorts v10 before v2 before v1 before v1beta2 before v1alpha1 before anything else (Kubernetes'
    priority).
    """
    for rank, stage in enumerate(("", "beta", "alpha")):
        major, found, minor = name[1:].partition(stage) if stage else (name[1:], "", "0")
        if name.startswith("v") and major.isdecimal() and minor.isdecimal() and (found or not stage):
            return rank, -int(major), -int(minor), ""
    return 3, 0, 0, name


def _kind(spec: Object, version: Object, stored: str, *, preferred: bool) -> Kind:
    named = spec["names"]
    document = version["schema"]["openAPIV3Schema"]
    subresources = version.get("subresources") or {}
    has_status = "status" in subresources
    group = spec["group"]
    return Kind(
        group=group,
        version=version["name"],
        plural=named["plural"],
        singular=named.get("singular") or named["kind"].lower(),
        kind=named["kind"],
        list_kind=named.get("listKind") or named["kind"] + "List",
        namespaced=spec["scope"] == "Namespaced",
        schema=compile_schema(document, RULES),
        document=document,
        strategy=CustomRules(("status",) if has_status else ()),
        columns=tuple(_columns(version.get("additionalPrinterColumns") or ())),
        short_names=tuple(named.get("shortNames") or ()),
        categories=tuple(named.get("categories") or ()),
        status=has_status,
        selectable=tuple(field["jsonPath"].lstrip(".") for field in version.get("selectableFields") or ()),
        preferred=preferred,
        custom=True,
        not_served=("scale",) if "scale" in subresources else (),
        stored_api_version=f"{group}/{stored}",
        other_versions=len(spec["versions"]) > 1,
        deprecation=_deprecation(spec, version),
    )


def _deprecation(spec: Object, version: Object) -> str:
    if not version.get("deprecated"):
        return ""
    text: str = version.get("deprecationWarning") or ""
    return text or f"{spec['group']}/{version['name']} {spec['names']['kind']} is deprecated"


def _columns(declared: Iterable[Object]) -> Iterable[Column]:
    yield Column(
        "Name", "string", lambda obj, _now: obj["metadata"].get("name"), "name", "Name of the object."
    )
    if not declared:
        declared = [{"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"}]
    for column in declared:
        yield Column(
            column["name"],
            column["type"],
            _cell(column["type"], compile_path(column["jsonPath"])),
            column.get("format") or "",
            column.get("description") or "Column of the resource, as its definition describes it.",
            column.get("priority") or 0,
        )


def _cell(kind: str, find: Finder) -> Callable[[Object, float], Any]:
    shown = _SHOWN[kind]

    def cell(obj: Object, now: float) -> Any:
        found = find(obj)
        return shown(found[0], now) if found else None

    return cell


def _text(value: Any, _now: float) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _integer(value: Any, _now: float) -> int | None:
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _number(value: Any, _now: float) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _boolean(value: Any, _now: float) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(value: Any, now: float) -> str:
    return age(value, now) if isinstance(value, str) else UNKNOWN


_SHOWN: dict[str, Callable[[Any, float], Any]] = {
    "string": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "date": _date,
}
