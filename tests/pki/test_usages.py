import pytest
from hypothesis import given
from hypothesis import strategies as st

from certwright.api.certificate import USAGES
from certwright.pki import usages
from certwright.pki.der import DERError
from certwright.pki.errors import TemplateError


def test_every_usage_of_the_api_means_something():
    assert set(USAGES) == usages.KEY_USAGES.keys() | usages.EXTENDED_KEY_USAGES.keys()
    for name in USAGES:
        bits, extended = usages.resolve([name], is_ca=False)
        assert (bits != 0) != bool(extended)


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("signing", 0),
        ("digital signature", 0),
        ("content commitment", 1),
        ("key encipherment", 2),
        ("data encipherment", 3),
        ("key agreement", 4),
        ("cert sign", 5),
        ("crl sign", 6),
        ("encipher only", 7),
        ("decipher only", 8),
        ("any", "2.5.29.37.0"),
        ("server auth", "1.3.6.1.5.5.7.3.1"),
        ("client auth", "1.3.6.1.5.5.7.3.2"),
        ("code signing", "1.3.6.1.5.5.7.3.3"),
        ("email protection", "1.3.6.1.5.5.7.3.4"),
        ("s/mime", "1.3.6.1.5.5.7.3.4"),
        ("ipsec end system", "1.3.6.1.5.5.7.3.5"),
        ("ipsec tunnel", "1.3.6.1.5.5.7.3.6"),
        ("ipsec user", "1.3.6.1.5.5.7.3.7"),
        ("timestamping", "1.3.6.1.5.5.7.3.8"),
        ("ocsp signing", "1.3.6.1.5.5.7.3.9"),
        ("microsoft sgc", "1.3.6.1.4.1.311.10.3.3"),
        ("netscape sgc", "2.16.840.1.113730.4.1"),
    ],
)
def test_a_usage_is_a_bit_or_an_identifier(name, meaning):
    expected = (1 << meaning, ()) if isinstance(meaning, int) else (0, (meaning,))
    assert usages.resolve([name], is_ca=False) == expected
    bits, extended = expected
    assert usages.resolve([name], is_ca=True) == (bits | 1 << 5, extended)


@pytest.mark.parametrize("algorithm", ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"])
def test_an_ml_dsa_key_enciphers_nothing_unless_asked_to(algorithm):
    assert usages.resolve(None, is_ca=False, algorithm=algorithm) == (1, ())
    assert usages.resolve([], is_ca=True, algorithm=algorithm) == (0b100001, ())
    assert usages.resolve(["key encipherment"], is_ca=False, algorithm=algorithm) == (0b100, ())
    for other in ("", "RSA", "ECDSA", "Ed25519"):
        assert usages.resolve(None, is_ca=False, algorithm=other) == (0b101, ())


def test_no_usages_mean_the_two_defaults():
    assert usages.resolve(None, is_ca=False) == usages.resolve([], is_ca=False) == (0b101, ())


def test_a_ca_signs_certificates_besides():
    assert usages.resolve(None, is_ca=True) == (0b100101, ())
    assert usages.resolve(["server auth"], is_ca=True) == (0b100000, ("1.3.6.1.5.5.7.3.1",))


def test_signing_and_digital_signature_are_one_bit():
    assert usages.resolve(["signing", "digital signature"], is_ca=False) == (1, ())


def test_extended_usages_keep_order_and_duplicates():
    names = ["client auth", "server auth", "s/mime", "email protection", "client auth"]
    last = [identifier.rpartition(".")[2] for identifier in usages.resolve(names, is_ca=False)[1]]
    assert last == ["2", "1", "4", "4", "2"]


def test_all_unknown_usages_are_named():
    with pytest.raises(TemplateError, match="'x', 'y'"):
        usages.resolve(["x", "any", "y"], is_ca=False)


@pytest.mark.parametrize(
    ("bits", "encoded"),
    [
        (1, "03020780"),
        (0b101, "030205a0"),
        (0b100101, "030202a4"),
        (1 << 7, "03020001"),
        (1 << 8, "0303070080"),
        ((1 << 9) - 1, "030307ff80"),
    ],
)
def test_key_usage_has_no_trailing_zero_bits(bits, encoded):
    assert usages.encode_key_usage(bits).hex() == encoded


@given(st.integers(1, (1 << 9) - 1))
def test_key_usage_survives_the_round_trip(bits):
    assert usages.decode_key_usage(usages.encode_key_usage(bits)) == bits


@pytest.mark.parametrize(
    "content", ["", "0300", "030101", "030208ff", "030207ff", "0302", "04020780", "0302078000"]
)
def test_malformed_key_usage_is_refused(content):
    with pytest.raises(DERError):
        usages.decode_key_usage(bytes.fromhex(content))


def test_an_empty_key_usage_has_no_bits():
    assert usages.decode_key_usage(bytes.fromhex("030100")) == 0


def test_usages_are_named_again():
    names = ["digital signature", "cert sign", "server auth"]
    bits, extended = usages.resolve(names, is_ca=False)
    assert usages.describe(bits, [*extended, "1.2.3"]) == [*names, "1.2.3"]
    assert usages.decode_extended(usages.encode_extended(extended)) == extended
