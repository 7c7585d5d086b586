import copy
from typing import Any

import pytest

from certwright.apiserver.custom_resources import version_order

Api = Any
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
SCHEMA = {
    "type": "object",
    "properties": {"spec": {"type": "object", "properties": {"a": {"type": "string"}}}},
}


def definition() -> dict[str, Any]:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": SCHEMA}}
    names = {"plural": "gadgets", "kind": "Gadget"}
    spec = {"group": "example.org", "scope": "Cluster", "names": names, "versions": [version]}
    return copy.deepcopy({"metadata": {"name": "gadgets.example.org"}, "spec": spec})


async def test_names_are_filled_in_and_accepted(api: Api) -> None:
    made = await api.create(CRDS, definition())
    names = {"plural": "gadgets", "kind": "Gadget", "singular": "gadget", "listKind": "GadgetList"}
    assert made.body["spec"]["names"] == names
    assert made.body["status"]["acceptedNames"] == names
    assert made.body["status"]["storedVersions"] == ["v1"]
    conditions = {c["type"]: c["status"] for c in made.body["status"]["conditions"]}
    assert conditions == {"NamesAccepted": "True", "Established": "True"}
    assert (await api.get("/apis/example.org/v1/gadgets")).body["kind"] == "GadgetList"


async def test_a_name_that_is_taken_keeps_a_definition_from_being_served(api: Api) -> None:
    other = definition()
    other["metadata"]["name"] = "others.example.com"
    other["spec"] |= {
        "group": "example.com",
        "names": {"plural": "others", "kind": "Other", "shortNames": ["wd"]},
    }
    made = await api.create(CRDS, other)
    conditions = {c["type"]: (c["status"], c["reason"]) for c in made.body["status"]["conditions"]}
    assert conditions["NamesAccepted"] == ("False", "ShortNamesConflict")
    assert conditions["Established"][0] == "False"
    assert (await api.get("/apis/example.com/v1/others")).status == 404


def change(path: str, value: Any) -> dict[str, Any]:
    found: Any = definition()
    *steps, last = path.split(".")
    target = found
    for step in steps:
        target = target[int(step)] if step.isdecimal() else target[step]
    target[last] = value
    return found  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("metadata.name", "wrong.example.org", "metadata.name"),
        ("spec.group", "", "spec.group"),
        ("spec.group", "nodots", "spec.group"),
        ("spec.scope", "Galaxy", "spec.scope"),
        ("spec.names.plural", "Gadgets", "spec.names.plural"),
        ("spec.names.listKind", "Gadget", "spec.names.listKind"),
        ("spec.versions", [], "spec.versions"),
        ("spec.versions.0.storage", False, "spec.versions"),
        ("spec.versions.0.schema", {}, "spec.versions[0].schema.openAPIV3Schema"),
        (
            "spec.versions.0.schema.openAPIV3Schema",
            {"properties": {}},
            "spec.validation.openAPIV3Schema.type",
        ),
        ("spec.conversion", {"strategy": "Webhook"}, "spec.conversion.strategy"),
        ("spec.preserveUnknownFields", True, "spec.preserveUnknownFields"),
        (
            "spec.versions.0.additionalPrinterColumns",
            [{"name": "a", "type": "string", "jsonPath": ".a["}],
            "spec.versions[0].additionalPrinterColumns[0].jsonPath",
        ),
        (
            "spec.versions.0.selectableFields",
            [{"jsonPath": ".spec.a[0]"}],
            "spec.versions[0].selectableFields[0].jsonPath",
        ),
    ],
)
async def test_a_wrong_definition_is_refused_at_its_field(
    api: Api, path: str, value: Any, field: str
) -> None:
    answer = await api.create(CRDS, change(path, value))
    assert answer.status == 422, answer.body
    assert field in [cause["field"] for cause in answer.body["details"]["causes"]]


async def test_a_new_schema_is_used_at_once(api: Api) -> None:
    await api.create(CRDS, definition())
    gadget = {"apiVersion": "example.org/v1", "kind": "Gadget", "metadata": {"name": "g"}, "spec": {"b": 1}}
    path = "/apis/example.org/v1/gadgets"
    assert (await api.create(path, gadget)).body["spec"] == {}
    schema = copy.deepcopy(SCHEMA)
    schema["properties"]["spec"]["properties"]["b"] = {"type": "integer"}  # type: ignore[index]
    wider = [{"op": "replace", "path": "/spec/versions/0/schema/openAPIV3Schema", "value": schema}]
    changed = await api.patch(f"{CRDS}/gadgets.example.org", wider, "json")
    assert changed.metadata["generation"] == 2
    assert (await api.patch(f"{path}/g", {"spec": {"b": 1}})).body["spec"] == {"b": 1}


async def test_scope_and_kind_stay(api: Api) -> None:
    await api.create(CRDS, definition())
    for change_ in ({"scope": "Namespaced"}, {"names": {"kind": "Other"}}):
        assert (await api.patch(f"{CRDS}/gadgets.example.org", {"spec": change_})).status == 422


async def test_every_served_version_shows_the_same_objects(api: Api) -> None:
    two = definition()
    older = {
        **copy.deepcopy(two["spec"]["versions"][0]),
        "name": "v1beta1",
        "storage": False,
        "deprecated": True,
    }
    two["spec"]["versions"].append(older)
    await api.create(CRDS, two)
    gadget = {
        "apiVersion": "example.org/v1beta1",
        "kind": "Gadget",
        "metadata": {"name": "g"},
        "spec": {"a": "x"},
    }
    made = await api.create("/apis/example.org/v1beta1/gadgets", gadget)
    assert (made.status, made.body["apiVersion"]) == (201, "example.org/v1beta1")
    assert made.warnings == ("example.org/v1beta1 Gadget is deprecated",)
    assert (await api.get("/apis/example.org/v1/gadgets/g")).body["apiVersion"] == "example.org/v1"
    listed = await api.get("/apis/example.org/v1beta1/gadgets")
    assert listed.body["items"][0]["apiVersion"] == "example.org/v1beta1"
    changed = await api.patch("/apis/example.org/v1beta1/gadgets/g", {"spec": {"a": "y"}})
    assert changed.body["spec"] == {"a": "y"}


def test_versions_are_ordered_as_kubernetes_orders_them() -> None:
    names = ["foo1", "v1alpha1", "v10", "v2", "v1", "v11beta2", "v3beta1", "v12alpha1", "foo10"]
    assert sorted(names, key=version_order) == [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v3beta1",
        "v12alpha1",
        "v1alpha1",
        "foo1",
        "foo10",
    ]
