"""The wire format alone."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.apiserver import protobuf
from certwright.apiserver.protobuf_reader import (
    FIXED32,
    FIXED64,
    LENGTH,
    VARINT,
    ProtobufError,
    fields,
    signed,
)


def test_every_wire_type_is_read() -> None:
    data = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x19" + b"\x01" * 8 + b"\x25" + b"\x02" * 4
    assert list(fields(data)) == [
        (1, VARINT, 150),
        (2, LENGTH, b"hi"),
        (3, FIXED64, b"\x01" * 8),
        (4, FIXED32, b"\x02" * 4),
    ]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x08", "unexpected EOF"),
        (b"\x08\x80", "unexpected EOF"),
        (b"\x12\x03hi", "unexpected EOF"),
        (b"\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "unexpected EOF"),
        (b"\x19\x01", "unexpected EOF"),
        (b"\x08" + b"\xff" * 10 + b"\x01", "integer overflow"),
        (b"\x00\x01", "illegal tag"),
        (b"\x0b", "illegal wireType 3"),
        (b"\x0c", "illegal wireType 4"),
        (b"\x0f", "illegal wireType 7"),
    ],
)
def test_what_is_cut_off_or_no_field_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ProtobufError, match=message):
        list(fields(data))


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_number_comes_back_as_it_was_written(value: int) -> None:
    written = protobuf.integer(1, value)
    assert [signed(int(found), 64) for _, _, found in fields(written)] == ([value] if value else [])


@given(st.binary(max_size=200))
def test_garbage_is_read_or_refused(data: bytes) -> None:
    with suppress(ProtobufError):
        list(fields(data))
