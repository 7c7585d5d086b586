"""Label and field selectors as the API spells them, and what a change means to a watcher that selects.

Parsing only builds matchers over decoded objects; which fields a kind can be selected by is the caller's to
say. The messages are upstream's (k8s.io/apimachinery, pkg/labels and pkg/fields), because clients show them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from certwright.api.label_rules import label_key_errors, label_value_errors
from certwright.apiserver.record import Change, Record

Object = Mapping[str, Any]
Test = Callable[[Object], bool]
_LabelTest = Callable[[Mapping[str, str]], bool]

ALWAYS_SELECTABLE = ("metadata.name", "metadata.namespace")


class SelectorError(ValueError):
    """The selector cannot be understood; the message is upstream's and ready for a 400."""


class Selector:
    """A compiled selector: `matches(object)`.

    `exact` holds the fields that have to have one certain value, so that a caller can look one name up
    instead of filtering a list. `everything` is true for the selector that restricts nothing.
    """

    __slots__ = ("_tests", "everything", "exact")

    def __init__(self, tests: tuple[Test, ...], exact: Mapping[str, str]) -> None:
        self._tests = tests
        self.exact = exact
        self.everything = not tests

    def matches(self, obj: Object) -> bool:
        """Whether the object is selected."""
        return all(test(obj) for test in self._tests)

    def __and__(self, other: Selector) -> Selector:
        return Selector(self._tests + other._tests, {**self.exact, **other.exact})


EVERYTHING = Selector((), {})
NOTHING = Selector((lambda _: False,), {})


def event(change: Change, selector: Selector = EVERYTHING) -> tuple[str, Record] | None:
    """What a change is to a watcher: ADDED, MODIFIED or DELETED with the object to send, or None.

    The type follows from whether the selector matched before and matches now: an object that leaves the
    selection is DELETED, with its last selected state and the revision at which it left.
    """
    before, record = change.before, change.record
    if selector.everything:
        matched, matches = before is not None, not change.deleted
    else:
        matched = before is not None and selector.matches(before.object)
        matches = not change.deleted and selector.matches(record.object)
    if matches:
        return ("MODIFIED" if matched else "ADDED"), record
    if not matched or before is None:
        return None
    return "DELETED", record if change.deleted else _at_revision(before, record.revision)


def _at_revision(record: Record, revision: int) -> Record:
    metadata = {**record.object["metadata"], "resourceVersion": str(revision)}
    return Record(record.key, revision, msgspec.json.encode({**record.object, "metadata": metadata}))


# Labels


class Requirement(NamedTuple):
    """One condition on one label; `operator` is in, notin, =, ==, !=, gt, lt, exists or !."""

    key: str
    operator: str
    values: tuple[str, ...]


def parse_labels(text: str) -> Selector:
    """Compile a `labelSelector` parameter, as in `app=web,tier in (a, b),!canary`. Raises `SelectorError`."""
    return _compile(_Parser(text).requirements())


def label_selector(selector: Mapping[str, Any] | None) -> Selector:
    """Compile a LabelSelector object (`matchLabels`, `matchExpressions`).

    None selects nothing, an empty one everything. Raises `SelectorError`.
    """
    if selector is None:
        return NOTHING
    found = [_requirement(key, "=", (value,)) for key, value in (selector.get("matchLabels") or {}).items()]
    for expression in selector.get("matchExpressions") or ():
        operator = _EXPRESSION_OPERATORS.get(expression.get("operator", ""))
        if operator is None:
            raise SelectorError(f'"{expression.get("operator", "")}" is not a valid label selector operator')
        found.append(_requirement(expression.get("key", ""), operator, tuple(expression.get("values") or ())))
    return _compile(found)


_EXPRESSION_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "exists", "DoesNotExist": "!"}
_OPERATORS = ("in", "notin", "=", "==", "!=", "gt", "lt")
_SYMBOLS = {"in": "in", "notin": "notin", "=": "=", "==": "==", "!=": "!=", ">": "gt", "<": "lt"}
_TOKEN = re.compile(r"[ \t\r\n]*(?:(?P<symbol>!=|==|[=!(),<>])|(?P<word>[^ \t\r\n=!(),<>]+))")


class _Parser:
    """The grammar `[!] KEY [ (= | == | !=) VALUE | (in | notin) (VALUES) | (> | <) NUMBER ]`, with commas."""

    def __init__(self, text: str) -> None:
        self._tokens = [
            (match["word"] is not None, match["word"] or match["symbol"]) for match in _tokens(text)
        ]
        self._tokens.append((False, ""))
        self._at = 0

    def _peek(self) -> tuple[bool, str]:
        return self._tokens[self._at]

    def _take(self) -> tuple[bool, str]:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def requirements(self) -> list[Requirement]:
        found: list[Requirement] = []
        while True:
            word, text = self._peek()
            if not word and not text:
                return found
            if not word and text != "!":
                raise SelectorError(f"found '{text}', expected: !, identifier, or 'end of string'")
            try:
                found.append(self._requirement())
            except SelectorError as error:
                raise SelectorError(f"unable to parse requirement: {error}") from None
            self._separator()

    def _separator(self) -> None:
        word, text = self._peek()
        if not word and not text:
            return
        if word or text != ",":
            raise SelectorError(f"found '{text}', expected: ',' or 'end of string'")
        self._take()
        word, text = self._peek()
        if not word and text != "!":
            raise SelectorError(f"found '{text}', expected: identifier after ','")

    def _requirement(self) -> Requirement:
        absent = self._peek() == (False, "!")
        if absent:
            self._take()
        word, key = self._take()
        if not word:
            raise SelectorError(f"found '{key}', expected: identifier")
        if errors := label_key_errors(key):
            raise SelectorError(f'<nil>: Invalid value: "{key}": {"; ".join(errors)}')
        if absent:
            return Requirement(key, "!", ())
        if self._peek() in ((False, ""), (False, ",")):
            return Requirement(key, "exists", ())
        _, symbol = self._take()
        operator = _SYMBOLS.get(symbol)
        if operator is None:
            raise SelectorError(f"found '{symbol}', expected: {', '.join(_OPERATORS)}")
        values = self._list() if operator in ("in", "notin") else self._value()
        return _requirement(key, operator, tuple(sorted(set(values))))

    def _value(self) -> list[str]:
        word, text = self._peek()
        if not word and text in ("", ","):
            return [""]
        self._take()
        if not word:
            raise SelectorError(f"found '{text}', expected: identifier")
        return [text]

    def _list(self) -> list[str]:
        word, text = self._take()
        if word or text != "(":
            raise SelectorError(f"found '{text}' expected: '('")
        word, text = self._peek()
        if not word and text not in (",", ")"):
            raise SelectorError(f"found '{text}', expected: ',', ')' or identifier")
        values: list[str] = []
        while True:
            values.append(self._take()[1] if self._peek()[0] else "")
            word, text = self._take()
            if word:
                raise SelectorError(f"found '{text}', expected: ',' or ')'")
            if text == ")":
                return values
            if text != ",":
                wanted = "',' or ')'" if values[-1] else "',', or identifier"
                raise SelectorError(f"found '{text}', expected: {wanted}")


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return _TOKEN.finditer(text)


def _requirement(key: str, operator: str, values: tuple[str, ...]) -> Requirement:
    """Check a requirement; all its errors at once."""
    errors = []
    if wrong := label_key_errors(key):
        errors.append(f'key: Invalid value: "{key}": {"; ".join(wrong)}')
    if operator in ("in", "notin") and not values:
        errors.append("values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty")
    if operator in ("exists", "!") and values:
        shown = ",".join(f'"{value}"' for value in values)
        errors.append(
            f"values: Invalid value: [{shown}]: values set must be empty for exists and does not exist"
        )
    if operator in ("gt", "lt") and _integer(values[0]) is None:
        errors.append(
            f'values[0]: Invalid value: "{values[0]}": '
            "for 'Gt', 'Lt' operators, the value must be an integer"
        )
    for index, value in enumerate(values):
        if wrong := label_value_errors(value):
            errors.append(f'values[{index}][{key}]: Invalid value: "{value}": {"; ".join(wrong)}')
    if errors:
        raise SelectorError(errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
    return Requirement(key, operator, values)


def _compile(requirements: list[Requirement]) -> Selector:
    if not requirements:
        return EVERYTHING
    tests = [_label_test(requirement) for requirement in requirements]

    def test(obj: Object) -> bool:
        labels = obj["metadata"].get("labels") or {}
        return all(check(labels) for check in tests)

    return Selector((test,), {})


def _label_test(requirement: Requirement) -> _LabelTest:
    key, operator, values = requirement
    if operator in ("=", "=="):
        wanted = values[0]
        return lambda labels: labels.get(key) == wanted
    if operator in ("in", "notin", "!="):
        members = frozenset(values)
        if operator == "in":
            return lambda labels: labels.get(key) in members
        return lambda labels: labels.get(key) not in members
    if operator == "exists":
        return lambda labels: key in labels
    if operator == "!":
        return lambda labels: key not in labels
    bound, sign = int(values[0]), 1 if operator == "gt" else -1

    def compare(labels: Mapping[str, str]) -> bool:
        number = _integer(labels.get(key, ""))
        return number is not None and (number - bound) * sign > 0

    return compare


def _integer(text: str) -> int | None:
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        return None
    number = int(text)
    return number if -(2**63) <= number < 2**63 else None


# Fields


def parse_fields(text: str, selectable: Collection[str] = ()) -> Selector:
    """Compile a `fieldSelector` parameter, as in `metadata.name=web,status.phase!=Active`.

    `selectable` are the paths this kind can be selected by, beside `metadata.name` and `metadata.namespace`.
    Raises `SelectorError`.
    """
    tests: list[Test] = []
    exact: dict[str, str] = {}
    for term in sorted(_terms(text)):
        match = _TERM.fullmatch(term)
        if match is None:
            raise SelectorError(f"invalid selector: '{text}'; can't understand '{term}'")
        path, operator, value = match["path"], match["operator"], _unescape(match["value"])
        if not path and not value:
            continue  # upstream takes a lone operator for no condition at all
        if path not in ALWAYS_SELECTABLE and path not in selectable:
            raise SelectorError(f"field label not supported: {path}")
        tests.append(_field_test(path, value, operator != "!="))
        if operator != "!=":
            exact[path] = value
    return Selector(tuple(tests), exact) if tests else EVERYTHING


_TERM = re.compile(r"(?P<path>.*?)(?P<operator>!=|==|=)(?P<value>.*)", re.DOTALL)
_SPLIT = re.compile(r"(?:\\.|[^\\,]|\\$)+", re.DOTALL)


def _terms(text: str) -> list[str]:
    """The non-empty terms between commas; a backslash takes the character after it along."""
    return _SPLIT.findall(text)


def _unescape(value: str) -> str:
    if not any(special in value for special in "\\,="):
        return value
    plain = []
    characters = iter(value)
    for character in characters:
        if character == "\\":
            escaped = next(characters, "")
            if escaped not in ("\\", ",", "="):
                raise SelectorError(f"invalid field selector: invalid escape sequence: \\{escaped}")
            plain.append(escaped)
        elif character in ",=":
            raise SelectorError(f"invalid field selector: unescaped character in value: {ord(character)}")
        else:
            plain.append(character)
    return "".join(plain)


def _field_test(path: str, wanted: str, equal: bool) -> Test:
    names = path.split(".")
    return lambda obj: (field_value(obj, names) == wanted) is equal


def field_value(obj: Object, names: list[str]) -> str:
    """The value at a path as a field selector sees it: text, and "" where there is nothing."""
    found: Any = obj
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool):
        return "true" if found else "false"
    return "" if found is None or isinstance(found, (dict, list)) else str(found)
