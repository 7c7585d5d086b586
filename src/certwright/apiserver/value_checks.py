"""Value validation compiled from a structural schema: one closure per node. It neither prunes nor defaults.

Errors come in kube-apiserver's order: type, combinations (`anyOf`, ...), text, number, list, enum, object.
Source: kube-openapi `validate`, and apiextensions `listtype` for sets and keyed lists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from certwright.apiserver import field_errors as fe
from certwright.apiserver.scalar_checks import (
    Check,
    MapKey,
    Problem,
    Problems,
    body,
    enum_check,
    fixed,
    number_check,
    string_check,
    type_check,
    under,
)

_Limits = Callable[[Any], Problems]


def compile_check(schema: dict[str, Any]) -> Check | None:
    """The check for one schema node, or None where every value passes.

    Raises re.error for a pattern that Python cannot express; `structural_rules` reports those first.
    """
    parts = [
        part
        for part in (
            type_check(schema),
            _composition_check(schema),
            string_check(schema),
            number_check(schema),
            _list_check(schema),
            enum_check(schema),
            _object_check(schema),
        )
        if part is not None
    ]
    if len(parts) < 2:
        return parts[0] if parts else None
    return _all_of_parts(tuple(parts))


def _all_of_parts(parts: tuple[Check, ...]) -> Check:
    def check(value: Any) -> Problems | None:
        found: Problems | None = None
        for part in parts:
            problems = part(value)
            if problems:
                found = problems if found is None else found + problems
        return found

    return check


def _list_check(schema: dict[str, Any]) -> Check | None:
    item = compile_check(schema["items"]) if isinstance(schema.get("items"), dict) else None
    limits = _list_limits(schema)
    if item is None and limits is None:
        return None

    def check(value: Any) -> Problems | None:
        if type(value) is not list:
            return None
        found: Problems | None = None
        if item is not None:
            for index, child in enumerate(value):
                problems = item(child)
                if problems:
                    found = [*(found or ()), *under(problems, index)]
        if limits is not None:
            found = [*(found or ()), *limits(value)]
        return found

    return check


def _list_limits(schema: dict[str, Any]) -> _Limits | None:
    most, least, unique = schema.get("maxItems"), schema.get("minItems"), schema.get("uniqueItems")
    kind, keys = schema.get("x-kubernetes-list-type"), schema.get("x-kubernetes-list-map-keys", [])
    if most is None and not least and not unique and kind not in ("set", "map"):
        return None

    def check(value: list[Any]) -> Problems:
        found: Problems = []
        if least and len(value) < least:
            found.append(Problem(fe.INVALID, body(f"should have at least {least} items"), len(value)))
        if most is not None and len(value) > most:
            found.append(Problem(fe.TOO_MANY, fixed(fe.at_most_items(most)), len(value)))
        if unique and len({fe.go_json(item) for item in value}) < len(value):
            found.append(Problem(fe.INVALID, body("shouldn't contain duplicates"), ""))
        if kind == "set" and len(value) > 1:
            found += _repeated(value)
        elif kind == "map":
            found += _repeated_keys(value, keys)
        return found

    return check


def _repeated_keys(value: list[Any], keys: list[str]) -> Problems:
    for index, item in enumerate(value):
        if item is not None and type(item) is not dict:
            wrong = "must be an object for an array of list-type map"
            return [Problem(fe.INVALID, fixed(wrong), item, trail=[index])]
    if len(value) < 2:
        return []
    return _repeated([{key: item[key] for key in keys if key in item} if item else {} for item in value])


def _repeated(values: list[Any]) -> Problems:
    """One problem per value that is there twice or more, at its second place."""
    seen: dict[Any, int] = {}
    found = []
    for index, value in enumerate(values):
        mark = value if type(value) is str else (fe.go_json(value),)
        seen[mark] = seen.get(mark, 0) + 1
        if seen[mark] == 2:
            found.append(Problem(fe.DUPLICATE, fixed(""), value, trail=[index]))
    return found


def _object_check(schema: dict[str, Any]) -> Check | None:
    properties: dict[str, Any] = schema.get("properties", {})
    children = {name: part for name, sub in properties.items() if (part := compile_check(sub))}
    named = frozenset(properties)
    extra = schema.get("additionalProperties")
    other = compile_check(extra) if isinstance(extra, dict) else None
    required = tuple(schema.get("required", ()))
    limits = _object_limits(schema, named if extra is False else None)
    if not children and other is None and not required and limits is None:
        return None
    child_of = children.get

    def check(value: Any) -> Problems | None:
        if type(value) is not dict:
            return None
        found: Problems | None = limits(value) if limits is not None else None
        for name, child in value.items():
            inner = child_of(name)
            if inner is not None:
                problems = inner(child)
            elif other is not None and name not in named:
                problems = other(child)
                name = MapKey(name)  # noqa: PLW2901
            else:
                continue
            if problems:
                found = [*(found or ()), *under(problems, name)]
        for name in required:
            if name not in value:
                found = [*(found or ()), Problem(fe.REQUIRED, fixed(""), missing=name)]
        return found

    return check


def _object_limits(schema: dict[str, Any], only: frozenset[str] | None) -> _Limits | None:
    most, least = schema.get("maxProperties"), schema.get("minProperties")
    if most is None and not least and only is None:
        return None

    def check(value: dict[str, Any]) -> Problems:
        found: Problems = []
        if least and len(value) < least:
            found.append(Problem(fe.INVALID, body(f"should have at least {least} properties"), len(value)))
        if most is not None and len(value) > most:
            found.append(Problem(fe.TOO_MANY, fixed(fe.at_most_items(most)), len(value)))
        if only is not None:
            found += [_not_allowed(name) for name in value if name not in only]
        return found

    return check


def _not_allowed(name: str) -> Problem:
    return Problem(fe.INVALID, lambda path: f"{path}.{name} in body is a forbidden property", name)


def _composition_check(schema: dict[str, Any]) -> Check | None:
    parts = [
        make([compile_check(branch) or _anything for branch in schema[word]])
        for word, make in (("anyOf", _any_of), ("oneOf", _one_of), ("allOf", _all_of))
        if schema.get(word)
    ]
    if isinstance(schema.get("not"), dict):
        parts.append(_not(compile_check(schema["not"]) or _anything))
    if not parts:
        return None
    both = _all_of_parts(tuple(parts))
    return lambda value: None if value is None else both(value)


def _anything(_value: Any) -> Problems | None:
    return None


def _composed(text: str) -> Problem:
    return Problem(fe.INVALID, lambda path: f"{fe.go_quote(path)} {text}", "", detached=True)


def _any_of(branches: list[Check]) -> Check:
    def check(value: Any) -> Problems | None:
        first: Problems | None = None
        for branch in branches:
            problems = branch(value)
            if not problems:
                return None
            first = first or problems
        return [_composed("must validate at least one schema (anyOf)"), *(first or ())]

    return check


def _one_of(branches: list[Check]) -> Check:
    def check(value: Any) -> Problems | None:
        results = [branch(value) for branch in branches]
        valid = sum(not problems for problems in results)
        if valid == 1:
            return None
        which = f"Found {valid} valid alternatives" if valid else "Found none valid"
        best = [] if valid else results[0] or []
        return [_composed(f"must validate one and only one schema (oneOf). {which}"), *best]

    return check


def _all_of(branches: list[Check]) -> Check:
    def check(value: Any) -> Problems | None:
        results = [branch(value) or [] for branch in branches]
        if not any(results):
            return None
        none = ". None validated" if all(results) else ""
        found = [problem for result in results for problem in result]
        return [*found, _composed(f"must validate all the schemas (allOf){none}")]

    return check


def _not(branch: Check) -> Check:
    return lambda value: None if branch(value) else [_composed("must not validate the schema (not)")]
