"""Objects as few bytes, for caches of many: MessagePack, deflated against the first object of the kind.

Objects of one kind are much alike, so most of each is found in the first one. It decides nothing about which
objects are kept, and is no format for files: what was packed can only be unpacked by the same `Packing`.
"""

import zlib
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")

_WINDOW: Final = -12
"""4 KiB, raw deflate: as much as the first object and this one have together."""
_MEMORY: Final = 5
_LEVEL: Final = 1


class Packing(Generic[T]):
    """Packs and unpacks values of one type that msgspec can encode."""

    def __init__(self, type_: type[T]) -> None:
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(type_).decode
        self._dictionary = b""

    def pack(self, value: T) -> bytes:
        """The value in a few bytes."""
        plain = self._encode(value)
        if not self._dictionary:
            self._dictionary = plain
        deflate = zlib.compressobj(
            _LEVEL, zlib.DEFLATED, _WINDOW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, self._dictionary
        )
        return deflate.compress(plain) + deflate.flush()

    def unpack(self, packed: bytes) -> T:
        """The value again, equal to what was packed."""
        return self._decode(zlib.decompressobj(_WINDOW, self._dictionary).decompress(packed))
