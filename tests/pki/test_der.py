from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import der
from certwright.pki.der import DERError, Reader


@given(st.integers(min_value=0, max_value=1 << 5000))
def test_integers_survive_the_round_trip(value):
    assert Reader(der.integer(value)).integer() == value


@given(st.binary(max_size=70_000))
def test_contents_of_any_length_survive_the_round_trip(content):
    reader = Reader(der.octet_string(content))
    assert reader.content(der.OCTET_STRING) == content
    reader.finish()


@pytest.mark.parametrize(
    ("dotted", "encoded"),
    [
        ("1.2.840.113549.1.9.14", "06092a864886f70d01090e"),
        ("2.5.29.17", "0603551d11"),
        ("2.999.3", "0603883703"),
        ("0.9.2342.19200300.100.1.25", "060a0992268993f22c640119"),
    ],
)
def test_object_identifiers_are_encoded_in_base_128(dotted, encoded):
    assert der.oid(dotted).hex() == encoded
    assert Reader(bytes.fromhex(encoded)).oid() == dotted


@pytest.mark.parametrize("text", ["", "1", "3.1", "1.40", "1.x", "1..2", "CN", "1.-2", "1.²"])
def test_text_that_is_no_object_identifier_is_refused(text):
    with pytest.raises(DERError):
        der.oid(text)


@given(st.lists(st.binary(min_size=1, max_size=5), max_size=5))
def test_a_set_does_not_depend_on_the_order_of_its_parts(parts):
    encoded = [der.octet_string(part) for part in parts]
    assert der.set_of(encoded) == der.set_of(encoded[::-1])


@pytest.mark.parametrize(
    ("moment", "content"),
    [
        (datetime(2049, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC), b"\x17\x0d491231235959Z"),
        (datetime(2050, 1, 1, tzinfo=UTC), b"\x18\x0f20500101000000Z"),
        (datetime(1950, 1, 1, tzinfo=UTC), b"\x17\x0d500101000000Z"),
        (datetime(1949, 12, 31, tzinfo=UTC), b"\x18\x0f19491231000000Z"),
        (datetime(2027, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))), b"\x17\x0d261231230000Z"),
    ],
)
def test_times_are_utc_with_four_digit_years_from_2050(moment, content):
    assert der.time(moment) == content
    assert Reader(content).time() == moment.replace(microsecond=0)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "30",
        "3080",
        "308100",
        "30820001ff",
        "3085000000000100",
        "3003020101ff",
        "1f0100",
        "020100ff",
        "30040201",
    ],
)
def test_what_is_not_der_is_refused(content):
    with pytest.raises(DERError):
        der.top(bytes.fromhex(content)).integer()


@pytest.mark.parametrize("content", ["02020001", "0202ff80", "0200"])
def test_integers_must_be_in_the_shortest_form(content):
    with pytest.raises(DERError):
        Reader(bytes.fromhex(content)).integer()


@given(st.binary(max_size=60))
def test_garbage_raises_nothing_but_the_readers_error(garbage):
    for read in (Reader.integer, Reader.bit_string, Reader.boolean, Reader.oid, Reader.time, Reader.any):
        with suppress(DERError):
            read(Reader(garbage))


@pytest.mark.parametrize(
    ("content", "read"),
    [
        ("010101", Reader.boolean),
        ("030201ff", Reader.bit_string),
        ("0600", Reader.oid),
        ("060180", Reader.oid),
        ("0603808001", Reader.oid),
        ("170b3236313132313030305a", Reader.time),
        ("170d3236313333313030303030305a", Reader.time),
        ("170d32363131323130303030303058", Reader.time),
    ],
)
def test_forms_that_der_does_not_allow_are_refused(content, read):
    with pytest.raises(DERError):
        read(Reader(bytes.fromhex(content)))
