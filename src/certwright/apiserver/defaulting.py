"""Defaults, compiled from a structural schema: wrong nulls go, then missing fields are filled in.

It knows nothing of pruning or validation. Source: apiextensions `defaulting`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

JsonObject = dict[str, Any]
Default = Callable[[Any], None]


def compile_default(schema: JsonObject) -> Default | None:
    """What fills in one schema node, in place; None where there is never anything to do."""
    parts = [part for part in (_default_object(schema), _default_list(schema)) if part is not None]
    if len(parts) < 2:
        return parts[0] if parts else None
    first, second = parts

    def both(value: Any) -> None:
        first(value)
        second(value)

    return both


def _default_object(schema: JsonObject) -> Default | None:
    properties: JsonObject = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    if not properties and not isinstance(extra, dict):
        return None
    inner = {name: part for name, sub in properties.items() if (part := compile_default(sub)) is not None}
    defaults = [(name, sub["default"]) for name, sub in properties.items() if sub.get("default") is not None]
    of_extra = compile_default(extra) if isinstance(extra, dict) else None

    def fill(value: Any) -> None:
        if type(value) is not dict:
            return
        if None in value.values():
            _drop_nulls(value, properties, extra)
        for name, default in defaults:
            if name not in value:
                value[name] = copy_json(default)
        for name, child in value.items():
            part = inner.get(name)
            if part is not None:
                part(child)
            elif of_extra is not None and name not in properties:
                of_extra(child)

    return fill


def _drop_nulls(value: JsonObject, properties: JsonObject, extra: Any) -> None:
    """Nulls stay where the schema says nullable, or says nothing; in maps a default takes their place."""
    for name in [name for name, child in value.items() if child is None]:
        schema = properties.get(name, extra)
        if not isinstance(schema, dict) or schema.get("nullable"):
            continue
        if name in properties or schema.get("default") is None:
            del value[name]
        else:
            value[name] = copy_json(schema["default"])


def _default_list(schema: JsonObject) -> Default | None:
    item = schema.get("items")
    if not isinstance(item, dict):
        return None
    inner = compile_default(item)
    default = None if item.get("nullable") else item.get("default")
    if inner is None and default is None:
        return None

    def fill(value: Any) -> None:
        if type(value) is not list:
            return
        for index, child in enumerate(value):
            if child is None and default is not None:
                value[index] = copy_json(default)
            if inner is not None:
                inner(value[index])

    return fill


def copy_json(value: Any) -> Any:
    """A deep copy of a JSON value (several times faster than copy.deepcopy)."""
    if type(value) is dict:
        return {key: copy_json(child) for key, child in value.items()}
    if type(value) is list:
        return [copy_json(child) for child in value]
    return value
