"""JSON patch (RFC 6902) and JSON merge patch (RFC 7386) on plain values; not strategic merge patch.

Where kube-apiserver differs from the RFC, so does this: `replace` of an absent object field adds it, `test`
of an absent field passes against null. Results share nothing with the object given, which is never changed.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from certwright.apiserver.defaulting import copy_json
from certwright.apiserver.scalar_checks import same

MAX_OPERATIONS: Final = 10_000
"""Operations in one JSON patch; more is answered with 413."""
MAX_COPIED_BYTES: Final = 3 * 1024 * 1024
"""What all `copy` operations of one JSON patch may add, in bytes of JSON."""

_INDEX: Final = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)


class PatchError(Exception):
    """A patch that cannot be applied.

    `status` is the HTTP code: 400 the patch is not one, 413 it is too big, 422 it does not fit the object.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def merge_patch(obj: dict[str, Any], patch: Any) -> dict[str, Any]:
    """The object with a merge patch applied: null removes, objects merge, all else replaces (RFC 7386).

    Raises PatchError 400 when the patch is not an object.
    """
    if not isinstance(patch, dict):
        raise PatchError(400, "a merge patch is a JSON object")
    return _merged(obj, patch)


def _merged(current: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    result = {name: copy_json(value) for name, value in current.items() if name not in patch}
    for name, value in patch.items():
        if value is None:
            continue
        before = current.get(name)
        if type(before) is not dict:
            result[name] = without_nulls(value)
        else:
            result[name] = _merged(before, value) if type(value) is dict else copy_json(value)
    return result


def without_nulls(value: Any) -> Any:
    """A copy without the object fields that are null, at any depth."""
    if type(value) is dict:
        return {name: without_nulls(child) for name, child in value.items() if child is not None}
    if type(value) is list:
        return [without_nulls(child) for child in value]
    return value


def json_patch(obj: dict[str, Any], operations: Any) -> dict[str, Any]:
    """The object with the operations applied in order, all or none (RFC 6902).

    Raises PatchError: 400 for what is not a patch, 413 for more than `MAX_OPERATIONS`, 422 when one fails.
    """
    if not isinstance(operations, list) or not all(isinstance(operation, dict) for operation in operations):
        raise PatchError(400, "a JSON patch is a list of operations")
    if len(operations) > MAX_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(operations)}"
        raise PatchError(413, message)
    document = _Document(copy_json(obj))
    for operation in operations:
        document.run(operation)
    if not isinstance(document.root, dict):
        raise PatchError(422, "the patched document is not an object")
    return document.root


class _Document:
    """The value being patched, and how much has been copied within it."""

    def __init__(self, root: Any) -> None:
        self.root = root
        self._copied = 0

    def run(self, operation: dict[str, Any]) -> None:
        kind, path = operation.get("op"), operation.get("path")
        if not isinstance(path, str):
            raise PatchError(422, f"operation {kind!r} has no path")
        if kind == "add":
            self._add(path, copy_json(operation.get("value")))
        elif kind == "remove":
            self._remove(path)
        elif kind == "replace":
            self._replace(path, copy_json(operation.get("value")))
        elif kind == "test":
            self._test(path, operation.get("value"))
        elif kind in ("move", "copy"):
            self._transfer(kind, operation.get("from"), path)
        else:
            raise PatchError(422, f"unknown operation {kind!r}")

    def _parent(self, path: str) -> tuple[Any, str]:
        steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
        if len(steps) < 2:
            raise PatchError(422, f"no such path: {path!r}")
        node = self.root
        for step in steps[1:-1]:
            node = _get(node, step, path)
            if not isinstance(node, dict | list):
                raise PatchError(422, f"no such path: {path!r}")
        return node, steps[-1]

    def _add(self, path: str, value: Any) -> None:
        parent, key = self._parent(path)
        if isinstance(parent, dict):
            parent[key] = value
        elif key == "-":
            parent.append(value)
        else:
            parent.insert(_index(key, len(parent) + 1, path), value)

    def _remove(self, path: str) -> None:
        parent, key = self._parent(path)
        if isinstance(parent, list):
            del parent[_index(key, len(parent), path)]
        elif key in parent:
            del parent[key]
        else:
            raise PatchError(422, f"nothing to remove at {path!r}")

    def _replace(self, path: str, value: Any) -> None:
        if path == "":
            self.root = value
            return
        parent, key = self._parent(path)
        if isinstance(parent, list):
            parent[_index(key, len(parent), path)] = value
        else:
            parent[key] = value

    def _test(self, path: str, value: Any) -> None:
        found = self.root if path == "" else _get(*self._parent(path), path)
        if not same(found, value):
            raise PatchError(422, f"test failed at {path!r}")

    def _transfer(self, kind: str, source: Any, path: str) -> None:
        if not isinstance(source, str):
            raise PatchError(422, f"operation {kind!r} has no from")
        parent, key = self._parent(source)
        if isinstance(parent, dict) and key not in parent and kind == "move":
            raise PatchError(422, f"nothing to move at {source!r}")
        value = _get(parent, key, source)
        if kind == "move":
            self._remove(source)
        else:
            value = copy_json(value)
            self._copied += len(msgspec.json.encode(value))
            if self._copied > MAX_COPIED_BYTES:
                raise PatchError(422, f"copies add more than {MAX_COPIED_BYTES} bytes to the object")
        self._add(path, value)


def _get(node: Any, key: str, path: str) -> Any:
    if isinstance(node, list):
        return node[_index(key, len(node), path)]
    return node.get(key)


def _index(key: str, size: int, path: str) -> int:
    """A list index; negative ones count from the end. `size` is the number of indices that exist."""
    if _INDEX.fullmatch(key) is None:
        raise PatchError(422, f"not a list index in {path!r}: {key!r}")
    index = int(key)
    if not -size <= index < size:
        raise PatchError(422, f"no such list index in {path!r}: {key}")
    return index + size if index < 0 else index
