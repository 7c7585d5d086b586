"""Walks over objects and their field types: what changed, what a config names, merging, taking fields away.

Pure: no function changes its arguments; results share parts with them. Nothing here knows who owns a field.
Source: `sigs.k8s.io/structured-merge-diff` typed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from certwright.apiserver.field_sets import EMPTY, SELF, FieldSet, is_member, union
from certwright.apiserver.field_types import FieldType, Shape, UnkeyedItemError
from certwright.apiserver.scalar_checks import same

_ABSENT: Final = object()
_Change = tuple[FieldSet | None, FieldSet | None]
"""Nodes written (added or modified) and removed; None where nothing was, EMPTY for the place itself."""
_UNCHANGED: Final[_Change] = (None, None)


# What changed


def changes(before: dict[str, Any], after: dict[str, Any], kind: FieldType) -> tuple[FieldSet, FieldSet]:
    """The fields written (added or modified) and the fields removed from one object to the other."""
    written, removed = _compare_maps(before, after, kind)
    return written or {}, removed or {}


def _compare(before: Any, after: Any, kind: FieldType) -> _Change:
    """Both are there and may differ."""
    old, new = kind.shape(before), kind.shape(after)
    if old == new:
        return _compare_as(new, before, after, kind)
    written, removed = _compare_as(old, before, after, kind)
    written_too, removed_too = _compare_as(new, before, after, kind)
    return _joined(written, written_too), _joined(removed, removed_too)


def _compare_as(shape: Shape, before: Any, after: Any, kind: FieldType) -> _Change:
    if shape == Shape.MAP:
        old, new = _as_map(before), _as_map(after)
        if old or new:
            return _compare_maps(old, new, kind)
    elif shape == Shape.LIST:
        left, right = _as_list(before), _as_list(after)
        if left or right:
            return _compare_lists(left, right, kind)
    return _UNCHANGED if same(before, after) else (EMPTY, None)


def _compare_maps(before: dict[str, Any], after: dict[str, Any], kind: FieldType) -> _Change:
    written: FieldSet = {}
    removed: FieldSet = {}
    for name, new in after.items():
        old = before.get(name, _ABSENT)
        if old is new or (type(new) is str and old == new):
            continue
        if old is _ABSENT:
            written["f:" + name] = everything(new, kind.below(name))
            continue
        here, gone = _compare(old, new, kind.below(name))
        if here is not None:
            written["f:" + name] = here
        if gone is not None:
            removed["f:" + name] = gone
    if not before.keys() <= after.keys():
        for name, old in before.items():
            if name not in after:
                removed["f:" + name] = everything(old, kind.below(name))
    return written or None, removed or None


def _compare_lists(before: list[Any], after: list[Any], kind: FieldType) -> _Change:
    try:
        old, new = _by_step(before, kind), _by_step(after, kind)
    except UnkeyedItemError:
        return _UNCHANGED if same(before, after) else (EMPTY, None)
    written: FieldSet = {}
    removed: FieldSet = {}
    for step in {**old, **new}:
        here, gone = _compare_items(old.get(step, ()), new.get(step, ()), kind)
        if here is not None:
            written[step] = here
        if gone is not None:
            removed[step] = gone
    return written or None, removed or None


def _compare_items(old: Iterable[Any], new: Iterable[Any], kind: FieldType) -> _Change:
    """Items of one step; more than one on a side is an error in the object that is lived with."""
    left, right = list(old), list(new)
    item = kind.items()
    if len(left) < 2 and len(right) < 2:
        if left and right:
            return _compare(left[0], right[0], item)
        return (everything(right[0], item), None) if right else (None, everything(left[0], item))
    if len(left) > 1 and len(right) > 1:
        return _UNCHANGED if same(left, right) else (EMPTY, None)
    if len(left) > 1:
        return everything(right[0], item) if right else None, EMPTY
    return EMPTY, everything(left[0], item) if left else None


def everything(value: Any, kind: FieldType) -> FieldSet:
    """A whole value as a node: itself and all it holds, down to what is owned as a whole."""
    shape = kind.shape(value)
    if shape == Shape.MAP and (children := _as_map(value)):
        node: FieldSet = {SELF: {}}
        for name, child in children.items():
            node["f:" + name] = everything(child, kind.below(name))
        return node
    if shape == Shape.LIST and (items := _as_list(value)):
        try:
            steps = _by_step(items, kind)
        except UnkeyedItemError:
            return EMPTY
        item = kind.items()
        return {
            SELF: {},
            **{
                step: everything(found[0], item) if len(found) == 1 else EMPTY
                for step, found in steps.items()
            },
        }
    return EMPTY


# What a config names


def named_fields(value: Any, kind: FieldType, *, strict: bool = False) -> FieldSet:
    """The fields a config names: leaves, list items, and keys of maps that no schema lists.

    Raises UnkeyedItemError for list items without keys and, when `strict`, for two with the same key.
    """
    return _named(value, kind, strict) or {}


def _named(value: Any, kind: FieldType, strict: bool) -> FieldSet | None:
    shape = kind.shape(value)
    if shape == Shape.MAP:
        return _named_in_map(_as_map(value), kind, strict)
    if shape == Shape.LIST:
        return _named_in_list(_as_list(value), kind, strict)
    return EMPTY


def _named_in_map(value: dict[str, Any], kind: FieldType, strict: bool) -> FieldSet | None:
    result: FieldSet = {}
    for name, child in value.items():
        node = _named(child, kind.below(name), strict)
        if child is None or child == {} or name not in kind.fields:
            result["f:" + name] = _joined(node, EMPTY)
        elif node is not None:
            result["f:" + name] = node
    return result or None


def _named_in_list(value: list[Any], kind: FieldType, strict: bool) -> FieldSet | None:
    result: FieldSet = {}
    for step, found in _by_step(value, kind).items():
        if len(found) > 1:
            if strict:
                raise UnkeyedItemError(f"two items of a list have the same key {step[2:]}")
            result[step] = EMPTY
        else:
            result[step] = _joined(_named(found[0], kind.items(), strict), EMPTY)
    return result or None


def with_named_parents(fields: FieldSet, kind: FieldType) -> FieldSet:
    """The set with every field the schema names made a member, where something below it is one."""
    result: FieldSet = {}
    for step, node in fields.items():
        if step == SELF or not node:
            result[step] = node
            continue
        if step.startswith("f:"):
            below = with_named_parents(node, kind.below(step[2:]))
            result[step] = {SELF: {}, **below} if step[2:] in kind.fields else below
        else:
            result[step] = with_named_parents(node, kind.items())
    return result


# Merging and taking away


def merged(live: Any, config: Any, kind: FieldType) -> Any:
    """The live value with a config laid over it; keyed lists and sets keep the config's order."""
    shape = kind.shape(config)
    if kind.shape(live) != shape or shape == Shape.LEAF:
        return config
    if shape == Shape.MAP:
        old, new = _as_map(live), _as_map(config)
        if not old and not new:
            return config
        both = {
            name: merged(child, new[name], kind.below(name)) if name in new else child
            for name, child in old.items()
        }
        return {**both, **{name: child for name, child in new.items() if name not in old}}
    left, right = _as_list(live), _as_list(config)
    return _merged_lists(left, right, kind) if left or right else config


def _merged_lists(live: list[Any], config: list[Any], kind: FieldType) -> list[Any]:
    """Shared items and the config's own in the config's order; the live ones among them where they were."""
    old = {step: found[0] for step, found in _by_step(live, kind).items()}
    new = {step: found[0] for step, found in _by_step(config, kind).items()}
    both = {
        step: merged(old[step], item, kind.items()) if step in old else item for step, item in new.items()
    }
    live_steps = [(kind.step(item), item) for item in live]
    order, result = list(new), []
    shared = iter([step for step in order if step in old])
    next_shared = next(shared, None)
    done: set[str] = set()
    left = right = 0
    while left < len(live_steps) or right < len(order):
        if left < len(live_steps):
            step, item = live_steps[left]
            if right < len(order) and step == order[right]:
                result.append(both[step])
                done.add(step)
                left, right, next_shared = left + 1, right + 1, next(shared, None)
                continue
            if right < len(order) and step in new and next_shared not in (None, step):
                left += 1  # it comes later, where the config has it
                continue
            if step not in new:
                result.append(item)
                left += 1
                continue
            if step in done:
                left += 1
        if right < len(order):
            step = order[right]
            result.append(both[step])
            done.add(step)
            right += 1
            if next_shared == step:
                next_shared = next(shared, None)
    return result


def without(value: Any, fields: FieldSet, kind: FieldType) -> Any:
    """The value less the members of a set; a map or list left with nothing becomes None and keeps its place.

    The place may still be owned, so it is not gone; defaulting takes such nulls out of the object.
    """
    shape = kind.shape(value)
    if shape == Shape.MAP:
        kept = {}
        for name, child in _as_map(value).items():
            node = fields.get("f:" + name)
            if node is None:
                kept[name] = child
            elif not is_member(node):
                kept[name] = without(child, node, kind.below(name))
        return kept or None
    if shape == Shape.LIST:
        items = []
        for child in _as_list(value):
            node = fields.get(kind.step(child))
            if node is None:
                items.append(child)
            elif not is_member(node) and (rest := without(child, node, kind.items())) is not None:
                items.append(rest)
        return items or None
    return None if isinstance(value, dict | list) else value


# Shared


def _by_step(items: list[Any], kind: FieldType) -> dict[str, list[Any]]:
    result: dict[str, list[Any]] = {}
    for item in items:
        result.setdefault(kind.step(item), []).append(item)
    return result


def _joined(left: FieldSet | None, right: FieldSet | None) -> FieldSet | None:
    """Two nodes of the same path; None is no node, EMPTY is the path itself."""
    if left is None or right is None:
        return right if left is None else left
    if not left or not right:
        node = left or right
        return node if is_member(node) else {SELF: {}, **node}
    return union(left, right)


def _as_map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
