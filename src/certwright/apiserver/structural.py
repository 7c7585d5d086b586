"""A structural schema, compiled: defaults, prunes and validates one JSON object. It does no I/O.

    schema = compile_schema(crd_version["schema"]["openAPIV3Schema"])
    schema.default(obj)            # nulls that may not be there go, defaults come
    unknown = schema.prune(obj)    # ["spec.foo", "spec.list[0].bar"]
    errors = schema.validate(obj)  # all of them, none raised

Invariant: default and prune are idempotent. Whether a schema is structural is for `structural_rules` to say.
Source: `k8s.io/apiextensions-apiserver/pkg/apiserver/schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from certwright.apiserver import field_errors as fe
from certwright.apiserver.defaulting import compile_default
from certwright.apiserver.field_errors import FieldError
from certwright.apiserver.field_types import FieldType, compile_field_type
from certwright.apiserver.object_meta import OBJECT_META
from certwright.apiserver.pruning import compile_prune
from certwright.apiserver.scalar_checks import MapKey, Problem, same
from certwright.apiserver.value_checks import compile_check

JsonObject = dict[str, Any]
Rule = Callable[[Any], bool]
"""One `x-kubernetes-validations` rule as Python: gets the value (`self`), says whether it holds."""

_BLOCKING: Final = frozenset((fe.NOT_SUPPORTED, fe.REQUIRED, fe.TOO_LONG, fe.TOO_MANY, fe.TYPE_INVALID))
_NOT_CHECKED: Final = (
    "some validation rules were not checked because the object was invalid; "
    "correct the existing errors to complete validation"
)


class Structural:
    """A compiled schema. Make it with `compile_schema`; it is immutable and may be shared."""

    def __init__(self, schema: JsonObject, rules: Mapping[str, Rule]) -> None:
        self.schema: Final = schema
        self._rules_by_text = rules
        self._check = compile_check(schema)
        self._default = compile_default(schema)
        self._prune = compile_prune(schema)
        self._rules = _compile_rules(schema, rules)
        self._has_rules = _has_rules(schema)
        self._children: dict[str, Structural] = {}
        self._field_type: FieldType | None = None

    def child(self, name: str) -> Structural | None:
        """The schema of one property, compiled (status updates validate `status` alone)."""
        sub = self.schema.get("properties", {}).get(name)
        if sub is None:
            return None
        if name not in self._children:
            self._children[name] = Structural(sub, self._rules_by_text)
        return self._children[name]

    def field_type(self) -> FieldType:
        """How ownership of the fields is tracked and how they merge."""
        if self._field_type is None:
            self._field_type = compile_field_type(self.schema)
        return self._field_type

    def default(self, obj: Any) -> None:
        """Drop nulls where null is not allowed, then fill in defaults. Changes `obj`."""
        if self._default is not None:
            self._default(obj)

    def prune(self, obj: Any) -> list[str]:
        """Remove unknown fields from `obj`; their paths, sorted."""
        found: list[str] = []
        if self._prune is not None:
            self._prune(obj, (), found)
        return sorted(found)

    def validate(self, obj: Any, path: str = "", old: Any = None) -> list[FieldError]:
        """Every error at once, in the order of the object.

        `path` is put before the fields (not into the messages), as for `status` alone. With `old`, the stored
        object, errors in parts that this update leaves as they were are forgiven (ratcheting).
        """
        problems = (self._check(obj) if self._check is not None else None) or []
        if problems and old is not None:
            problems = [problem for problem in problems if not self._is_old(problem, obj, old)]
        if problems:
            problems.sort(key=lambda problem: problem.reason == fe.DUPLICATE)
        errors = list(dict.fromkeys(problem.as_error(path) for problem in problems))
        if not self._has_rules:
            return errors
        if any(error.reason in _BLOCKING for error in errors):
            message = fe.message_of(fe.INVALID, None, _NOT_CHECKED)
            return [*errors, FieldError(fe.NO_FIELD, fe.INVALID, message)]
        broken = self._rules(obj) if self._rules is not None else []
        if old is not None:
            broken = [problem for problem in broken if not self._is_old(problem, obj, old)]
        return errors + [problem.as_error(path) for problem in broken]

    def _is_old(self, problem: Problem, obj: Any, old: Any) -> bool:
        """Whether a part around the problem, short of the whole object, is equal in the stored object."""
        schema = self.schema
        for step in problem.steps():
            if step in ("apiVersion", "kind") and schema is self.schema:
                return False
            correlated, old = _correlate(schema, obj, old, step)
            if not correlated:
                return False
            obj = obj[step]
            if same(obj, old):
                return True
            schema = _below(schema, step)
        return False


def compile_schema(
    schema: JsonObject | None, rules: Mapping[str, Rule] | None = None, *, resource: bool = True
) -> Structural:
    """Compile an OpenAPI v3 structural schema.

    `resource`: the root is a whole object; `metadata` follows ObjectMeta, `apiVersion` and `kind` are known.
    `rules`: Python functions for `x-kubernetes-validations`, by rule text; other rules are not evaluated.
    Raises re.error for a pattern that cannot be compiled, KeyError for an unknown type.
    """
    root: JsonObject = dict(schema or {"type": "object", "x-kubernetes-preserve-unknown-fields": True})
    if resource:
        root["x-kubernetes-embedded-resource"] = True
    return Structural(_with_object_meta(root), rules or {})


def _with_object_meta(schema: JsonObject) -> JsonObject:
    """The schema with ObjectMeta put in wherever a whole resource stands."""
    result = dict(schema)
    if isinstance(result.get("items"), dict):
        result["items"] = _with_object_meta(result["items"])
    if isinstance(result.get("additionalProperties"), dict):
        result["additionalProperties"] = _with_object_meta(result["additionalProperties"])
    if "properties" in result:
        result["properties"] = {name: _with_object_meta(sub) for name, sub in result["properties"].items()}
    if result.get("x-kubernetes-embedded-resource"):
        properties = result.get("properties", {})
        own = properties.get("metadata", {}).get("properties", {})
        metadata = {**OBJECT_META, "properties": {**OBJECT_META["properties"], **own}}
        known = {"apiVersion": {"type": "string"}, "kind": {"type": "string"}}
        result["properties"] = {**known, **properties, "metadata": metadata}
    return result


_Rules = Callable[[Any], list[Problem]]


def _has_rules(schema: JsonObject) -> bool:
    return bool(schema.get("x-kubernetes-validations")) or any(map(_has_rules, _children_of(schema)))


def _children_of(schema: JsonObject) -> Iterator[JsonObject]:
    yield from schema.get("properties", {}).values()
    for word in ("items", "additionalProperties"):
        if isinstance(schema.get(word), dict):
            yield schema[word]


def _compile_rules(schema: JsonObject, rules: Mapping[str, Rule]) -> _Rules | None:
    written = schema.get("x-kubernetes-validations", ())
    own = [(rules[rule["rule"]], rule) for rule in written if rule["rule"] in rules]
    properties: JsonObject = schema.get("properties", {})
    inner = {name: part for name, sub in properties.items() if (part := _compile_rules(sub, rules))}
    item, extra = (
        _compile_rules(schema[word], rules) if isinstance(schema.get(word), dict) else None
        for word in ("items", "additionalProperties")
    )
    if not own and not inner and item is None and extra is None:
        return None
    opaque = schema.get("type") in ("object", "array")

    def run(value: Any) -> list[Problem]:
        found = [_broken(rule, fe.OMITTED if opaque else value) for holds, rule in own if not holds(value)]
        steps: list[tuple[str | int, Any, _Rules]] = []
        if type(value) is list and item is not None:
            steps = [(index, child, item) for index, child in enumerate(value)]
        elif type(value) is dict:
            steps = [(name, value[name], part) for name, part in inner.items() if name in value]
            if extra is not None:
                steps += [(MapKey(name), child, extra) for name, child in value.items() if name not in inner]
        for step, child, part in steps:
            for problem in part(child):
                problem.trail.append(step)
                found.append(problem)
        return found

    return run


def _broken(rule: JsonObject, value: Any) -> Problem:
    text = rule.get("message") or f"failed rule: {' '.join(rule['rule'].split())}"
    problem = Problem(rule.get("reason", fe.INVALID), lambda _path: text, value)
    if rule.get("fieldPath"):
        problem.trail.append(rule["fieldPath"].lstrip("."))
    return problem


def _correlate(schema: JsonObject, new: Any, old: Any, step: str | int) -> tuple[bool, Any]:
    """The stored counterpart of one child: by name in objects, by key in lists of type map, else none."""
    if isinstance(step, str):
        both = type(new) is dict and step in new and type(old) is dict and step in old
        return both, old[step] if both else None
    keys = schema.get("x-kubernetes-list-map-keys") if schema.get("x-kubernetes-list-type") == "map" else None
    if not keys or type(new) is not list or type(old) is not list or type(new[step]) is not dict:
        return False, None
    wanted = [new[step].get(key) for key in keys]
    if None not in wanted:
        for item in old:
            if type(item) is dict and [item.get(key) for key in keys] == wanted:
                return True, item
    return False, None


def _below(schema: JsonObject, step: str | int) -> JsonObject:
    if isinstance(step, int):
        return schema.get("items") or {}
    sub = schema.get("properties", {}).get(step, schema.get("additionalProperties"))
    return sub if isinstance(sub, dict) else {}
