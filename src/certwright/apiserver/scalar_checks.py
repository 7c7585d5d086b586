"""Checks of one JSON value against a schema node's type, text, number and enum rules; not of what is in it.

A check gets a value and gives back None, or the problems found. Paths are put together on the way back up, so
a valid value costs no path at all. Reasons and texts are kube-apiserver's (kube-openapi `validate`), with one
difference: a list where text with a format is expected is an error here, and slips through there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from certwright.apiserver import field_errors as fe
from certwright.apiserver.formats import supported

_PATTERN_TOKEN: Final = re.compile(r"\\.|\[\^?\]?(?:\[:\w+:\]|\\.|[^\]])*\]|\$")
_POSIX: Final = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "word": r"\w",
    "xdigit": "0-9a-fA-F",
}
_TYPE_NAMES: Final = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
    type(None): "null",
}
_INT64: Final = range(-(2**63), 2**63)
_INT32: Final = range(-(2**31), 2**31)
_EXACT_FLOAT: Final = 2.0**53


class MapKey(str):
    """A path step into a map (`additionalProperties`), which some messages show in brackets."""

    __slots__ = ()


@dataclass(slots=True)
class Problem:
    """One violation, seen from the node that found it; `trail` grows outwards as it travels up."""

    reason: str
    detail: Callable[[str], str]
    value: Any = fe.OMITTED
    missing: str = ""
    """The absent child, for a required value."""
    detached: bool = False
    """Upstream reports it without a path."""
    trail: list[str | int] = field(default_factory=list)

    def steps(self) -> list[str | int]:
        """From the root to the node that complained."""
        return self.trail[::-1]

    def as_error(self, prefix: str) -> fe.FieldError:
        """The field error; `prefix` comes before the path of the field, never into the message."""
        path = render(self.steps(), brackets=self.reason == fe.DUPLICATE)
        name = f"{path}.{self.missing}" if path and self.missing else path or self.missing
        where = f"{prefix}.{name}" if prefix and name else prefix or name
        if self.detached:
            where = prefix or fe.NO_FIELD
        message = fe.message_of(self.reason, self.value, self.detail(path))
        return fe.FieldError(where or fe.NO_FIELD, self.reason, message)


Problems = list[Problem]
Check = Callable[[Any], "Problems | None"]


def render(steps: Iterable[str | int], *, brackets: bool = False) -> str:
    """A path as messages show it: `spec.list[0].bar`; map keys in brackets on request."""
    text = ""
    for step in steps:
        if isinstance(step, int) or (brackets and isinstance(step, MapKey)):
            text += f"[{step}]"
        else:
            text += f".{step}" if text else step
    return text


def fixed(text: str) -> Callable[[str], str]:
    """The same detail wherever the problem is."""
    return lambda _path: text


def body(text: str) -> Callable[[str], str]:
    """A detail that begins with the path, as most do."""
    return lambda path: f"{path} in body {text}"


def under(problems: Problems, step: str | int) -> Problems:
    """The problems of a child, seen from its parent."""
    for problem in problems:
        problem.trail.append(step)
    return problems


def type_check(schema: dict[str, Any]) -> Check | None:
    """Is the value of the type, or null where null may be."""
    kind = schema.get("type", "")
    if schema.get("x-kubernetes-int-or-string"):
        return _int_or_string_check(schema)
    if not kind:
        return None
    nullable = schema.get("nullable", False)
    accepted = {name: python for python, name in _TYPE_NAMES.items()}[kind]
    described = _known_format(schema)

    def wrong(value: Any) -> Problems | None:
        if value is None and nullable:
            return None
        if kind in ("integer", "number") and _is_number(value, kind):
            return None
        problem = _wrong_type(value, kind, described)
        return [problem, _too_wide(described)] if kind == "integer" and type(value) is float else [problem]

    return lambda value: None if type(value) is accepted else wrong(value)


def _int_or_string_check(schema: dict[str, Any]) -> Check:
    nullable = schema.get("nullable", False)

    def check(value: Any) -> Problems | None:
        if type(value) is str or _is_number(value, "integer") or (value is None and nullable):
            return None
        return [_wrong_type(value, "integer,string", "")]

    return check


def _is_number(value: Any, kind: str) -> bool:
    if type(value) is int:
        return kind == "number" or value in _INT64
    if type(value) is not float:
        return False
    return kind == "number" or (value.is_integer() and abs(value) <= _EXACT_FLOAT)


def _wrong_type(value: Any, expected: str, known_format: str) -> Problem:
    got = _TYPE_NAMES[type(value)]
    if known_format and got != "null" and got not in ("string", "array"):
        # A format replaces the type's name in the message, and then the value's format its type.
        expected, got = known_format, {"integer": "int64", "number": "float64"}.get(got, "")
    return Problem(fe.TYPE_INVALID, body(f"must be of type {expected}: {fe.go_quote(got)}"), got)


def _known_format(schema: dict[str, Any]) -> str:
    """The schema's format where upstream knows it for the schema's type, else nothing."""
    name: str = schema.get("format", "")
    kind = schema.get("type", "")
    if kind in ("", "string"):
        return name if supported(name) else ""
    allowed = {"integer": ("int32", "int64"), "number": ("float", "double")}.get(kind, ())
    return name if name in allowed else ""


def string_check(schema: dict[str, Any]) -> Check | None:
    """Length, pattern and format of a text; only the first of length and pattern is reported."""
    longest, shortest, pattern = schema.get("maxLength"), schema.get("minLength"), schema.get("pattern")
    name = _known_format(schema) if schema.get("type", "") in ("", "string") else ""
    predicate = supported(name) if name else None
    if longest is None and not shortest and not pattern and predicate is None:
        return None
    search = go_pattern(pattern).search if pattern else None

    def check(value: Any) -> Problems | None:
        if type(value) is not str:
            return None
        found: Problems = []
        if longest is not None and len(value) > longest:
            found.append(Problem(fe.TOO_LONG, fixed(fe.at_most_bytes(longest))))
        elif shortest and len(value) < shortest:
            found.append(Problem(fe.INVALID, body(f"should be at least {shortest} chars long"), value))
        elif search and not search(value):
            found.append(Problem(fe.INVALID, body(f"should match '{pattern}'"), value))
        if predicate and not predicate(value):
            detail = body(f"must be of type {name}: {fe.go_quote(value)}")
            found.append(Problem(fe.TYPE_INVALID, detail, value))
        return found

    return check


def go_pattern(pattern: str) -> re.Pattern[str]:
    r"""A Go (RE2) pattern as a Python one: ASCII classes, and `$` only at the very end.

    Raises re.error for what Python cannot express (`\p{L}`).
    """
    return re.compile(_PATTERN_TOKEN.sub(_python_token, pattern), re.ASCII)


def _python_token(found: re.Match[str]) -> str:
    token = found[0]
    if token in ("$", r"\z"):
        return r"\Z"
    for name, characters in _POSIX.items():
        token = token.replace(f"[:{name}:]", characters)
    return token


def number_check(schema: dict[str, Any]) -> Check | None:
    """Limits, step and width of a number."""
    kind = "" if schema.get("x-kubernetes-int-or-string") else schema.get("type", "")
    narrow = kind == "integer" and schema.get("format") == "int32"
    factor, maximum, minimum = schema.get("multipleOf"), schema.get("maximum"), schema.get("minimum")
    if not narrow and factor is None and maximum is None and minimum is None:
        return None
    below = bool(schema.get("exclusiveMaximum"))
    above = bool(schema.get("exclusiveMinimum"))

    def check(value: Any) -> Problems | None:
        if type(value) is not int and type(value) is not float:
            return None
        found: Problems = []
        if narrow and not _INT32.start <= value < _INT32.stop:  # `in` walks through a range for floats
            found.append(_too_wide("int32"))
        if factor is not None and not _is_multiple(value, factor):
            found.append(_out_of_range(value, f"a multiple of {fe.go_value(_like(factor, value))}"))
        if minimum is not None and (value < minimum or (above and value == minimum)):
            limit = fe.go_value(_like(minimum, value))
            found.append(_out_of_range(value, f"greater than {'' if above else 'or equal to '}{limit}"))
        if maximum is not None and (value > maximum or (below and value == maximum)):
            limit = fe.go_value(_like(maximum, value))
            found.append(_out_of_range(value, f"less than {'' if below else 'or equal to '}{limit}"))
        return found

    return check


def _is_multiple(value: float, factor: float) -> bool:
    """With floats, to nine digits, and only as far as floats are exact."""
    if type(value) is int and factor == int(factor):
        return value % int(factor) == 0
    times = 1 / factor * value if factor < 1 else value / factor
    return abs(times) <= _EXACT_FLOAT and abs(times - round(times)) <= 1e-9 * max(1.0, abs(times))


def _too_wide(known_format: str) -> Problem:
    how = f"with format {known_format}" if known_format else "(default format)"

    def detail(path: str) -> str:
        return f"Checked value must be of type integer {how} in {path}"

    return Problem(fe.INVALID, detail, "", detached=True)


def _out_of_range(value: float, should_be: str) -> Problem:
    return Problem(fe.INVALID, body(f"should be {should_be}"), value)


def _like(limit: float, value: float) -> float:
    """A limit in the type of the value, which is how upstream prints it."""
    return int(limit) if type(value) is int else float(limit)


def enum_check(schema: dict[str, Any]) -> Check | None:
    """Is the value one of those listed."""
    allowed = schema.get("enum")
    if not allowed:
        return None
    texts = frozenset(value for value in allowed if type(value) is str)
    others = [value for value in allowed if type(value) is not str and value is not None]
    detail = fixed(fe.supported_values(allowed))

    def check(value: Any) -> Problems | None:
        if type(value) is str:
            if value in texts:
                return None
        elif any(same(value, other) for other in others):
            return None
        return [Problem(fe.NOT_SUPPORTED, detail, value)]

    return check


def same(left: Any, right: Any) -> bool:
    """JSON equality: like Python's, except that a boolean is never a number (at any depth)."""
    if type(left) is bool or type(right) is bool:
        return left is right
    if type(left) is dict and type(right) is dict:
        return left.keys() == right.keys() and all(same(value, right[key]) for key, value in left.items())
    if type(left) is list and type(right) is list:
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)
