"""Field errors: what is wrong at which path, and how that is put into words; not the decision what is wrong.

Reasons and the words in front of the detail are Kubernetes' own (`k8s.io/apimachinery`, field errors),
because programs read them; the details are ours.
"""

from collections.abc import Iterable
from typing import Any, Final

import msgspec
from msgspec import Struct

REQUIRED: Final = "FieldValueRequired"
INVALID: Final = "FieldValueInvalid"
NOT_SUPPORTED: Final = "FieldValueNotSupported"
TOO_LONG: Final = "FieldValueTooLong"
DUPLICATE: Final = "FieldValueDuplicate"
FORBIDDEN: Final = "FieldValueForbidden"

MOST_QUOTED: Final = 100
"""How many characters of a value a message shows."""


class FieldError(Struct, frozen=True):
    """One thing that is wrong: where, of which sort, and in words. `field` is a path like `spec.uris[0]`."""

    field: str
    reason: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}"


def required(field: str, detail: str = "must be set") -> FieldError:
    """A value is missing."""
    return FieldError(field, REQUIRED, f"Required value: {detail}")


def invalid(field: str, value: Any, detail: str) -> FieldError:
    """A value is wrong; it is quoted, so it must not be a secret."""
    return FieldError(field, INVALID, f"Invalid value: {quoted(value)}: {detail}")


def not_supported(field: str, value: Any, supported: Iterable[Any]) -> FieldError:
    """A value is none of the few that are possible."""
    values = ", ".join(quoted(str(each)) for each in supported)
    return FieldError(field, NOT_SUPPORTED, f"Unsupported value: {quoted(value)}: supported values: {values}")


def too_long(field: str, detail: str) -> FieldError:
    """A value is too long to be quoted, or to be used."""
    return FieldError(field, TOO_LONG, f"Too long: {detail}")


def duplicate(field: str, value: Any) -> FieldError:
    """A value is there twice where each may be there once."""
    return FieldError(field, DUPLICATE, f"Duplicate value: {quoted(value)}")


def forbidden(field: str, detail: str) -> FieldError:
    """A field must not be set, or not by this user, or not any more."""
    return FieldError(field, FORBIDDEN, f"Forbidden: {detail}")


def quoted(value: Any) -> str:
    """A value as a message shows it: JSON, and only the beginning of long texts."""
    if isinstance(value, str) and len(value) > MOST_QUOTED:
        value = f"{value[:MOST_QUOTED]}..."
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, TypeError):  # lone surrogates cannot be written as JSON
        return ascii(value)


def in_words(errors: Iterable[FieldError]) -> str:
    """All errors in one line: a list in brackets if there are several, repetitions left out."""
    texts = list(dict.fromkeys(map(str, errors)))
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
