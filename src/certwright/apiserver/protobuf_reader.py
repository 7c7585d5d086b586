"""Protocol Buffers, the reading half: from bytes to numbered fields. It knows no messages; `protobuf` writes.

Source: protobuf.dev/programming-guides/encoding. Groups, which Kubernetes never had, are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH: Final = 2
FIXED32: Final = 5
_VARINT_BYTES: Final = 10
_WIDTHS: Final = {FIXED64: 8, FIXED32: 4}

Value = int | bytes
"""A number for VARINT, the bytes for everything else."""


class ProtobufError(ValueError):
    """Bytes that are no such message; the message is one line and quotes nothing of them."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at a place (unsigned, 64 bits), and the place behind it. Raises ProtobufError."""
    found = shift = 0
    for place in range(at, min(at + _VARINT_BYTES, len(data))):
        byte = data[place]
        found |= (byte & 0x7F) << shift
        if byte < 0x80:
            return found & 0xFFFF_FFFF_FFFF_FFFF, place + 1
        shift += 7
    raise ProtobufError("integer overflow" if at + _VARINT_BYTES <= len(data) else "unexpected EOF")


def fields(data: bytes) -> Iterator[tuple[int, int, Value]]:
    """The field number, wire type and value of every field in order. Raises ProtobufError."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise ProtobufError(f"illegal tag {number} (wire type {wire})")
        if wire == VARINT:
            value, at = varint(data, at)
            yield number, wire, value
            continue
        if wire == LENGTH:
            size, at = varint(data, at)
        elif wire in _WIDTHS:
            size = _WIDTHS[wire]
        else:
            raise ProtobufError(f"illegal wireType {wire}")
        if size > end - at:
            raise ProtobufError("unexpected EOF")
        yield number, wire, data[at : at + size]
        at += size


def signed(value: int, bits: int) -> int:
    """The unsigned 64-bit number of a varint as the signed number of fewer bits that it stands for."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
