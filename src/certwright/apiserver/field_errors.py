"""Field errors: what is wrong at which path, in kube-apiserver's words. It does not decide what is wrong.

The texts are contract: `details.causes` of a 422 are read by people, by kubectl and by other
implementations' tests.
Source: `k8s.io/apimachinery/pkg/util/validation/field` (reasons, message shape).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
TYPE_INVALID: Final = "FieldValueTypeInvalid"
TOO_LONG: Final = "FieldValueTooLong"
TOO_MANY: Final = "FieldValueTooMany"
DUPLICATE: Final = "FieldValueDuplicate"
FORBIDDEN: Final = "FieldValueForbidden"

NO_FIELD: Final = "<nil>"
"""What upstream prints for an error that belongs to no field."""

_PREFIX: Final = {
    REQUIRED: "Required value",
    INVALID: "Invalid value",
    NOT_SUPPORTED: "Unsupported value",
    TYPE_INVALID: "Invalid value",
    TOO_LONG: "Too long",
    TOO_MANY: "Too many",
    DUPLICATE: "Duplicate value",
    FORBIDDEN: "Forbidden",
}
_ESCAPES: Final = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    '"': '\\"',
    "\\": "\\\\",
}
_JSON: Final = msgspec.json.Encoder(order="sorted")


@dataclass(frozen=True, slots=True)
class FieldError:
    """One entry of `status.details.causes`; `field` is a path like `spec.list[0].bar`."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


class _Omitted:
    """The type of `OMITTED`."""


OMITTED: Final = _Omitted()
"""Stands for a value that the message leaves out."""


def message_of(reason: str, value: Any = OMITTED, detail: str = "") -> str:
    """The text of one error: what kind, the value where the kind shows it, the detail."""
    text = _PREFIX[reason]
    if value is not OMITTED and reason not in (REQUIRED, FORBIDDEN, TOO_LONG):
        text += f": {go_value(value)}"
    return f"{text}: {detail}" if detail else text


def supported_values(values: Iterable[Any]) -> str:
    """The detail of an unsupported value: the allowed ones, quoted, in the schema's order."""
    quoted = (go_quote(value if isinstance(value, str) else go_json(value)) for value in values)
    return "supported values: " + ", ".join(quoted)


def at_most_bytes(limit: int) -> str:
    """The detail of a text that is too long (upstream says bytes, and counts characters)."""
    return f"may not be more than {limit} byte{'' if limit == 1 else 's'}"


def at_most_items(limit: int) -> str:
    """The detail of a list or map with too many entries."""
    return f"must have at most {limit} item{'' if limit == 1 else 's'}"


def go_value(value: Any) -> str:
    """A JSON value as upstream's messages show it: text quoted, numbers plain, the rest as compact JSON."""
    if isinstance(value, str):
        return go_quote(value)
    if type(value) is float:
        return go_float(value)
    return go_json(value)


def go_json(value: Any) -> str:
    """Compact JSON with sorted keys and the three characters escaped that Go's encoder escapes for HTML."""
    text = _JSON.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def go_quote(text: str) -> str:
    """A text in double quotes as Go's `%q` writes it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join(_quoted(char) for char in text) + '"'


def _quoted(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def go_float(value: float) -> str:
    """A float as Go's `%v` writes it: shortest digits, an exponent below 1e-4 and from 1e21."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else str(value)
    if 1e-4 <= abs(value) < 1e21:
        return f"{value:.0f}" if value == int(value) else repr(value)
    mantissa, _, exponent = repr(value).partition("e")
    if not exponent:  # repr switches to exponents at other bounds than Go
        mantissa, _, exponent = f"{value:e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa.removesuffix('.0')}e{int(exponent):+03d}"
