"""Sets of field paths, in the very form the API shows (FieldsV1). They know nothing of objects or schemas.

    {"f:spec": {".": {}, "f:dnsNames": {}}, "f:status": {"f:conditions": {'k:{"type":"Ready"}': {}}}}

A node is a member when it is empty or holds "."; a node with children and no "." is only on the way. Steps:
`f:NAME` is a field, `k:JSON` an item of a keyed list, `v:JSON` an item of a set. Sets are values: no function
changes its arguments, and results share parts with them.

Source: `sigs.k8s.io/structured-merge-diff` fieldpath.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from certwright.apiserver.field_errors import go_value

FieldSet = dict[str, Any]
"""A set, or a node in one; the values are FieldSets again."""

SELF: Final = "."
EMPTY: Final[FieldSet] = {}


def is_member(node: FieldSet) -> bool:
    """Whether the path of this node is itself in the set."""
    return not node or SELF in node


def union(left: FieldSet, right: FieldSet) -> FieldSet:
    """Everything in one or the other."""
    if not left or not right:
        return left or right
    result = dict(left)
    for step, node in right.items():
        mine = result.get(step)
        result[step] = node if mine is None or mine is node else _both(mine, node)
    return result


def _both(left: FieldSet, right: FieldSet) -> FieldSet:
    if not left or not right:
        node = left or right
        return node if is_member(node) else {SELF: {}, **node}
    return union(left, right)


def difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in `left` and not in `right`, path by path: children outlive a parent taken away."""
    result: FieldSet = {}
    for step, node in left.items():
        other = right.get(step)
        if step == SELF:
            continue
        kept: FieldSet | None = node if other is None else _without(node, other, is_member(other))
        if kept is not None:
            result[step] = kept
    return result


def recursive_difference(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in `left` and neither in `right` nor below a member of `right`."""
    result: FieldSet = {}
    for step, node in left.items():
        other = right.get(step)
        if step == SELF or (other is not None and is_member(other)):
            continue
        if other is not None:
            rest = recursive_difference(node, other)
            if rest or is_member(node):
                result[step] = {SELF: {}, **rest} if rest and is_member(node) else rest
        else:
            result[step] = node
    return result


def _without(node: FieldSet, other: FieldSet, taken: bool) -> FieldSet | None:
    """A node less another: None if nothing is left of it."""
    member = is_member(node) and not taken
    rest = difference(node, other)
    if not rest:
        return EMPTY if member else None
    return {SELF: {}, **rest} if member else rest


def intersection(left: FieldSet, right: FieldSet) -> FieldSet:
    """What is in both."""
    result: FieldSet = {}
    for step, node in left.items():
        other = right.get(step)
        if other is None or step == SELF:
            continue
        member = is_member(node) and is_member(other)
        rest = intersection(node, other)
        if rest:
            result[step] = {SELF: {}, **rest} if member else rest
        elif member:
            result[step] = EMPTY
    return result


def paths(fields: FieldSet) -> Iterator[str]:
    """Every member as upstream prints it (`.spec.list[name="a"].port`), parents before children."""
    return _paths(fields, "")


def _paths(fields: FieldSet, prefix: str) -> Iterator[str]:
    steps = [step for step in sorted(fields) if step != SELF]
    for step in steps:
        if is_member(fields[step]):
            yield prefix + _shown(step)
    for step in steps:
        yield from _paths(fields[step], prefix + _shown(step))


def _shown(step: str) -> str:
    kind, _, text = step.partition(":")
    if kind == "f":
        return f".{text}"
    if kind == "k":
        return "[" + ",".join(f"{name}={go_value(value)}" for name, value in json.loads(text).items()) + "]"
    return f"[={go_value(json.loads(text))}]" if kind == "v" else f"[{text}]"


def ordered(fields: FieldSet) -> FieldSet:
    """The same set with its steps in the order the API shows them."""
    return {step: ordered(fields[step]) if fields[step] else {} for step in sorted(fields)}
