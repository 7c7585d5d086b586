"""OpenAPI version 2, as JSON and as gnostic's protobuf: what kubectl before 1.27 validates, explains and
applies by.

Version 2 has no `oneOf`, `not` or `nullable`; what it cannot say is left out, which makes it more tolerant,
never less. Source: `github.com/google/gnostic-models/openapiv2/OpenAPIv2.proto` for the field numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from certwright.apiserver.kinds import Kind, Kinds
from certwright.apiserver.openapi_operations import PATCH_TYPES, Operation, operations
from certwright.apiserver.openapi_schemas import GVK, definitions, gvk
from certwright.apiserver.protobuf import boolean, double, integer, message, text, texts

Schema = dict[str, Any]
PROTOBUF: Final = (
    "application/com.github.proto-openapi.spec.v2@v1.0+protobuf",
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf",
)
INFO: Final = {"title": "certwright embedded API server", "version": "v1"}
_JSON: Final = "application/json"
_REFERENCE: Final = "#/definitions/"
_UNSAYABLE: Final = frozenset(
    ("oneOf", "anyOf", "allOf", "not", "nullable", "default", "x-kubernetes-validations")
)
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_encode = msgspec.json.Encoder().encode


def document(kinds: Kinds) -> Schema:
    """The whole document as JSON has it."""
    paths: dict[str, Schema] = {}
    for kind in kinds:
        for operation in operations(kind):
            item = paths.setdefault(operation.path, _path_parameters(operation.path))
            item[operation.method] = _operation(kind, operation)
    found = {name: schema_2(schema) for name, schema in definitions(kinds, _REFERENCE).items()}
    return {"swagger": "2.0", "info": INFO, "paths": paths, "definitions": found}


def schema_2(schema: Schema) -> Schema:
    """A version 3 schema as version 2 can say it."""
    if "$ref" in schema:
        return {"$ref": schema["$ref"]}
    found = {name: value for name, value in schema.items() if name not in _UNSAYABLE}
    if schema.get(_PRESERVE):
        return {name: value for name, value in found.items() if name not in ("type", "properties", "items")}
    if schema.get("x-kubernetes-int-or-string"):
        return {**{name: value for name, value in found.items() if name != "type"}}
    if schema.get("nullable"):
        # an explicit null is fine, and version 2 has no word for that
        found.pop("type", None)
        for name in ("properties", "items", "additionalProperties"):
            found.pop(name, None)
    if isinstance(found.get("properties"), dict):
        found["properties"] = {name: schema_2(child) for name, child in found["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(found.get(name), dict):
            found[name] = schema_2(found[name])
    return found


def _path_parameters(path: str) -> Schema:
    names = [name for name in ("name", "namespace") if f"{{{name}}}" in path]
    if not names:
        return {}
    return {"parameters": [{"name": n, "in": "path", "required": True, "type": "string"} for n in names]}


def _operation(kind: Kind, operation: Operation) -> Schema:
    parameters: list[Schema] = [
        {"name": name, "in": "query", "description": words, "type": type_, "uniqueItems": True}
        for name, (type_, words) in operation.query.items()
    ]
    patch = operation.action == "patch"
    if patch or operation.body:
        schema = {"type": "object"} if patch else {"$ref": _REFERENCE + operation.body}
        required = operation.method != "delete"
        parameters.append({"name": "body", "in": "body", "required": required, "schema": schema})
    types = [media for media in PATCH_TYPES if not (kind.custom and "strategic" in media)]
    return {
        "description": operation.description,
        "operationId": operation.identifier,
        "consumes": types if patch else [_JSON, "application/yaml"],
        "produces": [_JSON, "application/yaml"],
        "schemes": ["https"],
        "parameters": parameters,
        "responses": {
            str(operation.code): {"description": "OK", "schema": {"$ref": _REFERENCE + operation.result}}
        },
        "x-kubernetes-action": operation.action,
        GVK: gvk(kind),
    }


# Protobuf


def protobuf(kinds: Kinds) -> bytes:
    """The whole document as gnostic's message `openapi.v2.Document`."""
    found = document(kinds)
    info = text(1, INFO["title"]) + text(2, INFO["version"])
    paths = b"".join(message(2, _named(path, _path_item(item))) for path, item in found["paths"].items())
    schemas = b"".join(message(1, _named(name, _schema(s))) for name, s in found["definitions"].items())
    return text(1, found["swagger"]) + message(2, info) + message(8, paths) + message(9, schemas)


def _named(name: str, value: bytes) -> bytes:
    return text(1, name) + message(2, value)


def _any(value: Any) -> bytes:
    # JSON is YAML
    return text(2, _encode(value).decode())


def _extensions(field: int, value: Schema) -> bytes:
    return b"".join(message(field, _named(k, _any(v))) for k, v in value.items() if k.startswith("x-"))


_METHODS: Final = {"get": 2, "put": 3, "post": 4, "delete": 5, "patch": 8}


def _path_item(item: Schema) -> bytes:
    methods = b"".join(
        message(field, _operation_message(item[m])) for m, field in _METHODS.items() if m in item
    )
    return methods + b"".join(message(9, _parameter(each)) for each in item.get("parameters", ()))


def _operation_message(operation: Schema) -> bytes:
    responses = b"".join(
        message(
            1,
            _named(
                code, message(1, text(1, r["description"]) + message(2, message(1, _schema(r["schema"]))))
            ),
        )
        for code, r in operation["responses"].items()
    )
    return b"".join(
        (
            text(3, operation["description"]),
            text(5, operation["operationId"]),
            texts(6, operation["produces"]),
            texts(7, operation["consumes"]),
            b"".join(message(8, _parameter(each)) for each in operation["parameters"]),
            message(9, responses),
            texts(10, operation["schemes"]),
            _extensions(13, operation),
        )
    )


def _parameter(parameter: Schema) -> bytes:
    """A `ParametersItem`: oneof inside oneof inside oneof."""
    name, words, required = (
        parameter["name"],
        parameter.get("description", ""),
        parameter.get("required", False),
    )
    if parameter["in"] == "body":
        body = text(1, words) + text(2, name) + text(3, "body") + boolean(4, required)
        return message(1, message(1, body + message(5, _schema(parameter["schema"]))))
    common = boolean(1, required) + text(2, parameter["in"]) + text(3, words) + text(4, name)
    if parameter["in"] == "path":
        return message(1, message(2, message(4, common + text(5, parameter["type"]))))
    unique = boolean(21, parameter.get("uniqueItems", False))
    return message(1, message(2, message(3, common + text(6, parameter["type"]) + unique)))


_TEXTS: Final = {"$ref": 1, "format": 2, "title": 3, "description": 4, "pattern": 13}
_NUMBERS: Final = {"multipleOf": 6, "maximum": 7, "minimum": 9}
_FLAGS: Final = {"exclusiveMaximum": 8, "exclusiveMinimum": 10, "uniqueItems": 16}
_COUNTS: Final = {
    "maxLength": 11,
    "minLength": 12,
    "maxItems": 14,
    "minItems": 15,
    "maxProperties": 17,
    "minProperties": 18,
}


def _schema(schema: Schema) -> bytes:
    """A `Schema`."""
    parts: list[bytes] = [text(field, schema[name]) for name, field in _TEXTS.items() if name in schema]
    parts += [double(field, schema[name]) for name, field in _NUMBERS.items() if name in schema]
    parts += [boolean(field, schema[name]) for name, field in _FLAGS.items() if name in schema]
    parts += [integer(field, schema[name]) for name, field in _COUNTS.items() if name in schema]
    parts.append(texts(19, schema.get("required", [])))
    parts += [message(20, _any(value)) for value in schema.get("enum", ())]
    extra = schema.get("additionalProperties")
    if isinstance(extra, dict):
        parts.append(message(21, message(1, _schema(extra))))
    elif extra is not None:
        parts.append(message(21, boolean(2, extra)))
    if "type" in schema:
        parts.append(message(22, texts(1, [schema["type"]])))
    if "items" in schema:
        parts.append(message(23, message(1, _schema(schema["items"]))))
    if "properties" in schema:
        parts.append(message(25, _properties(schema["properties"].items())))
    if "example" in schema:
        parts.append(message(30, _any(schema["example"])))
    parts.append(_extensions(31, schema))
    return b"".join(parts)


def _properties(properties: Iterable[tuple[str, Schema]]) -> bytes:
    return b"".join(message(1, _named(name, _schema(schema))) for name, schema in properties)
