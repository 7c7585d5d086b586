import os
from base64 import b64decode

import pytest

from certwright.pki import keys, secret
from certwright.pki.errors import KeyDecodeError, TemplateError
from certwright.pki.keystores import Passwords, Source

SOURCE = Source(os.urandom, lambda: 0)
NO_PASSWORDS = Passwords()
CHAIN, CA = b"-----chain-----\n", b"-----ca-----\n"


def target_data(key, chain, ca, wanted, passwords=NO_PASSWORDS):
    return secret.target_data(key, chain, ca, wanted, passwords, SOURCE)


@pytest.fixture(scope="module", params=["PKCS1", "PKCS8"])
def key(request):
    return keys.encode(keys.generate("ECDSA"), request.param)


def test_without_further_formats_there_are_three_entries(spec, key):
    assert target_data(key, CHAIN, CA, spec()) == {
        "tls.crt": CHAIN,
        "tls.key": key,
        "ca.crt": CA,
    }


def test_an_empty_ca_is_left_out(spec, key):
    assert target_data(key, CHAIN, b"", spec()).keys() == {"tls.crt", "tls.key"}


def test_der_is_what_the_pem_of_the_key_encloses(spec, key):
    data = target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "DER"}]))
    assert data["key.der"] == b64decode(b"".join(key.splitlines()[1:-1]))
    assert "tls-combined.pem" not in data


def test_combined_pem_has_an_empty_line_between_key_and_chain(spec, key):
    data = target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "CombinedPEM"}]))
    assert data["tls-combined.pem"] == key + b"\n" + CHAIN


def test_an_unknown_format_is_refused(spec, key):
    with pytest.raises(TemplateError, match="XML"):
        target_data(key, CHAIN, CA, spec(additionalOutputFormats=[{"type": "XML"}]))


def test_a_key_that_is_no_pem_is_refused(spec):
    with pytest.raises(KeyDecodeError):
        target_data(b"x", CHAIN, CA, spec(additionalOutputFormats=[{"type": "DER"}]))


def test_keystores_are_added_where_they_are_wanted(spec, key, root):
    issued = root.issue(key, dnsNames=["a.example"])
    wanted = spec(
        keystores={"jks": {"create": True, "password": "x"}, "pkcs12": {"create": False, "password": "x"}}
    )
    data = target_data(key, issued.chain_pem, issued.ca_pem, wanted, Passwords(jks="x"))
    assert sorted(data) == ["ca.crt", "keystore.jks", "tls.crt", "tls.key", "truststore.jks"]
