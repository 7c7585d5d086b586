import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver.field_sets import (
    difference,
    intersection,
    is_member,
    ordered,
    paths,
    recursive_difference,
    union,
)

PATHS = st.frozensets(
    st.lists(st.sampled_from(["f:a", "f:b", "k:1", "v:2"]), min_size=1, max_size=3).map(tuple), max_size=7
)


def build(members):
    root = {}
    for path in members:
        node = root
        for step in path[:-1]:
            child = node.setdefault(step, {})
            if not child:
                child["?"] = {}
            node = child
        node.setdefault(path[-1], {})
    return _marked(root, members, ())


def _marked(node, members, prefix):
    result = {}
    for step, child in node.items():
        if step == "?":
            continue
        path = (*prefix, step)
        inner = _marked(child, members, path)
        result[step] = {".": {}, **inner} if inner and path in members else inner
    return result


def flat(node, prefix=()):
    found = set()
    for step, child in node.items():
        if step != ".":
            if is_member(child):
                found.add((*prefix, step))
            found |= flat(child, (*prefix, step))
    return found


def below(path, members):
    return any(path[:length] in members for length in range(1, len(path) + 1))


@given(PATHS)
def test_building_and_reading_a_set_gives_its_members_back(members):
    assert flat(build(members)) == members


@given(PATHS, PATHS)
def test_the_operations_are_those_of_sets(left, right):
    one, two = build(left), build(right)
    assert flat(union(one, two)) == left | right
    assert flat(difference(one, two)) == left - right
    assert flat(intersection(one, two)) == left & right
    assert flat(recursive_difference(one, two)) == {path for path in left if not below(path, right)}
    assert (flat(one), flat(two)) == (left, right)


@given(PATHS)
def test_order_changes_no_member(members):
    assert ordered(build(members)) == build(members)


@pytest.mark.parametrize(
    ("fields", "want"),
    [
        ({"f:spec": {".": {}, "f:a": {}}}, [".spec", ".spec.a"]),
        ({"f:l": {'k:{"port":80,"protocol":"TCP"}': {"f:v": {}}}}, ['.l[port=80,protocol="TCP"].v']),
        ({"f:s": {'v:"x"': {}}, "f:i": {"i:0": {}}}, [".i[0]", '.s[="x"]']),
    ],
)
def test_paths_are_printed_as_upstream_does(fields, want):
    assert list(paths(fields)) == want
