"""Protocol Buffers, the writing half, and only what OpenAPI documents need: text, numbers, booleans,
messages.

Source: protobuf.dev/programming-guides/encoding. Fields that have their default value are left out.
"""

from __future__ import annotations

import struct


def _varint(value: int) -> bytes:
    if value < 0:
        value += 1 << 64
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)


def message(field: int, content: bytes) -> bytes:
    """A message inside a message, also when it is empty."""
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def text(field: int, value: str) -> bytes:
    """A string."""
    return message(field, value.encode()) if value else b""


def texts(field: int, values: list[str]) -> bytes:
    """A repeated string."""
    return b"".join(message(field, value.encode()) for value in values)


def integer(field: int, value: int) -> bytes:
    """An int64."""
    return _varint(field << 3) + _varint(value) if value else b""


def boolean(field: int, value: bool) -> bytes:
    """A bool."""
    return integer(field, int(value))


def double(field: int, value: float) -> bytes:
    """A double."""
    return _varint(field << 3 | 1) + struct.pack("<d", value) if value else b""
