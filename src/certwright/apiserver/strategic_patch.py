"""Strategic merge patch for built-in kinds: a merge patch whose lists merge by key. Not for custom resources.

Which lists merge is in the schema: `x-kubernetes-patch-strategy` (`merge`, `replace`, `retainKeys`, comma
separated) and `x-kubernetes-patch-merge-key`. Directives in a patch: `$patch` (`delete`, `replace`),
`$retainKeys`, `$deleteFromPrimitiveList/FIELD`, `$setElementOrder/FIELD`.

Source: apimachinery `strategicpatch`.
"""

from __future__ import annotations

from typing import Any, Final

from certwright.apiserver.defaulting import copy_json
from certwright.apiserver.patch import PatchError, without_nulls

Schema = dict[str, Any]

_PATCH: Final = "$patch"
_RETAIN_KEYS: Final = "$retainKeys"
_DELETE_FROM: Final = "$deleteFromPrimitiveList/"
_ORDER_OF: Final = "$setElementOrder/"


def strategic_merge_patch(obj: dict[str, Any], patch: Any, schema: Schema) -> dict[str, Any]:
    """The object with the patch applied; neither argument is changed, the result shares nothing with `obj`.

    Raises PatchError: 400 for wrong directives or element types, 422 for a patch that contradicts itself.
    """
    if not isinstance(patch, dict):
        raise PatchError(400, "a strategic merge patch is a JSON object")
    return _merge_objects(copy_json(obj), copy_json(patch), schema)


def _merge_objects(current: dict[str, Any], patch: dict[str, Any], schema: Schema) -> dict[str, Any]:
    """Both arguments are ours to change."""
    directive = patch.pop(_PATCH, None)
    if directive == "replace":
        return patch
    if directive == "delete":
        return {}
    if directive is not None:
        raise PatchError(400, f"unknown $patch directive {directive!r}")
    _retain_keys(current, patch)
    orders = {key.removeprefix(_ORDER_OF): patch.pop(key) for key in list(patch) if key.startswith(_ORDER_OF)}
    deletions = {
        key.removeprefix(_DELETE_FROM): patch.pop(key) for key in list(patch) if key.startswith(_DELETE_FROM)
    }
    for name, order in orders.items():
        _merge_ordered(current, patch, name, order, _property(schema, name))
    for name, value in patch.items():
        if value is None:
            current.pop(name, None)
        else:
            current[name] = _merge_value(current.get(name), value, _property(schema, name))
            if current[name] is None:
                del current[name]
    for name, gone in deletions.items():
        if not isinstance(gone, list):
            raise PatchError(400, "invalid patch format of primitive list")
        if isinstance(current.get(name), list):
            current[name] = [item for item in current[name] if item not in gone]
    return current


def _retain_keys(current: dict[str, Any], patch: dict[str, Any]) -> None:
    """`$retainKeys` names all fields that stay; what the patch sets must be among them."""
    if _RETAIN_KEYS not in patch:
        return
    kept = patch.pop(_RETAIN_KEYS)
    set_here = [name for name, value in patch.items() if value is not None and not name.startswith("$")]
    if not isinstance(kept, list) or any(name not in kept for name in set_here):
        raise PatchError(400, "invalid patch format of retainKeys")
    for name in [name for name in current if name not in kept]:
        del current[name]


def _merge_value(current: Any, value: Any, schema: Schema) -> Any:
    """What one field becomes; None if the patch says it shall not be."""
    if isinstance(current, dict) and isinstance(value, dict):
        if "replace" in _strategies(schema):
            return value
        return _merge_objects(current, value, schema)
    if isinstance(current, list) and isinstance(value, list):
        return _merge_lists(current, value, schema) if "merge" in _strategies(schema) else value
    return _plain(without_nulls(value))


def _plain(value: Any) -> Any:
    """A value without what carries a `$patch` directive."""
    if isinstance(value, dict):
        if _PATCH in value:
            return None
        children = {name: _plain(child) for name, child in value.items() if not name.startswith("$")}
        return {name: child for name, child in children.items() if child is not None}
    if isinstance(value, list):
        return [child for child in map(_plain, value) if child is not None]
    return value


# Lists


def _merge_ordered(
    current: dict[str, Any], patch: dict[str, Any], name: str, order: Any, schema: Schema
) -> None:
    """One list with `$setElementOrder`: merged, then put into the order the client wants."""
    change = patch.pop(name, None)
    before = current.get(name)
    if (
        not isinstance(order, list)
        or not isinstance(change, list | None)
        or not isinstance(before, list | None)
    ):
        raise PatchError(400, "invalid patch format of setElementOrder list")
    key = _merge_key(schema)
    if change is not None:
        _check_order(change, order, key)
    if before is None and change is None:
        return
    if before is None:
        merged = _plain(change)
    elif change is None:
        merged = before
    else:
        merged = _merge_lists(list(before), change, schema)
    current[name] = _ordered(merged, order, before or [], key)


def _check_order(change: list[Any], order: list[Any], key: str) -> None:
    wanted = iter([_identity(item, key) for item in order])
    for item in change:
        if isinstance(item, dict) and _PATCH in item:
            continue
        if order and _identity(item, key) not in wanted:  # consumes: the order of both must agree
            raise PatchError(422, "the patched list and its setElementOrder list disagree about the order")


def _merge_lists(current: list[Any], change: list[Any], schema: Schema) -> list[Any]:
    kinds = {_kind(item) for item in (*current, *change)}
    if len(kinds) > 1:
        raise PatchError(400, "the items of a list must be of one type")
    if "list" in kinds:
        raise PatchError(422, "lists of lists are not supported")
    key = _merge_key(schema)
    if "object" not in kinds:
        merged = list(dict.fromkeys([*current, *change]))
        return _ordered(merged, change, current, "")
    if not key:
        raise PatchError(400, "a list of objects cannot be merged without a merge key")
    merged = _merge_keyed(current, change, key, schema.get("items", {}))
    return _ordered(merged, [item for item in change if _PATCH not in item], current, key)


def _merge_keyed(current: list[Any], change: list[Any], key: str, schema: Schema) -> list[Any]:
    plain = [item for item in change if _PATCH not in item]
    for item in change:
        directive = item.get(_PATCH)
        if directive == "delete":
            gone = _identity(item, key)
            current = [one for one in current if one.get(key) != gone]
        elif directive not in (None, "replace"):
            raise PatchError(400, f"unknown $patch directive {directive!r}")
    if any(item.get(_PATCH) == "replace" for item in change):
        return plain
    result = list(current)
    for item in plain:
        wanted = _identity(item, key)
        place = next((index for index, one in enumerate(result) if one.get(key) == wanted), None)
        if place is None:
            result.append(_plain(without_nulls(item)))
        else:
            result[place] = _merge_objects(result[place], item, schema)
    return result


def _ordered(merged: list[Any], order: list[Any], before: list[Any], key: str) -> list[Any]:
    """Items the client listed come in its order; the server's own are woven in where they stood."""
    wanted = {_identity(item, key): place for place, item in enumerate(order)}
    stood = {_identity(item, key): place for place, item in enumerate(before)}
    listed = [item for item in merged if _identity(item, key) in wanted]
    listed.sort(key=lambda item: wanted[_identity(item, key)])
    others = [item for item in merged if _identity(item, key) not in wanted]
    others.sort(key=lambda item: stood.get(_identity(item, key), len(stood)))
    result = []
    while listed and others:
        left, right = _identity(others[0], key), _identity(listed[0], key)
        own_first = left in stood and right in stood and stood[left] < stood[right]
        result.append(others.pop(0) if own_first else listed.pop(0))
    return result + listed + others


def _identity(item: Any, key: str) -> Any:
    identity = item
    if key:
        if not isinstance(item, dict) or key not in item:
            raise PatchError(400, f"a list item lacks its merge key {key!r}")
        identity = item[key]
    if isinstance(identity, dict | list):
        raise PatchError(400, "a list item cannot be told apart by an object or a list")
    return identity


def _kind(item: Any) -> str:
    if isinstance(item, dict):
        return "object"
    return "list" if isinstance(item, list) else type(item).__name__


# Schema


def _property(schema: Schema, name: str) -> Schema:
    sub = schema.get("properties", {}).get(name, schema.get("additionalProperties"))
    return sub if isinstance(sub, dict) else {}


def _strategies(schema: Schema) -> list[str]:
    text: str = schema.get("x-kubernetes-patch-strategy", "")
    return text.split(",")


def _merge_key(schema: Schema) -> str:
    key: str = schema.get("x-kubernetes-patch-merge-key", "")
    return key
