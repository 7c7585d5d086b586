"""Unknown fields, removed and named, as compiled from a structural schema. Known fields are never touched.

Source: apiextensions `pruning`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from certwright.apiserver.scalar_checks import render

_META_FIELDS: Final = frozenset(("apiVersion", "kind", "metadata"))
JsonObject = dict[str, Any]
Trail = tuple[str | int, ...]
Prune = Callable[[Any, Trail, list[str]], None]


def compile_prune(schema: JsonObject) -> Prune | None:
    """What prunes one schema node, given the way to it; None where there is never anything to do."""
    kind = schema.get("type", "")
    keep = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    of_list = _prune_list(schema, keep) if kind in ("array", "") else None
    of_object = _prune_object(schema, keep) if kind in ("object", "") else None
    if of_list is None and of_object is None:
        return None

    def prune(value: Any, trail: Trail, found: list[str]) -> None:
        if type(value) is dict and of_object is not None:
            of_object(value, trail, found)
        elif type(value) is list and of_list is not None:
            of_list(value, trail, found)

    return prune


def _prune_list(schema: JsonObject, keep: bool) -> Prune | None:
    item = schema.get("items")
    if keep:
        # Below a preserving list its items preserve as well, except in what they describe.
        inner = compile_prune({**item, "x-kubernetes-preserve-unknown-fields": True}) if item else None
    else:
        inner = compile_prune(item) if isinstance(item, dict) else _prune_all
    if inner is None:
        return None

    def prune(value: Any, trail: Trail, found: list[str]) -> None:
        for index, child in enumerate(value):
            if type(child) is dict or type(child) is list:
                inner(child, (*trail, index), found)

    return prune


def _prune_object(schema: JsonObject, keep: bool) -> Prune | None:
    properties: JsonObject = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    inner = {name: part for name, sub in properties.items() if (part := compile_prune(sub)) is not None}
    of_extra = compile_prune(extra) if isinstance(extra, dict) else None
    if extra is True or extra is False:
        of_extra = _prune_all
    closed = not keep and extra is None
    if not closed and not inner and of_extra is None:
        return None
    known = properties.keys()

    def prune(value: Any, trail: Trail, found: list[str]) -> None:
        if closed and not value.keys() <= known:
            for name in [name for name in value if name not in known]:
                del value[name]
                if trail or name not in _META_FIELDS:
                    found.append(render((*trail, name)))
        for name, child in value.items():
            part = inner.get(name) or (of_extra if name not in known else None)
            if part is not None and (type(child) is dict or type(child) is list):
                part(child, (*trail, name), found)

    return prune


def _prune_all(value: Any, trail: Trail, found: list[str]) -> None:
    """Below a map whose values have no schema nothing is known: objects lose all their fields."""
    if type(value) is list:
        for index, child in enumerate(value):
            _prune_all(child, (*trail, index), found)
    elif type(value) is dict:
        found.extend(render((*trail, name)) for name in value)
        value.clear()
