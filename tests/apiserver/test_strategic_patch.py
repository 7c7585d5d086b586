import copy

import pytest

from certwright.apiserver.object_meta import OBJECT_META
from certwright.apiserver.patch import PatchError
from certwright.apiserver.strategic_patch import strategic_merge_patch

SCHEMA = {
    "type": "object",
    "properties": {
        "metadata": OBJECT_META,
        "data": {"type": "object", "additionalProperties": {"type": "string"}},
        "plain": {"type": "array", "items": {"type": "string"}},
        "strategy": {
            "type": "object",
            "x-kubernetes-patch-strategy": "retainKeys",
            "properties": {"type": {"type": "string"}},
        },
        "ports": {
            "type": "array",
            "x-kubernetes-patch-strategy": "merge",
            "x-kubernetes-patch-merge-key": "name",
            "items": {"type": "object", "properties": {"name": {"type": "string"}}},
        },
    },
}
LIVE = {
    "metadata": {"name": "x", "labels": {"a": "1", "b": "2"}, "finalizers": ["f1", "f2"]},
    "data": {"k": "v"},
    "plain": ["a", "b"],
    "strategy": {"type": "Rolling", "rolling": {"max": 1}},
    "ports": [{"name": "http", "port": 80}, {"name": "https", "port": 443, "extra": True}],
}
CASES = {
    "labels merge and null removes": (
        {"metadata": {"labels": {"a": None, "c": "3"}}},
        {"metadata": {"name": "x", "labels": {"b": "2", "c": "3"}, "finalizers": ["f1", "f2"]}},
    ),
    "a list without a strategy is replaced": ({"plain": ["c"]}, {"plain": ["c"]}),
    "a list of text with merge is a set": (
        {"metadata": {"finalizers": ["f3", "f1"]}},
        {"metadata": {**LIVE["metadata"], "finalizers": ["f3", "f1", "f2"]}},
    ),
    "items leave a list of text by name": (
        {"metadata": {"$deleteFromPrimitiveList/finalizers": ["f1"]}},
        {"metadata": {**LIVE["metadata"], "finalizers": ["f2"]}},
    ),
    "keyed items merge": (
        {"ports": [{"name": "https", "port": 8443}]},
        {"ports": [{"name": "http", "port": 80}, {"name": "https", "port": 8443, "extra": True}]},
    ),
    "a keyed item is removed by directive": (
        {"ports": [{"$patch": "delete", "name": "http"}]},
        {"ports": [{"name": "https", "port": 443, "extra": True}]},
    ),
    "a keyed list is replaced by directive": (
        {"ports": [{"$patch": "replace"}, {"name": "only", "port": 1}]},
        {"ports": [{"name": "only", "port": 1}]},
    ),
    "an object is replaced by directive": ({"data": {"$patch": "replace", "n": "w"}}, {"data": {"n": "w"}}),
    "an object is emptied by directive": ({"data": {"$patch": "delete"}}, {"data": {}}),
    "retainKeys drops what is not named": (
        {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}},
        {"strategy": {"type": "Recreate"}},
    ),
    "the order of a keyed list is the client's": (
        {
            "$setElementOrder/ports": [{"name": "new"}, {"name": "https"}, {"name": "http"}],
            "ports": [{"name": "new", "port": 1}],
        },
        {
            "ports": [
                {"name": "new", "port": 1},
                {"name": "https", "port": 443, "extra": True},
                {"name": "http", "port": 80},
            ]
        },
    ),
    "the server's own items keep their place": (
        {"$setElementOrder/ports": [{"name": "https"}], "ports": [{"name": "https", "port": 1}]},
        {"ports": [{"name": "http", "port": 80}, {"name": "https", "port": 1, "extra": True}]},
    ),
    "a new object loses nulls and directives": (
        {"fresh": {"a": None, "b": {"$patch": "delete"}, "c": 1}},
        {"fresh": {"c": 1}},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_strategic_merge(name):
    patch, change = CASES[name]
    before = copy.deepcopy((LIVE, patch))
    assert strategic_merge_patch(LIVE, patch, SCHEMA) == {**LIVE, **change}
    assert (LIVE, patch) == before


@pytest.mark.parametrize(
    ("patch", "status"),
    [
        ([], 400),
        ({"data": {"$patch": "explode"}}, 400),
        ({"ports": [{"port": 1}]}, 400),
        ({"ports": ["text"]}, 400),
        ({"ports": [{"$patch": "merge", "name": "http"}]}, 400),
        ({"strategy": {"$retainKeys": ["type"], "other": 1}}, 400),
        ({"$setElementOrder/ports": "x"}, 400),
        ({"metadata": {"$deleteFromPrimitiveList/finalizers": "f1"}}, 400),
        ({"metadata": {"finalizers": [["nested"]]}}, 400),
        (
            {
                "$setElementOrder/ports": [{"name": "a"}, {"name": "b"}],
                "ports": [{"name": "b"}, {"name": "a"}],
            },
            422,
        ),
    ],
)
def test_a_wrong_strategic_patch_is_refused(patch, status):
    with pytest.raises(PatchError) as caught:
        strategic_merge_patch(LIVE, patch, SCHEMA)
    assert caught.value.status == status


def test_what_kubectl_apply_sends_for_a_changed_label_keeps_other_peoples_fields():
    live = {"metadata": {"name": "x", "labels": {"mine": "1", "theirs": "2"}, "annotations": {"last": "{}"}}}
    patch = {"metadata": {"annotations": {"last": '{"a":1}'}, "labels": {"mine": None, "new": "3"}}}
    assert strategic_merge_patch(live, patch, SCHEMA) == {
        "metadata": {"name": "x", "labels": {"theirs": "2", "new": "3"}, "annotations": {"last": '{"a":1}'}}
    }
