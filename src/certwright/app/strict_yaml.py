"""YAML and JSON text to plain values, read as kubectl reads it, with line numbers in every error; no objects.

YAML here means what Kubernetes' own parser makes of it: `yes`, `on` and `y` are booleans, `017` is 15, dates
and `12:30` are strings, numbers as keys become strings, `<<` merges. Stricter than kubectl's client in one
thing: a key that is there twice is an error, not the last one wins.
"""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import math
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import yaml

MAX_VALUES = 2_000_000
"""Values in one document after anchors are expanded; an object that large is refused by any API server."""
MAX_DEPTH = 200
"""How deep lists and mappings may be nested."""

_BOOLEANS = {
    word: value
    for value, words in ((True, ("y", "yes", "true", "on")), (False, ("n", "no", "false", "off")))
    for lower in words
    for word in (lower, lower.capitalize(), lower.upper())
}
_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_NOT_NUMBERS = frozenset(
    sign + word for sign in ("", "+", "-") for word in (".inf", ".Inf", ".INF")
) | frozenset((".nan", ".NaN", ".NAN"))
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_SEPARATOR = re.compile(r"^---(?=\s|\Z)", re.MULTILINE)


class TextError(Exception):
    """The text cannot be read. `line` counts from 1; `reason` holds no line break."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason


def read_documents(data: bytes) -> Iterator[tuple[int, Any | TextError]]:
    """The documents of a YAML or JSON text, each with its number from 1: its value, or why it cannot be read.

    Empty documents count but are not given. A text that is not UTF-8 is one unreadable document.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        yield 1, TextError(data[: error.start].count(b"\n") + 1, "not UTF-8")
        return
    documents = _read_json(text) if text.lstrip()[:1] in ("{", "[") else None
    for number, value in enumerate(documents if documents is not None else _read_yaml(text), 1):
        if value is not None:
            yield number, value


def _read_json(text: str) -> list[Any] | None:
    """The values of a stream of JSON texts; None when it is not JSON (flow-style YAML looks the same)."""
    decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_constant)
    values: list[Any] = []
    position = len(text) - len(text.lstrip())
    while position < len(text):
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        except _DuplicateKey as error:
            return [
                *values,
                TextError(text[:position].count("\n") + 1, f"the key {error.key!r} is there twice"),
            ]
        values.append(value)
        position = end + len(text[end:]) - len(text[end:].lstrip())
    return values


class _DuplicateKey(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKey(key)
        result[key] = value
    return result


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _read_yaml(text: str) -> Iterator[Any | TextError]:
    for line, chunk in _chunks(text):
        yield from _read_chunk(line, chunk)


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """The text cut before each `---`, and how many lines precede each piece: a bad one spoils no other.

    Directives (`%YAML`) stay with the document that they precede.
    """
    starts = [0, *(match.start() for match in _SEPARATOR.finditer(text)), len(text)]
    begin = 0
    for start, end in itertools.pairwise(starts):
        piece = text[begin:end]
        if text[start:end].lstrip().startswith("%") and end < len(text):
            continue
        if piece.strip() and (begin or not _is_comment(piece)):
            yield text.count("\n", 0, begin), piece
        begin = end


def _is_comment(piece: str) -> bool:
    return all(not line.strip() or line.lstrip().startswith("#") for line in piece.splitlines())


def _read_chunk(lines_before: int, chunk: str) -> Iterator[Any | TextError]:
    parser = yaml.CSafeLoader(chunk)
    try:
        while not parser.check_event(yaml.StreamEndEvent):
            event = parser.get_event()
            if isinstance(event, yaml.DocumentStartEvent):
                yield _Reader(parser, lines_before).value()
    except yaml.YAMLError as error:
        yield _syntax_error(error, chunk, lines_before)
    except TextError as error:
        yield error
    finally:
        parser.dispose()


def _syntax_error(error: yaml.YAMLError, chunk: str, lines_before: int) -> TextError:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        line = mark.line if mark is not None else 0
        reason = error.problem or "not YAML"
        if error.context and error.context_mark is not None and error.context_mark.line != line:
            reason += f" ({error.context} that starts in line {lines_before + error.context_mark.line + 1})"
        return TextError(lines_before + line + 1, reason)
    position = getattr(error, "position", 0)
    character = getattr(error, "character", None)
    what = f"the character U+{character:04X} is not allowed" if isinstance(character, int) else str(error)
    return TextError(lines_before + chunk.encode()[:position].count(b"\n") + 1, " ".join(what.split()))


class _Reader:
    """Builds the value of one document from the parser's events.

    It does not use the library's own composer, which recurses in C without a limit: a text of 200 KB could
    crash the process. `lines_before` is what to add to the parser's line numbers.
    """

    def __init__(self, parser: yaml.CSafeLoader, lines_before: int) -> None:
        self._parser = parser
        self._lines_before = lines_before
        self._values = 0
        self._depth = 0
        self._anchors: dict[str, tuple[Any, int] | None] = {}

    def value(self) -> Any:
        """The value that the next events describe. Raises TextError, yaml.YAMLError."""
        event: Any = self._parser.get_event()
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._values
        self._count(event, 1)
        if event.anchor:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        else:
            self._depth += 1
            if self._depth > MAX_DEPTH:
                self._fail(event, f"nested more than {MAX_DEPTH} deep")
            value = self._sequence() if isinstance(event, yaml.SequenceStartEvent) else self._mapping()
            self._depth -= 1
        if event.anchor:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _count(self, event: Any, values: int) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            self._fail(event, f"more than {MAX_VALUES} values in one document")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            self._fail(event, f"there is no anchor {event.anchor!r} before this")
        known = self._anchors[event.anchor]
        if known is None:
            self._fail(event, f"the anchor {event.anchor!r} contains itself")
        self._count(event, known[1])
        return known[0]

    def _sequence(self) -> list[Any]:
        items: list[Any] = []
        while not self._parser.check_event(yaml.SequenceEndEvent):
            items.append(self.value())
        self._parser.get_event()
        return items

    def _mapping(self) -> dict[str, Any]:
        result: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not self._parser.check_event(yaml.MappingEndEvent):
            event: Any = self._parser.peek_event()
            if _is_merge(event):
                self._parser.get_event()
                merged = {**self._merge(), **merged}
                continue
            key = self._key()
            if key in result:
                self._fail(event, f"the key {key!r} is there twice")
            result[key] = self.value()
        self._parser.get_event()
        return {**merged, **result} if merged else result

    def _merge(self) -> dict[str, Any]:
        event: Any = self._parser.peek_event()
        value = self.value()
        parts = value if isinstance(value, list) else [value]
        result: dict[str, Any] = {}
        for part in parts:
            if not isinstance(part, dict):
                self._fail(event, "only mappings can be merged with <<")
            result = {**part, **result}
        return result

    def _key(self) -> str:
        event: Any = self._parser.peek_event()
        key = self.value()
        if key is None or isinstance(key, (list, dict)):
            self._fail(event, "a key must be a string")
        if isinstance(key, bool):
            return "true" if key else "false"
        return str(key)

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if event.tag is None:
            return self._plain(event, text) if event.implicit[0] else text
        kind = event.tag.removeprefix("tag:yaml.org,2002:")
        if kind == "binary":
            try:
                return base64.b64decode("".join(text.split()), validate=True).decode()
            except (binascii.Error, UnicodeDecodeError):
                self._fail(event, "!!binary is not the base64 of UTF-8 text")
        if kind not in ("int", "float", "bool", "null"):
            return text
        value = self._plain(event, text)
        if _kind_of(value) != kind and not (kind == "float" and _kind_of(value) == "int"):
            self._fail(event, f"{text!r} is not a !!{kind}")
        return value

    def _plain(self, event: Any, text: str) -> Any:
        if text in _NULLS:
            return None
        if text in _BOOLEANS:
            return _BOOLEANS[text]
        if text[0] in "0123456789+-.":
            if text in _NOT_NUMBERS:
                self._fail(event, f"{text} cannot be said in JSON; quote it if it is text")
            return _number(text)
        return text

    def _fail(self, event: Any, reason: str) -> NoReturn:
        raise TextError(self._lines_before + event.start_mark.line + 1, reason)


def _is_merge(event: Any) -> bool:
    if not isinstance(event, yaml.ScalarEvent) or event.value != "<<":
        return False
    return bool(event.implicit[0]) or event.tag == "tag:yaml.org,2002:merge"


def _number(text: str) -> int | float | str:
    digits = text.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match is not None:
        sign, hexadecimal, binary, octal, decimal = match.groups()
        value = int(hexadecimal or binary or octal or decimal, _base(hexadecimal, binary, octal))
        value = -value if sign == "-" else value
        # Beyond 64 bits the reference parser falls back to a float.
        return value if -(1 << 63) <= value < (1 << 64) else float(value)
    if _FLOAT.fullmatch(digits):
        number = float(digits)
        if math.isfinite(number):
            return int(number) if number.is_integer() and abs(number) < 1 << 53 else number
    return text


def _base(hexadecimal: str | None, binary: str | None, octal: str | None) -> int:
    return 16 if hexadecimal else 2 if binary else 8 if octal else 10


def _kind_of(value: object) -> str:
    return {bool: "bool", int: "int", float: "float"}.get(type(value), "null" if value is None else "str")
