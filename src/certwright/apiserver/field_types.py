"""How the fields of a kind merge: which maps and lists are owned as a whole, and what tells list items apart.

Compiled from a structural schema, once per kind. Not a validator: a value of an unexpected type is merged as
whatever it is. Where no schema describes an object, maps are of single fields and lists are owned as a whole.

Source: kube-openapi `schemaconv`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Final

from certwright.apiserver.field_errors import go_json


class Shape(IntEnum):
    """How one value is treated."""

    LEAF = 0
    MAP = 1
    LIST = 2


class UnkeyedItemError(ValueError):
    """A list item that cannot be told apart from the others: it lacks its keys, or is of the wrong type."""


@dataclass(slots=True, eq=False)
class FieldType:
    """What the schema says about one place. `element` is for keys that `fields` does not name."""

    is_scalar: bool = False
    is_map: bool = False
    is_list: bool = False
    whole_map: bool = False
    whole_list: bool = True
    fields: dict[str, FieldType] = field(default_factory=dict)
    element: FieldType | None = None
    item: FieldType | None = None
    keys: tuple[str, ...] = ()
    key_defaults: dict[str, Any] = field(default_factory=dict)

    def below(self, name: str) -> FieldType:
        """The type of a map's field."""
        return self.fields.get(name) or self.element or DEDUCED

    def items(self) -> FieldType:
        """The type of a list's items."""
        return self.item or UNTYPED

    def shape(self, value: Any) -> Shape:
        """How to treat a value here: as the schema allows, or else as the schema would have it."""
        kind = type(value)
        if kind is dict:
            if self.is_map:
                return Shape.LEAF if self.whole_map else Shape.MAP
        elif kind is list:
            if self.is_list:
                return Shape.LEAF if self.whole_list else Shape.LIST
        elif value is not None and self.is_scalar:
            return Shape.LEAF
        if self.is_map:
            return Shape.LEAF if self.whole_map else Shape.MAP
        return Shape.LIST if self.is_list and not self.is_scalar and not self.whole_list else Shape.LEAF

    def step(self, item: Any) -> str:
        """The path step of a list item. Raises UnkeyedItemError."""
        if not self.keys:
            if item is None or isinstance(item, dict | list):
                raise UnkeyedItemError("an item of a set must be a scalar")
            return "v:" + go_json(item)
        if not isinstance(item, dict):
            raise UnkeyedItemError("an item of a keyed list must be an object")
        if len(self.keys) == 1 and type(value := item.get(self.keys[0])) is str and value.isidentifier():
            return f'k:{{"{self.keys[0]}":"{value}"}}'
        found = {key: item.get(key, self.key_defaults.get(key)) for key in self.keys}
        present = {key: value for key, value in found.items() if value is not None or key in item}
        if not present:
            raise UnkeyedItemError(f"an item of a keyed list lacks its key {', '.join(self.keys)}")
        return "k:" + go_json(present)


DEDUCED: Final = FieldType(is_scalar=True, is_map=True, is_list=True)
"""No schema: maps field by field, lists as a whole."""
DEDUCED.element = DEDUCED
UNTYPED: Final = FieldType(is_scalar=True, is_map=True, is_list=True, whole_map=True)
"""Anything, owned as a whole."""


def compile_field_type(schema: dict[str, Any], *, open_ended: bool = False) -> FieldType:
    """The field type of a schema node; `open_ended` below a node that preserves unknown fields."""
    open_ended = open_ended or bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    kind = schema.get("type", "")
    result = FieldType(is_scalar=kind not in ("object", "array"))
    if kind in ("object", ""):
        _compile_map(result, schema, open_ended)
    if kind in ("array", ""):
        _compile_list(result, schema, open_ended)
    return result


def _compile_map(result: FieldType, schema: dict[str, Any], open_ended: bool) -> None:
    properties: dict[str, Any] = schema.get("properties", {})
    extra = schema.get("additionalProperties")
    result.is_map = True
    result.whole_map = schema.get("x-kubernetes-map-type") == "atomic"
    result.fields = {name: compile_field_type(sub, open_ended=open_ended) for name, sub in properties.items()}
    if isinstance(extra, dict):
        result.element = compile_field_type(extra, open_ended=open_ended)


def _compile_list(result: FieldType, schema: dict[str, Any], open_ended: bool) -> None:
    result.is_list = True
    kind = schema.get("x-kubernetes-list-type")
    result.whole_list = kind not in ("set", "map")
    result.keys = tuple(sorted(schema.get("x-kubernetes-list-map-keys", ()))) if kind == "map" else ()
    if kind is None and schema.get("x-kubernetes-patch-strategy", "").startswith("merge"):
        result.whole_list = False
        key = schema.get("x-kubernetes-patch-merge-key")
        result.keys = (key,) if key else ()
    items = schema.get("items")
    if isinstance(items, dict):
        result.item = compile_field_type(items, open_ended=open_ended)
        properties: dict[str, Any] = items.get("properties", {})
        result.key_defaults = {
            key: properties[key]["default"]
            for key in result.keys
            if properties.get(key, {}).get("default") is not None
        }
