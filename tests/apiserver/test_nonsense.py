"""Random nonsense in place of every value: refused or stored, never a bug."""

import random
from typing import Any

import pytest

Api = Any
VALUES: list[Any] = [
    None,
    5,
    1.5,
    "x",
    "",
    [],
    {},
    [1],
    [None],
    {"a": None},
    {"a": {}},
    True,
    [[]],
    [{}],
    "\0",
]
FIELDS = [
    "metadata",
    "spec",
    "data",
    "type",
    "status",
    "labels",
    "annotations",
    "finalizers",
    "ownerReferences",
    "name",
    "namespace",
    "uid",
    "kind",
    "resourceVersion",
    "managedFields",
    "generateName",
    "names",
    "versions",
    "schema",
    "openAPIV3Schema",
    "group",
    "plural",
    "scope",
    "apiVersion",
    "conversion",
    "stringData",
    "immutable",
    "involvedObject",
    "eventTime",
    "conditions",
    "creationTimestamp",
    "deletionTimestamp",
    "generation",
    "shortNames",
    "subresources",
    "additionalPrinterColumns",
    "selectableFields",
    "jsonPath",
    "properties",
    "items",
]
VERSION = {
    "name": "v1",
    "served": True,
    "storage": True,
    "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}},
    "additionalPrinterColumns": [{"name": "a", "type": "string", "jsonPath": ".a"}],
    "selectableFields": [{"jsonPath": ".spec.a"}],
}
NAMES = {"plural": "things", "kind": "Thing", "shortNames": ["t"]}
OWNER = {"apiVersion": "v1", "kind": "Secret", "name": "a", "uid": "u"}
OBJECTS = {
    "/api/v1/namespaces/default/secrets": {
        "metadata": {"name": "s", "labels": {"a": "b"}, "finalizers": ["x/y"], "ownerReferences": [OWNER]},
        "data": {"a": "MQ=="},
        "stringData": {"b": "c"},
        "type": "Opaque",
    },
    "/api/v1/namespaces": {
        "metadata": {"name": "n"},
        "spec": {"finalizers": ["a/b"]},
        "status": {"phase": "x"},
    },
    "/api/v1/namespaces/default/events": {
        "metadata": {"name": "e"},
        "involvedObject": {"namespace": "default"},
        "series": {"count": 1},
    },
    "/apis/coordination.k8s.io/v1/namespaces/default/leases": {
        "metadata": {"name": "l"},
        "spec": {"leaseDurationSeconds": 1},
    },
    "/api/v1/namespaces/default/configmaps": {
        "metadata": {"name": "c"},
        "data": {"a": "b"},
        "binaryData": {"c": "MQ=="},
    },
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {
        "metadata": {"name": "things.example.org"},
        "spec": {"group": "example.org", "scope": "Cluster", "names": NAMES, "versions": [VERSION]},
    },
    "/apis/example.com/v1/namespaces/default/widgets": {
        "apiVersion": "example.com/v1",
        "kind": "Widget",
        "metadata": {"name": "w", "annotations": {"a": "b"}},
        "spec": {"size": 4},
        "status": {"conditions": [{"type": "Ready"}]},
    },
}


def spoiled(value: Any, dice: random.Random) -> Any:
    if isinstance(value, dict):
        found = dict(value)
        for _ in range(dice.choice([0, 1, 1, 2])):
            field = dice.choice(list(found)) if found and dice.random() < 0.7 else dice.choice(FIELDS)
            found[field] = dice.choice(VALUES)
        return {name: spoiled(child, dice) if dice.random() < 0.3 else child for name, child in found.items()}
    if isinstance(value, list):
        return [spoiled(child, dice) for child in value]
    return dice.choice(VALUES) if dice.random() < 0.3 else value


@pytest.mark.parametrize("seed", range(4))
async def test_nothing_a_client_sends_is_answered_with_500(api: Api, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(400):
        path, pristine = dice.choice(list(OBJECTS.items()))
        if dice.random() < 0.3:
            await api.create(path, pristine)
        body = spoiled(pristine, dice)
        one = f"{path}/{pristine['metadata']['name']}"
        query = {"fieldValidation": dice.choice(["Strict", "Warn", "Ignore"])}
        match dice.choice(["create", "put", "merge", "strategic", "apply", "json", "delete", "status"]):
            case "create":
                answer = await api.create(path, body, **query)
            case "put":
                answer = await api.put(one, body, **query)
            case "delete":
                answer = await api.delete(
                    one, spoiled({"preconditions": {"uid": "x"}, "dryRun": ["All"]}, dice)
                )
            case "status":
                answer = await api.patch(f"{one}/status", body, **query)
            case "apply":
                answer = await api.patch(one, body, "apply", fieldManager="f", force="true", **query)
            case "json":
                add = {"op": "add", "path": "/metadata/labels", "value": {"a": "b"}}
                answer = await api.patch(one, spoiled([add], dice), "json", **query)
            case kind:
                answer = await api.patch(one, body, kind, **query)
        assert answer.status < 500, (body, answer.body)
