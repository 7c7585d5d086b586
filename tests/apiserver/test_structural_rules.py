import pytest

from certwright.apiserver.structural_rules import check_structural

TEXT = {"type": "string"}
KEYED = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
ITEM = {"type": "object", "required": ["name"], "properties": {"name": TEXT}}


def spec(**fields):
    return {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}


@pytest.mark.parametrize(
    "field",
    [
        TEXT,
        {"x-kubernetes-int-or-string": True},
        {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
        {"x-kubernetes-int-or-string": True, "allOf": [{"anyOf": [{"type": "integer"}, {"type": "string"}]}]},
        {"x-kubernetes-preserve-unknown-fields": True},
        {"type": "object", "additionalProperties": TEXT},
        {"type": "array", "items": ITEM, **KEYED},
        {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        {"type": "string", "pattern": "^[[:alpha:]]+$", "default": "a"},
        {"type": "object", "properties": {"a": TEXT}, "anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"type": "string", "x-unknown-extension": 1},
    ],
)
def test_a_structural_schema_is_accepted(field):
    assert check_structural(spec(field=field)) == []


FIELD = "properties[spec].properties[field]"


@pytest.mark.parametrize(
    ("field", "where", "reason"),
    [
        ({}, "type", "Required"),
        ({"type": "null"}, "type", "Forbidden"),
        ({"type": "text"}, "type", "NotSupported"),
        ({"type": "array"}, "items", "Required"),
        ({"type": "array", "items": {}}, "items.type", "Required"),
        ({"type": "array", "items": [TEXT]}, "items", "Invalid"),
        ({"$ref": "#/x"}, "$ref", "Forbidden"),
        ({"type": "object", "patternProperties": {}}, "patternProperties", "Forbidden"),
        ({"type": "string", "frobnicate": 1}, "frobnicate", "Forbidden"),
        ({"type": "string", "maxLength": "1"}, "maxLength", "Invalid"),
        ({"type": "string", "nullable": 1}, "nullable", "Invalid"),
        (
            {"type": "object", "properties": {"a": TEXT}, "additionalProperties": TEXT},
            "additionalProperties",
            "Forbidden",
        ),
        ({"type": "array", "items": TEXT, "uniqueItems": True}, "uniqueItems", "Forbidden"),
        ({"type": "string", "pattern": "("}, "pattern", "Invalid"),
        ({"type": "string", "default": 1}, "default", "TypeInvalid"),
        (
            {"type": "object", "properties": {"a": TEXT}, "default": {"b": "c"}},
            "default",
            "Invalid",
        ),
        (
            {"type": "object", "x-kubernetes-preserve-unknown-fields": False},
            "x-kubernetes-preserve-unknown-fields",
            "Invalid",
        ),
        ({"type": "object", "x-kubernetes-map-type": "set"}, "x-kubernetes-map-type", "NotSupported"),
        ({"type": "string", "x-kubernetes-map-type": "atomic"}, "type", "Invalid"),
        (
            {"type": "array", "items": TEXT, "x-kubernetes-list-type": "bag"},
            "x-kubernetes-list-type",
            "NotSupported",
        ),
        (
            {"type": "array", "items": ITEM, "x-kubernetes-list-map-keys": ["name"]},
            "x-kubernetes-list-type",
            "Required",
        ),
        (
            {"type": "array", "items": ITEM, "x-kubernetes-list-type": "map"},
            "x-kubernetes-list-map-keys",
            "Required",
        ),
        ({"type": "array", "items": TEXT, **KEYED}, "items.type", "Invalid"),
        (
            {"type": "array", "items": {**ITEM, "required": []}, **KEYED},
            "items.properties[name].default",
            "Required",
        ),
        (
            {"type": "array", "items": {"type": "object", "properties": {"a": TEXT}}, **KEYED},
            "x-kubernetes-list-map-keys",
            "Invalid",
        ),
        (
            {"type": "array", "items": {"type": "object"}, "x-kubernetes-list-type": "set"},
            "items.x-kubernetes-map-type",
            "Invalid",
        ),
        ({"type": "object", "x-kubernetes-embedded-resource": True}, "properties", "Required"),
        ({"type": "string", "anyOf": [{"type": "string"}]}, "anyOf[0].type", "Forbidden"),
        ({"type": "string", "not": {"default": "a"}}, "not.default", "Forbidden"),
        (
            {"type": "string", "x-kubernetes-validations": [{}]},
            "x-kubernetes-validations[0].rule",
            "Required",
        ),
    ],
)
def test_each_violation_is_named_by_its_path(field, where, reason):
    errors = check_structural(spec(field=field))
    assert (f"{FIELD}.{where}", f"FieldValue{reason}") in {(error.field, error.reason) for error in errors}


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"properties": {}}, "type"),
        ({"type": "array", "items": TEXT}, "type"),
        ({"type": "object", "nullable": True}, "nullable"),
        ({"type": "object", "additionalProperties": TEXT}, "additionalProperties"),
        (
            {
                "type": "object",
                "properties": {"metadata": {"type": "object", "properties": {"labels": TEXT}}},
            },
            "properties[metadata]",
        ),
        ({"type": "object", "properties": {"kind": {**TEXT, "default": "A"}}}, "properties[kind].default"),
    ],
)
def test_the_root_is_held_to_more(schema, where):
    assert where in [error.field for error in check_structural(schema)]


def test_all_violations_come_at_once_and_sorted():
    errors = check_structural(spec(b={}, a={"type": "array"}))
    assert [error.field for error in errors] == [
        "properties[spec].properties[a].items",
        "properties[spec].properties[b].type",
    ]
