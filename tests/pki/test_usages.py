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
