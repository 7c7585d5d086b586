"""From a class to its structural OpenAPI schema and CustomResourceDefinition. Nothing is validated here.

msgspec's own JSON schema is of no use for this: it has references and null types, which a structural schema
must not have. `apiserver` compiles the document that this makes; no class is needed to enforce it.
"""

import inspect as python_inspect
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct, inspect

from certwright.api.meta import ObjectMeta, Resource
from certwright.api.wire import Wire

Schema = dict[str, Any]

_SCALARS: Final[Mapping[type, Schema]] = {
    inspect.StrType: {"type": "string"},
    inspect.BoolType: {"type": "boolean"},
    inspect.IntType: {"type": "integer"},
    inspect.FloatType: {"type": "number"},
    inspect.BytesType: {"type": "string", "format": "byte"},
    inspect.DateTimeType: {"type": "string", "format": "date-time"},
    inspect.AnyType: {"x-kubernetes-preserve-unknown-fields": True},
}

_KEYWORDS: Final = {
    "default": "default",
    "enum": "enum",
    "format": "format",
    "max_length": "maxLength",
    "maximum": "maximum",
    "min_length": "minLength",
    "minimum": "minimum",
    "pattern": "pattern",
}

_TOP_LEVEL: Final = {
    "apiVersion": "Group and version of the API that the object is written in.",
    "kind": "Kind of the object.",
}


class Column(Struct, frozen=True):
    """A column of `kubectl get`; those of priority 1 show with `-o wide` only."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0
    description: str = ""


class Definition(Struct, frozen=True, kw_only=True):
    """What a CustomResourceDefinition says besides the schema of `type`."""

    resource: Resource
    type: type[Wire]
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    selectable: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """Name of the CustomResourceDefinition object."""
        return self.resource.qualified


def structural_schema(cls: type[Struct]) -> Schema:
    """Make the schema of a kind: an object with apiVersion, kind, metadata and its own members.

    Raises:
        TypeError: a field has a type that no structural schema can express.
    """
    schema = _struct(struct_info(cls))
    for name, text in _TOP_LEVEL.items():
        schema["properties"][name] = {"description": text, "type": "string"}
    return {"description": summary(cls), **schema}


def crd(definition: Definition) -> dict[str, Any]:
    """Make the CustomResourceDefinition: one version, served and stored, with a status subresource."""
    resource = definition.resource
    singular = resource.kind.lower()
    names: dict[str, Any] = {
        "categories": list(definition.categories),
        "kind": resource.kind,
        "listKind": f"{resource.kind}List",
        "plural": resource.plural,
        "shortNames": list(definition.short_names),
        "singular": singular,
    }
    version: dict[str, Any] = {
        "name": resource.version,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in definition.columns],
        "selectableFields": [{"jsonPath": path} for path in definition.selectable],
        "schema": {"openAPIV3Schema": structural_schema(definition.type)},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name},
        "spec": {
            "group": resource.group,
            "names": _filled(names),
            "scope": "Namespaced" if resource.namespaced else "Cluster",
            "versions": [_filled(version)],
        },
    }


def summary(cls: type) -> str:
    """Return the first paragraph of a class's docstring in one line."""
    text = python_inspect.cleandoc(cls.__doc__ or "")
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())


def struct_info(cls: type[Struct]) -> inspect.StructType:
    """Look at a struct's fields, those of its members included. Slow: look once at the outermost."""
    info = inspect.type_info(cls)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"{cls.__name__} is not a struct")
    return info


def is_required(field: inspect.Field) -> bool:
    """Whether the schema requires the field: as `doc(required=...)` says, else when it has no default."""
    _, notes = unwrap(field.type)
    return bool(notes.get("required", field.required))


def unwrap(type_: inspect.Type) -> tuple[inspect.Type, dict[str, Any]]:
    """Split a type into what it is, without `| None`, and the notes that `doc` put on it."""
    notes: dict[str, Any] = {}
    while True:
        if isinstance(type_, inspect.Metadata):
            notes = {**(type_.extra_json_schema or {}), **notes}
            type_ = type_.type
            continue
        if isinstance(type_, inspect.UnionType):
            members = [each for each in type_.types if not isinstance(each, inspect.NoneType)]
            if len(members) == 1:
                type_ = members[0]
                continue
        return type_, notes


def _struct(info: inspect.StructType) -> Schema:
    schema: Schema = {
        "type": "object",
        "properties": {each.encode_name: _field(each) for each in info.fields},
    }
    required = [each.encode_name for each in info.fields if is_required(each)]
    if required:
        schema["required"] = required
    return schema | dict(getattr(info.cls, "schema_extra", {}))


def _field(field: inspect.Field) -> Schema:
    type_, notes = unwrap(field.type)
    if isinstance(type_, inspect.ListType):
        key = notes.get("map_key")
        kind = {"x-kubernetes-list-map-keys": [key], "x-kubernetes-list-type": "map"} if key else _ATOMIC_LIST
        return _with_notes(_type(type_) | kind, notes)
    return _with_notes(_type(type_), notes)


_ATOMIC_LIST: Final = {"x-kubernetes-list-type": "atomic"}


def _type(type_: inspect.Type) -> Schema:
    """Make the schema of a type by itself, without what the field that has it adds."""
    scalar = _SCALARS.get(type(type_))
    if scalar is not None:
        return dict(scalar)
    if isinstance(type_, inspect.ListType):
        return {"type": "array", "items": _member(type_.item_type)}
    if isinstance(type_, inspect.DictType):
        return {"type": "object", "additionalProperties": _member(type_.value_type)}
    if isinstance(type_, inspect.UnionType) and {type(each) for each in type_.types} == _INT_OR_STRING:
        return {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True}
    if isinstance(type_, inspect.StructType):
        # A kind's metadata is the API server's own: a definition must not describe it.
        return {"type": "object"} if issubclass(type_.cls, ObjectMeta) else _struct(type_)
    raise TypeError(f"no structural schema for {type_}")


_INT_OR_STRING: Final = {inspect.IntType, inspect.StrType}


def _member(type_: inspect.Type) -> Schema:
    """Make the schema of a list's items or a map's values; structs bring their own description."""
    inner, notes = unwrap(type_)
    if isinstance(inner, inspect.StructType) and "description" not in notes:
        notes = {"description": summary(inner.cls), **notes}
    return _with_notes(_type(inner), notes)


def _with_notes(schema: Schema, notes: Mapping[str, Any]) -> Schema:
    keywords = {_KEYWORDS[key]: value for key, value in notes.items() if key in _KEYWORDS}
    if "enum" in keywords:
        keywords["enum"] = list(keywords["enum"])
    text = notes.get("description")
    return ({"description": text} if text else {}) | schema | keywords


def _column(column: Column) -> dict[str, Any]:
    made: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.priority:
        made["priority"] = column.priority
    if column.description:
        made["description"] = column.description
    return made


def _filled(members: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in members.items() if value != []}
