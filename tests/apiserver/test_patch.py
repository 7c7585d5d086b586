import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver import patch as patching
from certwright.apiserver.patch import PatchError, json_patch, merge_patch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=1), inner, max_size=3)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text("abc", max_size=1), JSON, max_size=4)


@pytest.mark.parametrize(
    ("obj", "patch", "want"),
    [  # the examples of RFC 7386 whose document is an object
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_follows_the_rfc(obj, patch, want):
    assert merge_patch(obj, patch) == want


def test_a_merge_patch_that_is_not_an_object_is_refused_as_a_bad_request():
    with pytest.raises(PatchError) as caught:
        merge_patch({}, ["a"])
    assert caught.value.status == 400


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_changes_no_argument_and_names_every_field_it_leaves(obj, patch):
    before = copy.deepcopy((obj, patch))
    result = merge_patch(obj, patch)
    assert result.keys() == (obj.keys() | patch.keys()) - {
        name for name, value in patch.items() if value is None
    }
    assert {name: result[name] for name in obj.keys() - patch.keys()} == {
        name: obj[name] for name in obj.keys() - patch.keys()
    }
    assert (obj, patch) == before


@given(OBJECTS, OBJECTS)
def test_the_result_of_a_merge_patch_shares_nothing_with_the_object(obj, patch):
    before = copy.deepcopy(obj)
    for value in merge_patch(obj, patch).values():
        if isinstance(value, dict | list):
            value.clear()
    assert obj == before


OPERATIONS = [
    ([{"op": "add", "path": "/a", "value": 1}], {"a": 1, "l": [1, 2], "o": {"x": "y"}}),
    ([{"op": "add", "path": "/l/1", "value": 9}], {"l": [1, 9, 2], "o": {"x": "y"}}),
    ([{"op": "add", "path": "/l/-", "value": 9}], {"l": [1, 2, 9], "o": {"x": "y"}}),
    ([{"op": "add", "path": "/l/-1", "value": 9}], {"l": [1, 2, 9], "o": {"x": "y"}}),
    ([{"op": "remove", "path": "/l/0"}], {"l": [2], "o": {"x": "y"}}),
    ([{"op": "remove", "path": "/o/x"}], {"l": [1, 2], "o": {}}),
    ([{"op": "replace", "path": "/o", "value": 1}], {"l": [1, 2], "o": 1}),
    ([{"op": "replace", "path": "/new", "value": 1}], {"l": [1, 2], "o": {"x": "y"}, "new": 1}),
    ([{"op": "replace", "path": "", "value": {"z": 1}}], {"z": 1}),
    ([{"op": "move", "from": "/o/x", "path": "/m"}], {"l": [1, 2], "o": {}, "m": "y"}),
    ([{"op": "copy", "from": "/o", "path": "/o/c"}], {"l": [1, 2], "o": {"x": "y", "c": {"x": "y"}}}),
    ([{"op": "test", "path": "/l", "value": [1, 2]}], {"l": [1, 2], "o": {"x": "y"}}),
    ([{"op": "test", "path": "/absent", "value": None}], {"l": [1, 2], "o": {"x": "y"}}),
    ([{"op": "add", "path": "/o/a~1b~0c", "value": 1}], {"l": [1, 2], "o": {"x": "y", "a/b~c": 1}}),
]


@pytest.mark.parametrize(("operations", "want"), OPERATIONS)
def test_a_json_patch_does_what_kube_apiserver_does(operations, want):
    obj = {"l": [1, 2], "o": {"x": "y"}}
    assert json_patch(obj, operations) == want
    assert obj == {"l": [1, 2], "o": {"x": "y"}}


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/o/x", "value": "z"},
        {"op": "test", "path": "/l/0", "value": True},
        {"op": "remove", "path": "/absent"},
        {"op": "remove", "path": "/l/2"},
        {"op": "replace", "path": "/l/2", "value": 0},
        {"op": "add", "path": "/absent/x", "value": 0},
        {"op": "add", "path": "/l/x", "value": 0},
        {"op": "add", "path": "", "value": 0},
        {"op": "move", "from": "/absent", "path": "/y"},
        {"op": "copy", "path": "/y"},
        {"op": "frobnicate", "path": "/l"},
        {"op": "add", "value": 0},
        {"op": "replace", "path": "", "value": 0},
    ],
)
def test_an_operation_that_does_not_fit_the_object_is_unprocessable(operation):
    with pytest.raises(PatchError) as caught:
        json_patch({"l": [1, 2], "o": {"x": "y"}}, [operation])
    assert caught.value.status == 422


def test_what_is_no_list_of_operations_is_a_bad_request():
    for patch in ({}, "x", [1]):
        with pytest.raises(PatchError) as caught:
            json_patch({}, patch)
        assert caught.value.status == 400


def test_too_many_operations_are_too_large():
    with pytest.raises(PatchError) as caught:
        json_patch({}, [{"op": "test", "path": "/a", "value": None}] * (patching.MAX_OPERATIONS + 1))
    assert caught.value.status == 413


def test_copies_cannot_grow_an_object_without_bound():
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{index}"} for index in range(40)]
    with pytest.raises(PatchError, match="bytes") as caught:
        json_patch({"a": {"text": "x" * 1000}}, doubling)
    assert caught.value.status == 422
