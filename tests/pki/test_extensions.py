import msgspec
import pytest

from certwright.api.certmanager import NameConstraints
from certwright.pki import der, extensions
from certwright.pki.der import DERError
from certwright.pki.errors import TemplateError
from certwright.pki.extensions import Extension


def constraints(**fields):
    return msgspec.convert(fields, NameConstraints)


def test_name_constraints_have_the_bytes_they_always_had():
    wanted = constraints(
        critical=True,
        permitted={
            "dnsDomains": ["example.org"],
            "ipRanges": ["10.10.0.0/16"],
            "emailAddresses": ["email@email.org"],
        },
        excluded={"ipRanges": ["10.10.0.0/24"]},
    )
    assert extensions.spec_name_constraints(wanted).hex() == (
        "303ea02e300d820b6578616d706c652e6f7267300a87080a0a0000ffff00003011810f656d61696c40656d61696c2e6f7267"
        "a10c300a87080a0a0000ffffff00"
    )


def test_address_ranges_are_masked():
    ranges = ["10.1.2.3/8", "fd12::1/7", "0.0.0.0/0"]
    value = extensions.spec_name_constraints(constraints(permitted={"ipRanges": ranges}))
    found = extensions.decode_name_constraints(value).permitted[1]
    assert [packed.hex() for packed in found] == [
        "0a000000ff000000",
        "fc" + "00" * 15 + "fe" + "00" * 15,
        "00" * 8,
    ]


def test_name_constraints_that_name_nothing_are_left_out():
    assert extensions.spec_name_constraints(constraints(permitted={}, excluded={"dnsDomains": []})) is None


@pytest.mark.parametrize(
    "item",
    [
        {"ipRanges": ["10.0.0.0"]},
        {"ipRanges": ["10.0.0.0/33"]},
        {"ipRanges": ["10.0.0.0/255.0.0.0"]},
        {"ipRanges": ["x/8"]},
        {"dnsDomains": ["ü"]},
    ],
)
def test_constraints_that_cannot_be_encoded_are_refused(item):
    with pytest.raises(TemplateError):
        extensions.spec_name_constraints(constraints(excluded=item))


def test_constraints_of_others_are_written_again_in_the_usual_order():
    uri, dns = der.sequence(der.tlv(0x86, b"u")), der.sequence(der.tlv(0x82, b"d"))
    foreign = der.sequence(der.context(0, uri + dns, constructed=True))
    again = extensions.encode_name_constraints(extensions.decode_name_constraints(foreign))
    assert again == der.sequence(der.context(0, dns + uri, constructed=True))


@pytest.mark.parametrize(
    "base",
    [
        der.tlv(0xA4, b""),
        der.tlv(0x87, b"\1" * 7),
        der.tlv(0x87, b"\1\2\3\4\xff\0\xff\0"),
        der.tlv(0x82, b"\xff"),
    ],
)
def test_constraints_of_other_kinds_are_refused(base):
    with pytest.raises(DERError):
        extensions.decode_name_constraints(der.sequence(der.context(0, der.sequence(base), constructed=True)))
    with pytest.raises(DERError):
        extensions.decode_name_constraints(der.EMPTY_SEQUENCE)


def test_an_extension_may_occur_once():
    one = Extension("2.5.29.15", True, b"x")
    assert extensions.decode(extensions.encode([one])) == (one,)
    with pytest.raises(DERError, match="twice"):
        extensions.decode(extensions.encode([one, one]))


def test_basic_constraints_carry_no_path_length():
    assert extensions.encode_basic_constraints(is_ca=False).hex() == "3000"
    assert extensions.encode_basic_constraints(is_ca=True).hex() == "30030101ff"
    assert extensions.decode_basic_constraints(bytes.fromhex("30060101ff020100")) is True


def test_each_crl_url_is_a_point_of_its_own():
    points = extensions.encode_crl_points(["ab", "c"])
    assert points.hex() == "3013" + "3008a006a00486026162" + "3007a005a003860163"


def test_ocsp_servers_come_before_certificate_urls():
    access = extensions.encode_authority_info(["o"], ["c"])
    assert access.hex() == "301e" + "300d06082b0601050507300186016f" + "300d06082b06010505073002860163"
