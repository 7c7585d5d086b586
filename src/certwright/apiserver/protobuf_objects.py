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
FIELD_LIMIT: Final = 200_000
"""Fields in one body; an empty message is two bytes long and takes a hundred times as much memory."""
Sent = tuple[int, Value]
"""A wire type and what was sent in it."""
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
    return {"kind": kind, "apiVersion": api_version, **_Reader().message(name, envelope.get(_RAW, b""))}


def _parts(data: bytes) -> dict[int, bytes]:
    """The fields of the envelope, all of which are bytes."""
    return {number: value for number, _, value in fields(data) if isinstance(value, bytes)}


class _Reader:
    """Reads the messages of one body, as deep and as many as one object may reasonably have."""

    def __init__(self) -> None:
        self._depth = 0
        self._left = FIELD_LIMIT

    def message(self, name: str, data: bytes) -> dict[str, Any]:
        """The JSON object of a message."""
        self._depth += 1
        if self._depth > DEPTH_LIMIT:
            raise ProtobufError("exceeded max depth")
        sent = self._fields(data)
        found: dict[str, Any] = {}
        for field in messages()[name]:
            values = sent.get(field.number)
            if values is not None:
                read = _SHAPES[field.shape](self, field, values)
                if read or field.pointer or field.always:
                    found[field.name] = read
            elif field.always:
                found[field.name] = self._not_sent(field)
        self._depth -= 1
        return found

    def _fields(self, data: bytes) -> dict[int, list[Sent]]:
        """The fields by number, in order."""
        found: dict[int, list[Sent]] = {}
        for number, wire, value in fields(data):
            self._left -= 1
            if self._left < 0:
                raise ProtobufError(f"more than {FIELD_LIMIT} fields")
            found.setdefault(number, []).append((wire, value))
        return found

    def _not_sent(self, field: Field) -> Any:
        """What Go writes for a field that nobody has set."""
        if field.shape != "one" or field.pointer:
            return None
        return _SCALARS[field.type][2] if field.type in _SCALARS else self._value(field.type, b"")

    def one(self, field: Field, values: Sequence[Sent]) -> Any:
        """A message that was sent in parts is the sum of them; of numbers and text the last one counts."""
        if field.type in _SCALARS:
            return self._any(field, values[-1])
        parts = [_bytes(field, each) for each in values]
        return self._value(field.type, parts[0] if len(parts) == 1 else b"".join(parts))

    def list(self, field: Field, values: Sequence[Sent]) -> list[Any]:
        """Every value that was sent."""
        return [self._any(field, each) for each in values]

    def map(self, field: Field, values: Sequence[Sent]) -> dict[str, Any]:
        """Each entry is a message of a key and a value; either may be missing."""
        found: dict[str, Any] = {}
        unset = Field(2, field.name, field.type, "one", pointer=False, always=True)
        for each in values:
            entry = self._fields(_bytes(field, each))
            key = _text(_bytes(field, entry[1][-1])) if 1 in entry else ""
            found[key] = self._any(field, entry[2][-1]) if 2 in entry else self._not_sent(unset)
        return found

    def _any(self, field: Field, sent: Sent) -> Any:
        scalar = _SCALARS.get(field.type)
        if scalar is None:
            return self._value(field.type, _bytes(field, sent))
        wire, read, _ = scalar
        if sent[0] != wire:
            raise ProtobufError(f"wrong wireType = {sent[0]} for field {field.name}")
        return read(sent[1])

    def _value(self, message: str, data: bytes) -> Any:
        found = self.message(message, data)
        special = _SPECIAL.get(message)
        return found if special is None else special(found, data)


_SHAPES: Final = {"one": _Reader.one, "list": _Reader.list, "map": _Reader.map}


def _bytes(field: Field, sent: Sent) -> bytes:
    wire, value = sent
    if wire != LENGTH or not isinstance(value, bytes):
        raise ProtobufError(f"wrong wireType = {wire} for field {field.name}")
    return value


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
