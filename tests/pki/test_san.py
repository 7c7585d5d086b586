import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.pki import der, san
from certwright.pki.der import DERError

ASCII = st.text(st.characters(codec="ascii"), max_size=15)
NAMES = st.builds(
    san.AlternativeNames,
    st.lists(ASCII).map(tuple),
    st.lists(st.one_of(st.binary(min_size=4, max_size=4), st.binary(min_size=16, max_size=16))).map(
        lambda ips: tuple(map(san.shorten_ip, ips))
    ),
    st.lists(ASCII).map(tuple),
    st.lists(ASCII).map(tuple),
    st.lists(
        st.builds(san.OtherName, st.sampled_from(["1.2.3", "2.999.1"]), st.text(st.characters(codec="utf-8")))
    ).map(tuple),
)


@given(NAMES)
def test_names_survive_the_round_trip(names):
    assert san.decode(san.encode(names)) == names


@given(st.ip_addresses())
def test_addresses_are_packed_as_the_system_does(address):
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    packed = san.pack_ip(str(address))
    assert packed == san.shorten_ip(socket.inet_pton(family, str(address)))
    assert san.pack_ip(san.ip_text(packed)) == packed


def test_mapped_addresses_are_ipv4():
    assert san.pack_ip("::ffff:192.0.2.1") == san.pack_ip("192.0.2.1")
    assert san.ip_text(san.pack_ip("::ffff:192.0.2.1")) == "192.0.2.1"


def test_other_kinds_of_names_are_dropped():
    directory_name = der.tlv(0xA4, der.EMPTY_SEQUENCE)
    registered = der.tlv(0x88, b"\x2a")
    assert san.decode(der.sequence(directory_name, registered, der.tlv(0x82, b"a"))).dns == ("a",)


def test_an_other_name_that_is_no_utf8_string_has_no_text():
    value = der.context(0, der.tlv(0x16, b"a"), constructed=True)
    name = der.tlv(0xA0, der.oid("1.2.3") + value)
    assert san.decode(der.sequence(name)).others == (san.OtherName("1.2.3", None),)
    assert san.decode(der.sequence(der.tlv(0xA0, b"\xff"))).others == (san.OtherName("", None),)


@pytest.mark.parametrize("content", [der.tlv(0x87, b"\1\2\3"), der.tlv(0x82, b"\xff"), b"\x82"])
def test_malformed_names_are_refused(content):
    with pytest.raises((DERError, UnicodeDecodeError)):
        san.decode(der.tlv(0x30, content))
