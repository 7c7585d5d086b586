"""From a protobuf body to the object that the same client would have sent as JSON. It writes none.

A body is `k8s`, a zero byte, and an envelope that names the kind and holds its message; client-go sends the
built-in kinds so. Source: `k8s.io/apimachinery/pkg/runtime/serializer/protobuf`.
"""

from __future__ import annotations

import math
import struct
from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from certwright.apiserver.protobuf_messages import KINDS, OPTIONS, Field, messages
from certwright.apiserver.protobuf_reader import (
    FIXED64,
    LENGTH,
    VARINT,
    ProtobufError,
    Value,
    fields,
    signed,
)

MEDIA_TYPE: Final = "application/vnd.kubernetes.protobuf"
MAGIC: Final = b"k8s\x00"
DEPTH_LIMIT: Final = 100
"""Messages inside messages; the CustomResourceDefinition of an Issuer needs about 30."""
_TYPE_META, _RAW, _ENCODING = 1, 2, 3
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ZERO_TIME: Final = datetime(1, 1, 1, tzinfo=UTC)
_decode_json = msgspec.json.Decoder().decode


class UnknownKindError(ValueError):
    """A kind without a message in the table; the text names it."""


def decode(body: bytes) -> dict[str, Any]:
    """The object in a body. Raises ProtobufError for other bytes, UnknownKindError for other kinds."""
    if not body:
        raise ProtobufError("empty data")
    if not body.startswith(MAGIC):
        expected = " ".join(str(byte) for byte in MAGIC)
        raise ProtobufError(
            f"provided data does not appear to be a protobuf message, expected prefix [{expected}]"
        )
    envelope = _parts(body[len(MAGIC) :])
    names = _parts(envelope.get(_TYPE_META, b""))
    api_version, kind = _text(names.get(1, b"")), _text(names.get(2, b""))
    if not kind or not api_version:
        raise ProtobufError(f"Object '{'apiVersion' if kind else 'Kind'}' is missing in the envelope")
    if envelope.get(_ENCODING):
        raise ProtobufError("the envelope has a contentEncoding, and only plain messages are read")
    name = kind if kind in OPTIONS else KINDS.get((api_version, kind))
    if name is None:
        raise UnknownKindError(f"{kind} in version {api_version}")
    return {"kind": kind, "apiVersion": api_version, **_read(name, envelope.get(_RAW, b""), 0)}


def _parts(data: bytes) -> dict[int, bytes]:
    """The fields of the envelope, all of which are bytes."""
    return {number: value for number, _, value in fields(data) if isinstance(value, bytes)}


def _read(message: str, data: bytes, depth: int) -> dict[str, Any]:
    """The JSON object of a message."""
    if depth > DEPTH_LIMIT:
        raise ProtobufError("exceeded max depth")
    sent: dict[int, list[tuple[int, Value]]] = {}
    for number, wire, value in fields(data):
        sent.setdefault(number, []).append((wire, value))
    found: dict[str, Any] = {}
    for field in messages()[message]:
        values = sent.get(field.number)
        if values is not None:
            read = _SHAPES[field.shape](field, values, depth)
            if read or field.pointer or field.always:
                found[field.name] = read
        elif field.always:
            found[field.name] = _not_sent(field, depth)
    return found


def _not_sent(field: Field, depth: int) -> Any:
    """What Go writes for a field that nobody has set."""
    if field.shape != "one" or field.pointer:
        return None
    return _value(field.type, b"", depth) if field.type not in _SCALARS else _SCALARS[field.type][2]


def _one(field: Field, values: Sequence[tuple[int, Value]], depth: int) -> Any:
    """A message that was sent in parts is the sum of its parts; of numbers and text the last one counts."""
    if field.type in _SCALARS:
        return _scalar(field, values[-1], depth)
    parts = [_bytes(field, each) for each in values]
    return _value(field.type, parts[0] if len(parts) == 1 else b"".join(parts), depth)


def _list(field: Field, values: Sequence[tuple[int, Value]], depth: int) -> list[Any]:
    return [_scalar(field, each, depth) for each in values]


def _map(field: Field, values: Sequence[tuple[int, Value]], depth: int) -> dict[str, Any]:
    """Each entry is a message of a key and a value; either may be missing."""
    found: dict[str, Any] = {}
    value_field = Field(2, field.name, field.type, "one", pointer=False, always=True)
    for each in values:
        key, value = "", None
        for number, wire, part in fields(_bytes(field, each)):
            if number == 1:
                key = _text(_bytes(field, (wire, part)))
            elif number == value_field.number:
                value = (wire, part)
        found[key] = _not_sent(value_field, depth) if value is None else _scalar(value_field, value, depth)
    return found


def _bytes(field: Field, sent: tuple[int, Value]) -> bytes:
    wire, value = sent
    if wire != LENGTH or not isinstance(value, bytes):
        raise ProtobufError(f"wrong wireType = {wire} for field {field.name}")
    return value


def _scalar(field: Field, sent: tuple[int, Value], depth: int) -> Any:
    scalar = _SCALARS.get(field.type)
    if scalar is None:
        return _value(field.type, _bytes(field, sent), depth)
    wire, read, _ = scalar
    if sent[0] != wire:
        raise ProtobufError(f"wrong wireType = {sent[0]} for field {field.name}")
    return read(sent[1])


def _value(message: str, data: bytes, depth: int) -> Any:
    special = _SPECIAL.get(message)
    if special is None:
        return _read(message, data, depth + 1)
    return special(_read(message, data, depth + 1), data)


# --- scalars


def _text(value: Any) -> str:
    # like encoding/json does on the client's side
    return bytes(value).decode("utf-8", "replace")


def _base64(value: Any) -> str:
    return b64encode(value).decode()


def _double(value: Any) -> int | float:
    (found,) = struct.unpack("<d", value)
    if not math.isfinite(found):
        raise ProtobufError("a number is not finite")
    return int(found) if found.is_integer() and abs(found) < 1e21 else float(found)


_SCALARS: Final[dict[str, tuple[int, Callable[[Any], Any], Any]]] = {
    "string": (LENGTH, _text, ""),
    "bytes": (LENGTH, _base64, ""),
    "bool": (VARINT, bool, False),
    "int32": (VARINT, lambda value: signed(value, 32), 0),
    "int64": (VARINT, lambda value: signed(value, 64), 0),
    "double": (FIXED64, _double, 0),
}
"""The wire type, the reader, and the value of a field that was not sent."""


# --- messages whose JSON is no object

Parts = dict[str, Any]


def _instant(parts: Parts, data: bytes) -> datetime | None:
    """The time, to the microsecond; None for Go's zero time, which is sent as nothing."""
    if not data:
        return None
    nanos = parts.get("nanos", 0)
    micros = parts.get("seconds", 0) * 1_000_000 + (nanos // 1000 if nanos >= 0 else -(-nanos // 1000))
    try:
        found = _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        raise ProtobufError("a time is outside of the years 1 to 9999") from None
    return None if found == _ZERO_TIME else found


def _time(parts: Parts, data: bytes) -> str | None:
    found = _instant({**parts, "nanos": 0}, data)
    return None if found is None else found.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _micro_time(parts: Parts, data: bytes) -> str | None:
    found = _instant(parts, data)
    return None if found is None else found.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _any_json(parts: Parts, data: bytes) -> Any:
    """JSON text inside the message."""
    raw = _parts(data).get(1)
    if not raw:
        return None
    try:
        return _decode_json(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        raise ProtobufError("a field that has to hold JSON does not") from None


_SPECIAL: Final[dict[str, Callable[[Parts, bytes], Any]]] = {
    "Time": _time,
    "MicroTime": _micro_time,
    "JSON": _any_json,
    "FieldsV1": _any_json,
    "ExtraValue": lambda parts, _: parts.get("list", []),
    "JSONSchemaPropsOrArray": lambda parts, _: parts.get("list") or parts.get("schema"),
    "JSONSchemaPropsOrBool": lambda parts, _: parts.get("schema", parts.get("allows", False)),
    "JSONSchemaPropsOrStringArray": lambda parts, _: parts.get("list") or parts.get("schema"),
}
_SHAPES: Final[dict[str, Callable[[Field, Sequence[tuple[int, Value]], int], Any]]] = {
    "one": _one,
    "list": _list,
    "map": _map,
}
