"""Is a schema structural, so that objects can be pruned and defaulted by it? Objects are not looked at.

    check_structural(version["schema"]["openAPIV3Schema"])  # every violation, [] if none

Paths are relative to the schema: `properties[spec].items.type`.
Source: apiextensions `validation` and `schema`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from certwright.apiserver import field_errors as fe
from certwright.apiserver.defaulting import copy_json
from certwright.apiserver.field_errors import FieldError, message_of
from certwright.apiserver.scalar_checks import go_pattern
from certwright.apiserver.structural import compile_schema

Schema = dict[str, Any]

_TYPES: Final = ("array", "boolean", "integer", "number", "object", "string")
_TEXT, _FLAG, _NUMBER, _COUNT, _LIST, _OBJECT = (str,), (bool,), (int, float), (int,), (list,), (dict,)
_ANY: Final = (object,)
_KEYWORDS: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(("type", "title", "description", "format", "pattern"), _TEXT),
    **dict.fromkeys(("nullable", "exclusiveMaximum", "exclusiveMinimum", "uniqueItems"), _FLAG),
    **dict.fromkeys(("maximum", "minimum", "multipleOf"), _NUMBER),
    **dict.fromkeys(
        ("maxLength", "minLength", "maxItems", "minItems", "maxProperties", "minProperties"), _COUNT
    ),
    **dict.fromkeys(("required", "enum", "allOf", "anyOf", "oneOf"), _LIST),
    **dict.fromkeys(("properties", "items", "not", "externalDocs"), _OBJECT),
    "additionalProperties": (bool, dict),
    **dict.fromkeys(("default", "example"), _ANY),
    **dict.fromkeys(
        (
            "x-kubernetes-preserve-unknown-fields",
            "x-kubernetes-embedded-resource",
            "x-kubernetes-int-or-string",
        ),
        _FLAG,
    ),
    **dict.fromkeys(("x-kubernetes-list-type", "x-kubernetes-map-type"), _TEXT),
    **dict.fromkeys(("x-kubernetes-list-map-keys", "x-kubernetes-validations"), _LIST),
}
_UNSUPPORTED: Final = frozenset(
    ("$ref", "$schema", "id", "patternProperties", "dependencies", "additionalItems", "definitions")
)
_NOT_IN_BRANCHES: Final = (
    "title",
    "description",
    "default",
    "nullable",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys",
    "x-kubernetes-list-type",
    "x-kubernetes-map-type",
    "x-kubernetes-validations",
)
_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]


def check_structural(schema: Schema) -> list[FieldError]:
    """Every way in which the schema of a custom resource is not structural, by path; empty if it is."""
    found = list(_shapes(schema, ""))
    if not found:
        found = [*_root(schema), *_node(schema, "", "root")]
    if not found:
        found = list(_defaults(schema, ""))
    return sorted(dict.fromkeys(found), key=str)


def _error(path: str, name: str, reason: str, detail: str, value: Any = fe.OMITTED) -> FieldError:
    where = f"{path}.{name}" if path and name else path or name
    return FieldError(where or fe.NO_FIELD, reason, message_of(reason, value, detail))


def _at(path: str, *names: str) -> str:
    return ".".join(part for part in (path, *names) if part)


def _subschemas(schema: Schema, path: str) -> Iterator[tuple[str, Any]]:
    """What describes parts of a value: properties, items, additionalProperties."""
    for name, sub in schema.get("properties", {}).items():
        yield _at(path, f"properties[{name}]"), sub
    for word in ("items", "additionalProperties"):
        if word in schema and not isinstance(schema[word], bool):
            yield _at(path, word), schema[word]


def _branches(schema: Schema, path: str) -> Iterator[tuple[str, Any]]:
    """What describes the same value once more."""
    for word in ("allOf", "anyOf", "oneOf"):
        for index, sub in enumerate(schema.get(word, ())):
            yield _at(path, f"{word}[{index}]"), sub
    if "not" in schema:
        yield _at(path, "not"), schema["not"]


# Keywords


def _shapes(schema: Any, path: str) -> Iterator[FieldError]:
    """Keywords that are unknown, unsupported, or hold the wrong kind of value."""
    if not isinstance(schema, dict):
        yield _error(path, "", fe.INVALID, "must be a schema", schema)
        return
    wrong = False
    for word, value in schema.items():
        if word in _UNSUPPORTED:
            yield _error(path, word, fe.FORBIDDEN, f"{word} is not supported")
        elif word not in _KEYWORDS:
            if not word.startswith("x-"):
                yield _error(path, word, fe.FORBIDDEN, "is not a keyword of a structural schema")
        elif not _fits(value, _KEYWORDS[word]):
            wrong = True
            yield _error(path, word, fe.INVALID, "has the wrong type", value)
    if not wrong:
        for where, sub in (*_subschemas(schema, path), *_branches(schema, path)):
            yield from _shapes(sub, where)


def _fits(value: Any, kinds: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return bool in kinds or object in kinds
    return isinstance(value, kinds)


# Structure


def _root(schema: Schema) -> Iterator[FieldError]:
    if schema.get("type", "object") != "object":
        yield _error("", "type", fe.INVALID, "must be object at the root", schema["type"])
    if schema.get("nullable"):
        yield _error("", "nullable", fe.FORBIDDEN, "cannot be true at the root")
    if "additionalProperties" in schema:
        yield _error("", "additionalProperties", fe.FORBIDDEN, "must not be used at the root")
    metadata = schema.get("properties", {}).get("metadata", {})
    extra = set(metadata) - {"type", "description", "properties"}
    if extra or set(metadata.get("properties", {})) - {"name", "generateName"}:
        detail = "may only restrict name and generateName; the rest of metadata is implied"
        yield _error("", "properties[metadata]", fe.FORBIDDEN, detail)
    for name in ("apiVersion", "kind"):
        if "default" in schema.get("properties", {}).get(name, {}):
            where = f"properties[{name}]"
            yield _error(where, "default", fe.FORBIDDEN, f"must not be set in top-level {name}")


def _node(schema: Schema, path: str, level: str) -> Iterator[FieldError]:
    yield from _type(schema, path, level)
    yield from _values(schema, path)
    yield from _extensions(schema, path)
    yield from _list_type(schema, path)
    if schema.get("properties") and schema.get("additionalProperties", True) is not True:
        detail = "additionalProperties and properties are mutual exclusive"
        yield _error(path, "additionalProperties", fe.FORBIDDEN, detail)
    for where, sub in _subschemas(schema, path):
        yield from _node(sub, where, "item" if where.endswith(".items") or where == "items" else "field")
    spared = _spared(schema)
    for where, sub in _branches(schema, path):
        yield from _branch(sub, where, spared)


def _type(schema: Schema, path: str, level: str) -> Iterator[FieldError]:
    kind = schema.get("type", "")
    free = schema.get("x-kubernetes-int-or-string") or schema.get("x-kubernetes-preserve-unknown-fields")
    if kind == "null":
        yield _error(path, "type", fe.FORBIDDEN, "cannot be null, use nullable instead")
    elif kind and kind not in _TYPES:
        yield _error(path, "type", fe.NOT_SUPPORTED, fe.supported_values(_TYPES), kind)
    elif not kind and not free:
        place = {"root": "at the root", "item": "for array items", "field": "for object fields"}[level]
        yield _error(path, "type", fe.REQUIRED, f"must not be empty {place}")
    if kind == "array" and "items" not in schema:
        yield _error(path, "items", fe.REQUIRED, "must be specified")
    if schema.get("x-kubernetes-embedded-resource"):
        yield from _embedded(schema, path)


def _embedded(schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("type") != "object":
        kind = schema.get("type", "")
        yield _error(path, "type", fe.INVALID, "must be object for an embedded resource", kind)
    if "additionalProperties" in schema:
        yield _error(path, "additionalProperties", fe.FORBIDDEN, "must not be used in an embedded resource")
    if not schema.get("properties") and not schema.get("x-kubernetes-preserve-unknown-fields"):
        detail = "must not be empty in an embedded resource that does not preserve unknown fields"
        yield _error(path, "properties", fe.REQUIRED, detail)


def _values(schema: Schema, path: str) -> Iterator[FieldError]:
    if schema.get("uniqueItems"):
        detail = "cannot be true, its cost grows with the square of the list"
        yield _error(path, "uniqueItems", fe.FORBIDDEN, detail)
    if schema.get("pattern"):
        try:
            go_pattern(schema["pattern"])
        except re.error as error:
            detail = f"must be a regular expression this server can run: {error}"
            yield _error(path, "pattern", fe.INVALID, detail, schema["pattern"])
    if any(not isinstance(name, str) for name in schema.get("required", ())):
        yield _error(path, "required", fe.INVALID, "must be a list of field names", schema["required"])


def _extensions(schema: Schema, path: str) -> Iterator[FieldError]:
    preserve = "x-kubernetes-preserve-unknown-fields"
    if schema.get(preserve) is False:
        yield _error(path, preserve, fe.INVALID, "must be true or undefined", False)
    if schema.get("x-kubernetes-int-or-string"):
        for word in (preserve, "x-kubernetes-embedded-resource"):
            if schema.get(word):
                yield _error(
                    path, word, fe.INVALID, "must be false if x-kubernetes-int-or-string is true", True
                )
    map_type = schema.get("x-kubernetes-map-type")
    if map_type is not None:
        if schema.get("type") != "object":
            yield _error(path, "type", fe.INVALID, "must be object for a map type", schema.get("type", ""))
        if map_type not in ("atomic", "granular"):
            detail = fe.supported_values(("atomic", "granular"))
            yield _error(path, "x-kubernetes-map-type", fe.NOT_SUPPORTED, detail, map_type)
    for index, rule in enumerate(schema.get("x-kubernetes-validations", ())):
        if not isinstance(rule, dict) or not isinstance(rule.get("rule"), str) or not rule["rule"].strip():
            where = _at(path, f"x-kubernetes-validations[{index}]")
            yield _error(where, "rule", fe.REQUIRED, "rule is not specified")


def _list_type(schema: Schema, path: str) -> Iterator[FieldError]:
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", [])
    if keys and kind != "map":
        yield _error(path, "x-kubernetes-list-type", fe.REQUIRED, "must be map if there are list map keys")
    if kind is None:
        return
    if kind not in ("atomic", "set", "map"):
        detail = fe.supported_values(("atomic", "set", "map"))
        yield _error(path, "x-kubernetes-list-type", fe.NOT_SUPPORTED, detail, kind)
    items: Schema = schema.get("items", {})
    if schema.get("type") != "array":
        yield _error(path, "type", fe.INVALID, "must be array for a list type", schema.get("type", ""))
    elif kind in ("set", "map") and items.get("nullable"):
        yield _error(_at(path, "items"), "nullable", fe.FORBIDDEN, f"cannot be true in a list of type {kind}")
    if kind == "set":
        yield from _set_items(items, _at(path, "items"))
    elif kind == "map":
        yield from _map_items(items, keys, path)


def _set_items(items: Schema, path: str) -> Iterator[FieldError]:
    detail = "must be atomic as item of a set"
    if items.get("type") == "object" and items.get("x-kubernetes-map-type") != "atomic":
        yield _error(path, "x-kubernetes-map-type", fe.INVALID, detail, items.get("x-kubernetes-map-type"))
    if items.get("type") == "array" and items.get("x-kubernetes-list-type", "atomic") != "atomic":
        yield _error(path, "x-kubernetes-list-type", fe.INVALID, detail, items["x-kubernetes-list-type"])


def _map_items(items: Schema, keys: list[Any], path: str) -> Iterator[FieldError]:
    word = "x-kubernetes-list-map-keys"
    if not keys:
        yield _error(path, word, fe.REQUIRED, "must not be empty in a list of type map")
    if items.get("type") != "object":
        kind = items.get("type", "")
        yield _error(_at(path, "items"), "type", fe.INVALID, "must be object in a list of type map", kind)
        return
    properties: Schema = items.get("properties", {})
    if len(set(map(str, keys))) < len(keys):
        yield _error(path, word, fe.INVALID, "must not contain duplicate entries", keys)
    for key in keys:
        if key not in properties:
            yield _error(path, word, fe.INVALID, "entries must all be names of item properties", keys)
            continue
        where = _at(path, "items", f"properties[{key}]")
        if properties[key].get("type") in ("array", "object"):
            kind = properties[key]["type"]
            yield _error(where, "type", fe.INVALID, "must be a scalar type for a list map key", kind)
        if properties[key].get("nullable"):
            yield _error(where, "nullable", fe.FORBIDDEN, "cannot be true for a list map key")
        if key not in items.get("required", ()) and properties[key].get("default") is None:
            detail = "a list map key must be required or have a default"
            yield _error(where, "default", fe.REQUIRED, detail)


# Branches: anyOf, oneOf, allOf, not


def _spared(schema: Schema) -> set[int]:
    """The branches by which int-or-string is commonly spelled: `anyOf`, or `anyOf` in the first `allOf`."""
    spelled = schema.get("anyOf")
    if spelled == _INT_OR_STRING:
        return {id(branch) for branch in spelled}
    first = next(iter(schema.get("allOf", ())), None)
    if isinstance(first, dict) and first.get("anyOf") == _INT_OR_STRING:
        return {id(branch) for branch in first["anyOf"]}
    return set()


def _branch(schema: Schema, path: str, spared: set[int]) -> Iterator[FieldError]:
    """Branches may say what values are allowed, not what the structure is."""
    if id(schema) in spared:
        return
    if schema.get("type"):
        yield _error(path, "type", fe.FORBIDDEN, "must be empty to be structural")
    for word in _NOT_IN_BRANCHES:
        if schema.get(word):
            yield _error(path, word, fe.FORBIDDEN, "must be undefined to be structural")
    if "metadata" in schema.get("properties", {}):
        yield _error(path, "properties[metadata]", fe.FORBIDDEN, "must not be specified in a nested context")
    yield from _values(schema, path)
    for where, sub in (*_subschemas(schema, path), *_branches(schema, path)):
        yield from _branch(sub, where, spared)


# Defaults


def _defaults(schema: Schema, path: str) -> Iterator[FieldError]:
    """A default must pass its own schema, and hold nothing that pruning would take out."""
    if schema.get("default") is not None:
        compiled = compile_schema({**schema, "default": None}, resource=False)
        for error in compiled.validate(schema["default"]):
            inner = "" if error.field == fe.NO_FIELD else error.field
            yield FieldError(_at(path, "default", inner), error.reason, error.message)
        unknown = compiled.prune(copy_json(schema["default"]))
        if unknown:
            detail = f"must not have unknown fields: {', '.join(unknown)}"
            yield _error(path, "default", fe.INVALID, detail, schema["default"])
    for where, sub in _subschemas(schema, path):
        yield from _defaults(sub, where)
