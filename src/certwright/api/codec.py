"""JSON in and out of wire types, with errors that name the field. Not validation against a schema."""

import re
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")

_encoder: Final = msgspec.json.Encoder()
_decoders: Final[dict[Any, msgspec.json.Decoder[Any]]] = {}
_plain: Final = msgspec.json.Decoder()
_AT: Final = re.compile(r"^(.*?)(?: - at `(?:key in )?\$(.*?)`)?$", re.DOTALL)
_WORDS: Final = {
    "`str`": "a string",
    "`int`": "an integer",
    "`bool`": "a boolean",
    "`float`": "a number",
    "`array`": "a list",
    "`object`": "an object",
    "`null`": "null",
}


class DecodeError(ValueError):
    """A document is not an object of the wanted kind.

    `path` is the field, such as `spec.dnsNames[0]`, empty for the document itself; `problem` never quotes
    a value, since it may be a secret.
    """

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}" if path else problem)
        self.path = path
        self.problem = problem


def decode(data: bytes | str, cls: type[T]) -> T:
    """Read JSON into `cls`; unknown fields are skipped and an explicit null counts as absent.

    Raises:
        DecodeError: not JSON, a required field is missing, or a field has another type.
    """
    try:
        return _decoder(cls).decode(data)
    except msgspec.ValidationError as error:
        return _without_nulls(_plain.decode(data), cls, error)
    except msgspec.DecodeError as error:
        raise DecodeError("", str(error)) from None


def convert(obj: Any, cls: type[T]) -> T:
    """Read plain dicts and lists, as parsed from YAML or JSON, into `cls`.

    Raises:
        DecodeError: a required field is missing, or a field has another type.
    """
    try:
        return msgspec.convert(obj, cls)
    except msgspec.ValidationError as error:
        return _without_nulls(obj, cls, error)


def encode(obj: object) -> bytes:
    """Write an object, or plain dicts and lists, as JSON."""
    return _encoder.encode(obj)


def to_builtins(obj: object) -> Any:
    """Turn an object into the dicts, lists and scalars that its JSON would give."""
    return msgspec.to_builtins(obj)


def field_path(pointer: str) -> str:
    """Turn msgspec's `.spec.dnsNames[...]` into `spec.dnsNames[]`."""
    return pointer.replace("[...]", "[]").removeprefix(".")


def _decoder(cls: type[T]) -> msgspec.json.Decoder[T]:
    found = _decoders.get(cls)
    if found is None:
        found = _decoders[cls] = msgspec.json.Decoder(cls)
    return found


def _without_nulls(obj: Any, cls: type[T], first: msgspec.ValidationError) -> T:
    """Try again without nulls: Go clients may write one for any absent field."""
    try:
        return msgspec.convert(_prune_nulls(obj), cls)
    except msgspec.ValidationError:
        raise _explain(first) from None


def _prune_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _prune_nulls(member) for key, member in value.items() if member is not None}
    if isinstance(value, list):
        return [_prune_nulls(member) for member in value]
    return value


def _explain(error: msgspec.ValidationError) -> DecodeError:
    match = _AT.match(str(error))
    problem, pointer = match.groups() if match else (str(error), "")
    missing = re.fullmatch(r"Object missing required field `(.*)`", problem)
    path = field_path(pointer or "")
    if missing:
        return DecodeError(f"{path}.{missing[1]}" if path else missing[1], "required, but missing")
    for type_name, words in _WORDS.items():
        problem = problem.replace(type_name, words)
    return DecodeError(path, problem[:1].lower() + problem[1:])
