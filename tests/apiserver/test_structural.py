import copy
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver.structural import compile_schema

CASES = json.loads(Path(__file__).with_name("data").joinpath("schema_cases.json").read_text())["cases"]
TEXT = {"type": "string"}
ALGORITHMS = ["RSA", "ECDSA", "Ed25519"]
SCHEMA = {
    "type": "object",
    "properties": {
        "apiVersion": TEXT,
        "kind": TEXT,
        "metadata": {"type": "object"},
        "spec": {
            "type": "object",
            "required": ["issuerRef", "secretName"],
            "properties": {
                "secretName": TEXT,
                "duration": TEXT,
                "isCA": {"type": "boolean"},
                "dnsNames": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "atomic"},
                "request": {"type": "string", "format": "byte"},
                "issuerRef": {
                    "type": "object",
                    "required": ["name"],
                    "properties": {"name": TEXT, "kind": TEXT, "group": TEXT},
                },
                "privateKey": {
                    "type": "object",
                    "properties": {"algorithm": {"type": "string", "enum": ALGORITHMS}},
                },
                "windows": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "properties": {
                            "length": {"type": "string", "pattern": r"^([0-9]+(\.[0-9]+)?(s|m|h))+$"}
                        },
                    },
                },
                "config": {"x-kubernetes-preserve-unknown-fields": True},
            },
        },
        "status": {
            "type": "object",
            "properties": {
                "revision": {"type": "integer", "format": "int64", "minimum": 1},
                "conditions": {
                    "type": "array",
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                    "items": {"type": "object", "required": ["type"], "properties": {"type": TEXT}},
                },
            },
        },
    },
}
COMPILED = compile_schema(SCHEMA)
GOOD = {"secretName": "s", "issuerRef": {"name": "i"}}


def certificate(**spec):
    return {"apiVersion": "x/v1", "kind": "Certificate", "metadata": {"name": "x"}, "spec": {**GOOD, **spec}}


def causes(obj):
    return {(error.field, error.reason, error.message) for error in COMPILED.validate(obj)}


@pytest.mark.parametrize("case", CASES)
def test_recorded_objects_come_out_as_from_kube_apiserver(case):
    schema = compile_schema({"type": "object", "properties": case["schema"]})
    obj = {
        "apiVersion": "x.example/v1",
        "kind": "Thing",
        "metadata": {"name": "n"},
        **copy.deepcopy(case["object"]),
    }
    assert schema.prune(obj) == case["unknown"]
    schema.default(obj)
    assert {name: obj[name] for name in case["stored"]} == case["stored"]
    assert sorted([e.field, e.reason, e.message] for e in schema.validate(obj)) == case["errors"]


GOLDEN = {
    "no secretName": (
        {"secretName": ...},
        {("spec.secretName", "FieldValueRequired", "Required value")},
    ),
    "an algorithm that is not one": (
        {"privateKey": {"algorithm": "DSA"}},
        {
            (
                "spec.privateKey.algorithm",
                "FieldValueNotSupported",
                'Unsupported value: "DSA": supported values: "RSA", "ECDSA", "Ed25519"',
            )
        },
    ),
    "a window that does not match": (
        {"windows": [{"length": "1d"}]},
        {
            (
                "spec.windows[0].length",
                "FieldValueInvalid",
                'Invalid value: "1d": spec.windows[0].length in body should match '
                r"'^([0-9]+(\.[0-9]+)?(s|m|h))+$'",
            )
        },
    ),
    "not base64": (
        {"request": "%%%"},
        {
            (
                "spec.request",
                "FieldValueTypeInvalid",
                'Invalid value: "%%%": spec.request in body must be of type byte: "%%%"',
            )
        },
    ),
    "wrong types, all at once": (
        {"dnsNames": "a", "isCA": "yes", "duration": 5},
        {
            (
                "spec.duration",
                "FieldValueTypeInvalid",
                'Invalid value: "integer": spec.duration in body must be of type string: "integer"',
            ),
            (
                "spec.dnsNames",
                "FieldValueTypeInvalid",
                'Invalid value: "string": spec.dnsNames in body must be of type array: "string"',
            ),
            (
                "spec.isCA",
                "FieldValueTypeInvalid",
                'Invalid value: "string": spec.isCA in body must be of type boolean: "string"',
            ),
        },
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_errors_have_the_recorded_fields_reasons_and_messages(name):
    spec, want = GOLDEN[name]
    obj = certificate(**spec)
    obj["spec"] = {key: value for key, value in obj["spec"].items() if value is not ...}
    assert causes(obj) == want


def test_errors_come_in_the_order_of_the_object():
    obj = certificate(dnsNames=1, isCA=2)
    assert [error.field for error in COMPILED.validate(obj)] == ["spec.dnsNames", "spec.isCA"]


def test_unknown_fields_are_removed_and_named():
    obj = certificate(nope=1, windows=[{"x": 1}], config={"any": {"thing": 1}})
    obj["metadata"] |= {"wrong": 1, "labels": {"a": "b"}}
    obj["extra"] = {}
    assert COMPILED.prune(obj) == ["extra", "metadata.wrong", "spec.nope", "spec.windows[0].x"]
    assert obj == {
        **certificate(windows=[{}], config={"any": {"thing": 1}}),
        "metadata": {"name": "x", "labels": {"a": "b"}},
    }


def test_nulls_that_may_not_be_there_are_dropped():
    obj = certificate(duration=None, config={"a": None})
    obj["metadata"]["creationTimestamp"] = None
    COMPILED.default(obj)
    assert obj == certificate(config={"a": None})


def test_status_alone_is_validated_under_its_own_path():
    status = COMPILED.child("status")
    errors = status.validate({"revision": 0, "conditions": [{"type": "A"}, {"type": "A"}]}, "status")
    assert [(e.field, e.message) for e in errors] == [
        ("status.revision", "Invalid value: 0: revision in body should be greater than or equal to 1"),
        ("status.conditions[1]", 'Duplicate value: {"type":"A"}'),
    ]


def test_what_an_update_leaves_as_it_was_is_not_held_against_it():
    old = certificate(privateKey={"algorithm": "DSA"}, duration=5)
    new = certificate(privateKey={"algorithm": "DSA"}, duration=6)
    assert [error.field for error in COMPILED.validate(new, old=old)] == ["spec.duration"]
    assert [error.field for error in COMPILED.validate(new)] == ["spec.privateKey.algorithm", "spec.duration"]


RULE = "has(self.a) != has(self.b)"
RULED = {
    "type": "object",
    "properties": {
        "spec": {
            "type": "object",
            "required": ["zone"],
            "properties": {"a": TEXT, "b": TEXT, "zone": TEXT},
            "x-kubernetes-validations": [{"rule": RULE, "message": "exactly one of a or b"}],
        }
    },
}


def test_a_rule_known_by_its_text_is_evaluated():
    schema = compile_schema(RULED, {RULE: lambda spec: ("a" in spec) != ("b" in spec)})
    assert schema.validate({"spec": {"zone": "z", "a": "1"}}) == []
    [error] = schema.validate({"spec": {"zone": "z"}})
    assert (error.field, error.message) == ("spec", "Invalid value: exactly one of a or b")


def test_rules_are_not_evaluated_on_an_object_that_its_schema_refuses():
    for rules in ({}, {RULE: lambda spec: False}):
        errors = compile_schema(RULED, rules).validate({"spec": {}})
        assert [error.field for error in errors] == ["spec.zone", "<nil>"]
        assert errors[1].message.startswith("Invalid value: null: some validation rules were not checked")


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["spec", "status", "secretName", "issuerRef", "name", "conditions", "type", "zzz"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(st.dictionaries(st.sampled_from(["spec", "status", "metadata", "other"]), VALUES, max_size=3))
def test_pruning_and_defaulting_twice_is_the_same_as_once(obj):
    COMPILED.prune(obj)
    COMPILED.default(obj)
    once = copy.deepcopy(obj)
    assert COMPILED.prune(obj) == []
    COMPILED.default(obj)
    assert obj == once


@given(st.dictionaries(st.sampled_from(["spec", "status", "metadata", "other"]), VALUES, max_size=3))
def test_validation_changes_nothing_and_never_fails(obj):
    before = copy.deepcopy(obj)
    for error in COMPILED.validate(obj):
        assert error.field
        assert error.reason.startswith("FieldValue")
    assert obj == before
