"""The JSONPath of printer columns: fields, indexes, slices, wildcards, filters, recursive descent. No
templates.

    find = compile_path('.status.conditions[?(@.type=="Ready")].status')
    find(obj)    # ["True"]

Source: `k8s.io/client-go/util/jsonpath`; missing fields find nothing, as with AllowMissingKeys.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator
from typing import Any, Final

Finder = Callable[[Any], list[Any]]
Step = Callable[[Any], Iterator[Any]]

_TOKEN: Final = re.compile(
    r"""\.\.(?P<below>[A-Za-z_$][\w\-/]*|\*)
      | \.(?P<field>(?:\\.|[^.\[\]\\'"(){}\s])+)
      | \[\s*(?P<index>-?\d+)\s*\]
      | \[\s*(?P<slice>-?\d*:-?\d*(?::-?\d*)?)\s*\]
      | \[\s*'(?P<single>(?:\\.|[^'\\])*)'\s*\]
      | \[\s*"(?P<double>(?:\\.|[^"\\])*)"\s*\]
      | (?P<every>\[\s*\*\s*\])
      | \[\?\((?P<filter>(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[^"')\]])*)\)\]
    """,
    re.VERBOSE,
)
_COMPARISON: Final = re.compile(
    r"""^\s*(?P<left>@[^=!<>]*?)\s*(?:(?P<sign>==|!=|<=|>=|<|>)\s*(?P<right>.+?))?\s*$"""
)
_SIGNS: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class JsonPathError(ValueError):
    """A path that cannot be read; the message says where."""


def compile_path(path: str) -> Finder:
    """A function that finds every value at `path` in an object. Raises JsonPathError."""
    text = path.strip()
    if text.startswith("{") and text.endswith("}"):
        text = text[1:-1].strip()
    steps = _steps(text.removeprefix("$"), path)

    def find(obj: Any) -> list[Any]:
        found = [obj]
        for step in steps:
            found = [value for current in found for value in step(current)]
        return found

    return find


def _steps(text: str, path: str) -> list[Step]:
    if text and text[0] not in ".[":
        text = "." + text
    steps: list[Step] = []
    position = 0
    while position < len(text):
        if text[position:] == ".":
            break
        token = _TOKEN.match(text, position)
        if token is None:
            raise JsonPathError(f"unrecognized path {path!r} at {text[position:]!r}")
        steps.append(_step(token, path))
        position = token.end()
    return steps


def _step(token: re.Match[str], path: str) -> Step:
    kind, text = token.lastgroup, token.group(token.lastgroup or 0)
    if kind == "every" or text == "*":
        return _descend if kind == "below" else _children
    if kind == "index":
        return _at(slice(int(text), int(text) + 1 or None))
    if kind == "slice":
        return _at(slice(*(int(part) if part else None for part in text.split(":"))))
    if kind == "filter":
        return _filter(text, path)
    name = re.sub(r"\\(.)", r"\1", text)
    if kind == "below":
        return lambda value: (found for inner in _descend(value) for found in _field(inner, name))
    return lambda value: _field(value, name)


def _field(value: Any, name: str) -> Iterator[Any]:
    if isinstance(value, dict) and name in value:
        yield value[name]


def _children(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _descend(value: Any) -> Iterator[Any]:
    yield value
    for child in _children(value):
        yield from _descend(child)


def _at(where: slice) -> Step:
    def step(value: Any) -> Iterator[Any]:
        if isinstance(value, list):
            yield from value[where]

    return step


def _filter(text: str, path: str) -> Step:
    comparison = _COMPARISON.match(text)
    if comparison is None:
        raise JsonPathError(f"unrecognized filter {text!r} in {path!r}")
    left = compile_path(comparison["left"].removeprefix("@"))
    sign = comparison["sign"]
    if sign is None:
        return lambda value: (item for item in _children(value) if left(item))
    right, compare = _operand(comparison["right"], path), _SIGNS[sign]

    def keeps(item: Any) -> bool:
        ours, theirs = left(item), right(item)
        if not ours or not theirs:
            return False
        try:
            return compare(ours[0], theirs[0])
        except TypeError:
            return False

    return lambda value: (item for item in _children(value) if keeps(item))


def _operand(text: str, path: str) -> Finder:
    if text.startswith("@"):
        return compile_path(text[1:])
    if text[0] in "\"'" and text[-1] == text[0] and len(text) > 1:
        value: Any = re.sub(r"\\(.)", r"\1", text[1:-1])
    elif text in ("true", "false"):
        value = text == "true"
    else:
        try:
            value = float(text) if "." in text else int(text)
        except ValueError:
            raise JsonPathError(f"unrecognized value {text!r} in {path!r}") from None
    return lambda _item: [value]
